/** What a run that was rolled back cost its users: parts added up, and when they are final. Pure. */
import type { FailedTimes } from './failed-submits.ts'

/** When the last misrouted submit of a rollback is known for sure: propagation bound and flush. */
const SETTLE_AFTER_MS = 7000
/** Beyond the last job's deadline: for its end by the clock and the tries to rescue it. */
const LAST_ENDS_MS = 60_000

/**
 * A run from its start to the start of the next one (`untilMs`, null where there was none). It was rolled back at
 * `decidedAt`, in `lastEpoch`. A submit that afterwards was still routed by that epoch or an earlier one is misrouted;
 * one that went to the candidate because of a tester or of the job that it refers to is not. Times are unix ms.
 */
export interface BlastQuestion {
  startedAt: number
  decidedAt: number
  untilMs: number | null
  lastEpoch: number
}

export interface Run extends BlastQuestion {
  /** All of its epochs, and the one that the rollback began. */
  epochs: number[]
}

/** One ledger's part. `gpuSecondsLost`: run time, or else the whole time, of failed and shadow jobs: GPU seconds where a job holds one GPU. */
export interface BlastCounts {
  subjectsExposed: number
  jobsFailed: number
  jobsRescued: number
  gpuSecondsLost: number
  /** Of users' jobs. */
  firstFailureAt: number | null
  /** Of copies in `lastEpoch` only: the run did not fail by those of earlier epochs. */
  firstCopyFailureAt: number | null
  lastMisroutedSubmitAt: number | null
  /** Jobs of the run that may still fail or go on at control. */
  open: number
}

export interface BlastSum extends BlastCounts {
  /** Submits that failed at the candidate, so that no job ever was. */
  submitsFailed: number
}

/** A subject is in one ledger: nobody counts twice. At least one ledger. */
export function costOf(
  { decidedAt }: Pick<Run, 'decidedAt'>,
  ledgers: readonly BlastCounts[],
  shards: readonly { n: number; times: FailedTimes | null }[],
): BlastSum {
  const jobs = ledgers.reduce((sum, each) => ({
    subjectsExposed: sum.subjectsExposed + each.subjectsExposed,
    jobsFailed: sum.jobsFailed + each.jobsFailed,
    jobsRescued: sum.jobsRescued + each.jobsRescued,
    gpuSecondsLost: sum.gpuSecondsLost + each.gpuSecondsLost,
    firstFailureAt: earliest(sum.firstFailureAt, each.firstFailureAt),
    firstCopyFailureAt: earliest(sum.firstCopyFailureAt, each.firstCopyFailureAt),
    lastMisroutedSubmitAt: latest(sum.lastMisroutedSubmitAt, each.lastMisroutedSubmitAt),
    open: sum.open + each.open,
  }))
  const times = shards.flatMap((shard) => shard.times ?? [])
  const first = times.reduce((at, { firstAt }) => earliest(at, firstAt), jobs.firstFailureAt)
  const misrouted = times.map(({ lastSentAt }) => lastSentAt).filter((at) => at > decidedAt)
  return {
    ...jobs,
    submitsFailed: shards.reduce((sum, { n }) => sum + n, 0),
    // What copies suffered is the run's first failure only where no user suffered any.
    firstFailureAt: first ?? jobs.firstCopyFailureAt,
    lastMisroutedSubmitAt: misrouted.reduce(latest, jobs.lastMisroutedSubmitAt),
  }
}

/** Whether nothing can be added any more: no job is open once the rollback has reached every isolate, or each must have outlasted its time. */
export function isFinalCost({ open }: Pick<BlastSum, 'open'>, decidedAt: number, jobTimeoutMs: number, now: number) {
  const settledAt = decidedAt + SETTLE_AFTER_MS
  return now >= settledAt && (open === 0 || now >= settledAt + jobTimeoutMs + LAST_ENDS_MS)
}

/** How long a sum that is not final stands before it is made again: jobs that have been open for long will be for a while. */
export function sumAgainMs(decidedAt: number, summedAt: number): number {
  return Math.min(LAST_ENDS_MS, (summedAt - decidedAt) / 4)
}

export function earliest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b)
}

function latest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b)
}
