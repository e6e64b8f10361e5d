/**
 * What an answer about a job means for the job itself: the ledger is told of its end, and with `rescue` a job that
 * failed at the candidate goes on at control under the id that the client holds.
 */
import { canBeRescued } from '../core/rescue-plan.ts'
import { within } from '../durable/deadline.ts'
import { toJobUpdate } from '../durable/job-shapes.ts'
import type { RescueStatus } from '../durable/rpc.ts'
import { isGone, outcomeOf } from '../protocols/job-outcome.ts'
import type { BackendJob, Route } from '../protocols/protocol.ts'
import { LOCATE_MS, RESCUE_MS, RESCUE_SLACK_MS } from './deadlines.ts'
import { isGivenUp } from './download.ts'
import { nameOf, type OwnedJob } from './owned-job.ts'
import { isCounted } from './translation.ts'

/** Tells the ledger what this answer shows of the job. */
export function recordUpdate(job: OwnedJob, route: Route, status: number, backendJob: BackendJob | null): void {
  const { runtime, tag, clientId } = job
  if (!tag || !isCounted(tag)) return
  const end = backendJob ?? endOf(route, status, runtime.release.rescue)
  if (!end) return
  // Its owner has asked for it to be stopped, however that was answered.
  const shown = end === 'job_lost' && isGivenUp(job) ? 'cancelled' : end
  runtime.telemetry.seen(toJobUpdate({ ...tag, clientId, prefix: route.prefix }, shown, runtime.deps.now()))
}

/** What an answer without a job says of it. */
function endOf({ operation, answer }: Route, status: number, isRescuing: boolean): 'cancelled' | 'job_lost' | null {
  if (operation === 'cancel' && (status < 300 || (isGone(status) && isRescuing))) return 'cancelled'
  // Of a result it may say that there is none yet.
  return operation === 'poll' && answer === 'job' && isGone(status) ? 'job_lost' : null
}

/** Whether `rescue` may let this job go on at control. */
export function isRescuable({ runtime, arm, tag }: OwnedJob): boolean {
  return runtime.release.rescue && arm === 'candidate' && tag !== null
}

/** Whether the answer to a poll shows the job failed or lost at the candidate, so that it may go on at control. */
export function showsFailure(job: OwnedJob, status: number, backendJob: BackendJob | null): boolean {
  if (!isRescuable(job)) return false
  return backendJob ? canBeRescued(outcomeOf(backendJob)) : isGone(status)
}

/** What the client is to be shown instead: the job at control, or (`pending`) that it is on its way there. */
export type Rescued = OwnedJob | 'pending' | null

/**
 * Asks the ledger, which resubmits a failed job and knows where each of them is now. `whenUnreachable` holds while the ledger
 * can't be asked: of a job that is known to have failed nobody can say then that it is over.
 */
export async function rescue(job: OwnedJob, whenUnreachable: 'pending' | null, waitMs = RESCUE_MS): Promise<Rescued> {
  const { runtime } = job
  const name = nameOf(job)
  // Without a snapshot of its epoch nobody can say which ledger has the job.
  if (!runtime.places.knows(name)) return whenUnreachable
  // The job's end, and its body, may still wait in this isolate for their flush.
  await runtime.telemetry.flush()
  const asked = runtime.ledgerOf(name).rescue(name, waitMs)
  const fallback = whenUnreachable && ({ state: whenUnreachable } as const)
  const rescueStatus = await within(waitMs + RESCUE_SLACK_MS, asked).catch((): RescueStatus => fallback)
  return rescueStatus?.state === 'at_control' ? atControl(job, rescueStatus) : rescueStatus && 'pending'
}

/**
 * The job where it is now, before anything is asked of a backend. Polls of a candidate's job ask the candidate first,
 * which costs no look-up, until it has outlasted `job_timeout`.
 */
export async function locateJob(job: OwnedJob, route: Pick<Route, 'operation'>): Promise<OwnedJob> {
  const { runtime, tag } = job
  if (!isRescuable(job)) return job
  if (route.operation === 'poll' && runtime.deps.now() < tag!.submittedAt + runtime.release.jobTimeoutMs) return job
  const name = nameOf(job)
  const asked = runtime.ledgerOf(name).jobLocation(name)
  const rescueStatus = await within(LOCATE_MS, asked).catch(() => null)
  return rescueStatus?.state === 'at_control' ? atControl(job, rescueStatus) : job
}

function atControl(job: OwnedJob, { replica, upstreamId }: RescueStatus & { state: 'at_control' }): OwnedJob {
  return { ...job, arm: 'control', replica, upstreamId, tag: null }
}
