/**
 * What an answer about a job means for the job itself: the ledger is told of its end, and with `rescue` a job that
 * failed at the candidate goes on at control under the id that the client holds.
 */
import type { JobSight, Route } from '../protocols/protocol.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'
import { canBeRescued } from '../core/rescue-plan.ts'
import type { LedgerJob, Onward } from '../durable/rpc.ts'
import { within } from '../durable/deadline.ts'
import { LOCATE_MS, RESCUE_MS, RESCUE_SLACK_MS } from './deadlines.ts'
import type { JobLane } from './isolate.ts'
import type { OwnedJob } from './owned-job.ts'
import { endOf, sightingOf } from './sighting.ts'
import { isCounted } from './translation.ts'

/** Tells the ledger what this answer shows of the job. */
export function noteSight(
  { lane, tag, clientId }: OwnedJob,
  route: Route,
  status: number,
  sight: JobSight | null,
): void {
  if (!tag || !isCounted(tag)) return
  const { now } = lane.deps
  const job = { ...tag, clientId, prefix: route.prefix }
  if (sight) lane.telemetry.seen(sightingOf(job, sight, now()))
  else if (route.operation === 'cancel' && (status < 300 || (status === 404 && lane.release.rescue)))
    lane.telemetry.seen(endOf(job, 'cancelled', now()))
  else if (route.operation === 'poll' && status === 404) lane.telemetry.seen(endOf(job, 'job_lost', now()))
}

/** Whether `rescue` may let this job go on at control. */
export function canGoOn({ lane, arm, tag }: OwnedJob): boolean {
  return lane.release.rescue && arm === 'candidate' && tag !== null
}

/** Whether the answer to a poll shows the job failed or lost at the candidate, so that it may go on at control. */
export function showsFailure(job: OwnedJob, status: number, sight: JobSight | null): boolean {
  if (!canGoOn(job)) return false
  return sight ? canBeRescued(outcomeOf(sight)) : status === 404
}

/** What the client is to be shown instead: the job at control, or (`pending`) that it is on its way there. */
export type GoesOn = OwnedJob | 'pending' | null

/**
 * Asks the ledger, which resubmits a failed job and knows where each of them is now. `whenSilent` holds while the ledger
 * can't be asked: of a job that is known to have failed nobody can say then that it is over.
 */
export async function rescue(job: OwnedJob, whenSilent: 'pending' | null, waitMs: number = RESCUE_MS): Promise<GoesOn> {
  const { lane, arm, replica, upstreamId } = job
  const { owner } = job.tag!
  // The job's end, and its body, may still wait in this isolate for their flush.
  await lane.telemetry.flush()
  const asked = lane.ledgerFor(owner).rescue({ arm, replica, upstreamId, owner }, waitMs)
  const silent = whenSilent && ({ state: whenSilent } as const)
  const onward = await within(waitMs + RESCUE_SLACK_MS, asked).catch((): Onward => silent)
  return onward?.state === 'at_control' ? atControl(job, onward) : onward && 'pending'
}

/**
 * The job where it is now, before anything is asked of a backend. Polls of a candidate's job ask the candidate first,
 * which costs no look-up, until it has outlasted `job_timeout`.
 */
export async function whereNow(job: OwnedJob, route: Pick<Route, 'operation'>): Promise<OwnedJob> {
  const { lane, tag, arm, replica, upstreamId } = job
  if (!canGoOn(job)) return job
  if (route.operation === 'poll' && lane.deps.now() < tag!.submittedAt + lane.release.jobTimeoutMs) return job
  const { owner } = tag!
  const asked = lane.ledgerFor(owner).whereabouts({ arm, replica, upstreamId, owner })
  const onward = await within(LOCATE_MS, asked).catch(() => null)
  return onward?.state === 'at_control' ? atControl(job, onward) : job
}

/** A job as the ledger or a submit knows it. */
export function ownedJob(lane: JobLane, job: LedgerJob): OwnedJob {
  const { arm, replica, upstreamId, clientId } = job
  return { lane, arm, replica, upstreamId, clientId, tag: job, holder: job, foreign: false }
}

function atControl(job: OwnedJob, { replica, upstreamId }: Onward & { state: 'at_control' }): OwnedJob {
  return { ...job, arm: 'control', replica, upstreamId, tag: null }
}
