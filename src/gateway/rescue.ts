/**
 * What an answer about a job means for the job itself: the ledger is told of its end, and with `rescue` a job that
 * failed at the candidate goes on at control under the id that the client holds.
 */
import type { JobSight, Route } from '../protocols/protocol.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'
import { within } from '../durable/stubs.ts'
import { now } from './isolate.ts'
import type { OwnedJob } from './owned-job.ts'
import { endOf, sightingOf } from './sighting.ts'
import { isCounted } from './translation.ts'

/** A rescue submits to control before it answers. */
const RESCUE_DEADLINE_MS = 15_000

/** Tells the ledger what this answer shows of the job. */
export function noteSight(
  { lane, tag, clientId }: OwnedJob,
  route: Route,
  status: number,
  sight: JobSight | null,
): void {
  if (!tag || !isCounted(tag)) return
  const job = { ...tag, clientId }
  if (sight) lane.telemetry.seen(sightingOf(job, sight, now()))
  else if (route.operation === 'cancel' && status < 300) lane.telemetry.seen(endOf(job, 'cancelled', now()))
  else if (route.operation === 'poll' && status === 404) lane.telemetry.seen(endOf(job, 'job_lost', now()))
}

/** Whether `rescue` may let this job go on at control. */
export function canGoOn({ lane, arm, tag }: OwnedJob): boolean {
  return lane.release.rescue && arm === 'candidate' && tag !== null
}

/** Where the job goes on, if this poll shows it failed or lost at the candidate; null where it does not. */
export async function goesOn(
  job: OwnedJob,
  route: Route,
  status: number,
  sight: JobSight | null,
): Promise<OwnedJob | null> {
  if (!canGoOn(job) || route.operation !== 'poll') return null
  const failed = sight ? outcomeOf(sight) === 'job_failed' : status === 404
  if (!failed) return null
  noteSight(job, route, status, sight)
  return rescue(job)
}

/** Asks the ledger, which resubmits a failed job once and knows where each of them is now. */
export async function rescue(job: OwnedJob): Promise<OwnedJob | null> {
  const { lane, tag, upstreamId } = job
  // The job's end, and its body, may still wait in this isolate for their flush.
  await lane.telemetry.flush()
  const found = await within(RESCUE_DEADLINE_MS, lane.ledgerFor(tag!.owner).rescue(upstreamId)).catch(() => null)
  return found && { ...job, arm: 'control', replica: found.replica, upstreamId: found.upstreamId, tag: null }
}
