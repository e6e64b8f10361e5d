/**
 * What an answer about a job means for the job itself: the ledger is told of its end, and with `rescue` a job that
 * failed at the candidate goes on at control under the id that the client holds.
 */
import type { BackendJob, Route } from '../protocols/protocol.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'
import { canBeRescued } from '../core/rescue-plan.ts'
import type { LedgerJob, RescueStatus } from '../durable/rpc.ts'
import { within } from '../durable/deadline.ts'
import { LOCATE_MS, RESCUE_MS, RESCUE_SLACK_MS } from './deadlines.ts'
import type { JobRuntime } from './isolate.ts'
import type { OwnedJob } from './owned-job.ts'
import { endOf, toJobUpdate } from './job-update.ts'
import { isCounted } from './translation.ts'

/** Tells the ledger what this answer shows of the job. */
export function recordUpdate(
  { runtime, tag, clientId }: OwnedJob,
  route: Route,
  status: number,
  backendJob: BackendJob | null,
): void {
  if (!tag || !isCounted(tag)) return
  const { now } = runtime.deps
  const job = { ...tag, clientId, prefix: route.prefix }
  if (backendJob) runtime.telemetry.seen(toJobUpdate(job, backendJob, now()))
  else if (route.operation === 'cancel' && (status < 300 || (status === 404 && runtime.release.rescue)))
    runtime.telemetry.seen(endOf(job, 'cancelled', now()))
  else if (route.operation === 'poll' && status === 404) runtime.telemetry.seen(endOf(job, 'job_lost', now()))
}

/** Whether `rescue` may let this job go on at control. */
export function isRescuable({ runtime, arm, tag }: OwnedJob): boolean {
  return runtime.release.rescue && arm === 'candidate' && tag !== null
}

/** Whether the answer to a poll shows the job failed or lost at the candidate, so that it may go on at control. */
export function showsFailure(job: OwnedJob, status: number, backendJob: BackendJob | null): boolean {
  if (!isRescuable(job)) return false
  return backendJob ? canBeRescued(outcomeOf(backendJob)) : status === 404
}

/** What the client is to be shown instead: the job at control, or (`pending`) that it is on its way there. */
export type Rescued = OwnedJob | 'pending' | null

/**
 * Asks the ledger, which resubmits a failed job and knows where each of them is now. `whenUnreachable` holds while the ledger
 * can't be asked: of a job that is known to have failed nobody can say then that it is over.
 */
export async function rescue(
  job: OwnedJob,
  whenUnreachable: 'pending' | null,
  waitMs: number = RESCUE_MS,
): Promise<Rescued> {
  const { runtime, arm, replica, upstreamId } = job
  const { owner } = job.tag!
  // The job's end, and its body, may still wait in this isolate for their flush.
  await runtime.telemetry.flush()
  const asked = runtime.ledgerFor(owner).rescue({ arm, replica, upstreamId, owner }, waitMs)
  const fallback = whenUnreachable && ({ state: whenUnreachable } as const)
  const rescueStatus = await within(waitMs + RESCUE_SLACK_MS, asked).catch((): RescueStatus => fallback)
  return rescueStatus?.state === 'at_control' ? atControl(job, rescueStatus) : rescueStatus && 'pending'
}

/**
 * The job where it is now, before anything is asked of a backend. Polls of a candidate's job ask the candidate first,
 * which costs no look-up, until it has outlasted `job_timeout`.
 */
export async function locateJob(job: OwnedJob, route: Pick<Route, 'operation'>): Promise<OwnedJob> {
  const { runtime, tag, arm, replica, upstreamId } = job
  if (!isRescuable(job)) return job
  if (route.operation === 'poll' && runtime.deps.now() < tag!.submittedAt + runtime.release.jobTimeoutMs) return job
  const { owner } = tag!
  const asked = runtime.ledgerFor(owner).jobLocation({ arm, replica, upstreamId, owner })
  const rescueStatus = await within(LOCATE_MS, asked).catch(() => null)
  return rescueStatus?.state === 'at_control' ? atControl(job, rescueStatus) : job
}

/** A job as the ledger or a submit knows it. */
export function ownedJob(runtime: JobRuntime, job: LedgerJob): OwnedJob {
  const { arm, replica, upstreamId, clientId } = job
  return { runtime, arm, replica, upstreamId, clientId, tag: job, holder: job, foreign: false }
}

function atControl(job: OwnedJob, { replica, upstreamId }: RescueStatus & { state: 'at_control' }): OwnedJob {
  return { ...job, arm: 'control', replica, upstreamId, tag: null }
}
