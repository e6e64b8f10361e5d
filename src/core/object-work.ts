/** What objects write, read and keep for one request, job, flush and tick, as test/workerd/capacity.test.ts counts it. */
import { KEEP_JOBS_MS } from './ledger-growth.ts'

/** Rows written, with their entries in indexes. */
export const ROWS = {
  job: 5,
  seenOpen: 2,
  jobEnd: 4,
  exposed: 4,
  forgotten: 1,
  /** A copy of which submit and answer come with one flush, up to its end. */
  copy: 5,
  copyEnd: 1,
  /** Of copies whose ends are seen together. */
  copyEnds: 3,
  /** Of a job, by the ledger, that is still open. */
  poll: 2,
  /** Beside the copies themselves: the grant, the steps of the funnel, the day's count. */
  copyFlush: 6,
  /** Steps before a copy is granted. */
  copySteps: 2,
  shardFlush: 1,
  /** One series of a flush, of requests or of jobs: its window, and the sums since ever. */
  series: 2,
  tickState: 1,
  tickAlarm: 1,
  /** Of a ledger, at each of its wakes. */
  alarms: 2,
} as const

/** Rows read. */
export const READ = { ledgerFlush: 6, job: 1, jobEnd: 5, shardFlush: 1, poll: 8, tick: 3, ledgerTick: 6 } as const

/** A second of a counter shard: each writes, so that they are fewer than what an object may be asked. */
export const MOST_FLUSHES = 600
export const JOB_BYTES = 600
export const JOBS_KEPT_SECONDS = KEEP_JOBS_MS / 1000
export const WINDOWS_KEPT = 11_520
/** A window's row of one series, with its sketches of latencies. */
export const WINDOW_BYTES = 800
