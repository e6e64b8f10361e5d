/** One row of the ledger's jobs: its columns, a job on its way into them and out, and what it is counted as. Runs no SQL. */
import type { Arm } from '../../core/arm.ts'
import type { Outcome } from '../../core/outcome.ts'
import { count, emptyCounters, type Measure, type Series } from '../../core/window.ts'
import type { JobUpdate, LedgerJob } from '../rpc.ts'
import type { CountedRow } from '../window-store.ts'

/** 81 frames of 832×480: what a job's seconds are scaled to where its size is known. */
export const CLIP_WORK = 81 * 832 * 480

export const NOTHING_REPORTED = { queue: null, run: null, total: null }

/** Values of `gone`. */
const GONE = 1
export const GIVEN_UP = 2

export type RowStatus = 'open' | 'succeeded' | 'failed' | 'cancelled' | 'lost' | 'timeout' | 'not_observed'

/** One row. Times are unix ms. `key` is unique over arms and replicas. */
export type JobRow = {
  key: string
  client_id: string
  /** Empty for a shadow copy whose submit has not been answered yet. */
  upstream_id: string
  arm: Arm
  replica: number
  owner: string
  epoch: number
  stage: string
  anonymous: number
  shadow: number
  /** 0: outside the counters, as a job that goes on at control after its candidate failed. */
  counted: number
  submitted_at: number
  work: number | null
  status: RowStatus
  outcome: Outcome | null
  seconds: number | null
  run_seconds: number | null
  ended_at: number | null
  /** When the ledger looks by itself. */
  poll_at: number | null
  polls: number
  /** 1: counted as slow while still open, so its latency is not counted again. 2: to be looked at before that. */
  overdue: number
  /** Of a shadow job: the control job that it copies. */
  pair: string | null
  rescued_upstream: string | null
  rescued_replica: number | null
  /** GONE: its backend no longer has it, though it may have ended well before. GIVEN_UP: its owner deleted it. */
  gone: number
  /** When it was last known to be open, or looked for in vain; null while nobody has looked. */
  open_at: number | null
  /** When it was first shown to have succeeded, by the clock of whoever saw it; null: not yet. */
  shown_at: number | null
  /** 1: a shadow job that an evaluator has measured. */
  scored: number
  /** When it is given up; null: the release's `job_timeout` after its submit. */
  deadline_at: number | null
  /** Before the API's own paths at its backend, as `/n`. */
  prefix: string
}

export const COLUMNS = `key TEXT PRIMARY KEY, client_id TEXT, upstream_id TEXT, arm TEXT, replica INTEGER, owner TEXT, epoch INTEGER, stage TEXT,
  anonymous INTEGER, shadow INTEGER, counted INTEGER, submitted_at INTEGER, work REAL, status TEXT, outcome TEXT,
  seconds REAL, run_seconds REAL, ended_at INTEGER, poll_at INTEGER, polls INTEGER, overdue INTEGER, pair TEXT,
  rescued_upstream TEXT, rescued_replica INTEGER, deadline_at INTEGER, gone INTEGER DEFAULT 0,
  scored INTEGER DEFAULT 0, prefix TEXT DEFAULT '', open_at INTEGER, shown_at INTEGER`

export function jobKey(arm: Arm, replica: number, upstreamId: string): string {
  return `${arm}:${replica}:${upstreamId}`
}

/** An open job as it is taken up. */
export function openRow(job: LedgerJob & { work?: number | null }): JobRow {
  return {
    key: jobKey(job.arm, job.replica, job.upstreamId),
    client_id: job.clientId,
    upstream_id: job.upstreamId,
    arm: job.arm,
    replica: job.replica,
    owner: job.owner,
    epoch: job.epoch,
    stage: job.stage,
    anonymous: Number(job.anonymous),
    shadow: 0,
    counted: 1,
    submitted_at: job.submittedAt,
    work: job.work ?? null,
    status: 'open',
    outcome: null,
    seconds: null,
    run_seconds: null,
    ended_at: null,
    poll_at: null,
    polls: 0,
    overdue: 0,
    pair: null,
    rescued_upstream: null,
    rescued_replica: null,
    deadline_at: null,
    gone: 0,
    open_at: null,
    shown_at: null,
    scored: 0,
    prefix: job.prefix,
  }
}

export function ledgerJob(row: JobRow): LedgerJob {
  return {
    clientId: row.client_id,
    upstreamId: row.upstream_id,
    arm: row.arm,
    replica: row.replica,
    epoch: row.epoch,
    stage: row.stage,
    submittedAt: row.submitted_at,
    owner: row.owner,
    anonymous: row.anonymous === 1,
    prefix: row.prefix,
  }
}

function seriesOf(row: JobRow): Series {
  return {
    stage: row.stage,
    epoch: row.epoch,
    arm: row.arm,
    operation: 'job',
    shadow: row.shadow === 1,
  }
}

/** What a job that ended well took, as far as it is known; `seconds` null where that can't be told from here. */
export function latencies(
  row: JobRow,
  seconds: number | null,
  reported: JobUpdate['reported'],
): Partial<Record<Measure, number>> {
  const worked = reported.run ?? seconds
  return {
    ...(seconds === null ? {} : { latency: seconds }),
    ...(row.work && worked !== null ? { per_clip: (worked * CLIP_WORK) / row.work } : {}),
    ...(reported.queue === null ? {} : { queue: reported.queue }),
    ...(reported.run === null ? {} : { run: reported.run }),
  }
}

/** One job's end, for the windows. */
export function countedEnd(row: JobRow, outcome: Outcome, seconds: Partial<Record<Measure, number>>): CountedRow {
  const counters = emptyCounters()
  count(counters, { outcome, seconds })
  return { series: seriesOf(row), counters }
}

/** An open job that is slow by its age already: a latency, and no request yet. `at` in unix ms. */
export function countedSlow(row: JobRow, at: number): CountedRow {
  const age = (at - row.submitted_at) / 1000
  const { series, counters } = countedEnd(row, 'ok', latencies(row, age, NOTHING_REPORTED))
  return { series, counters: { ...counters, requests: 0 } }
}

/** Whether a job of this end is still with its backend. */
export function goneBy(outcome: Outcome): number {
  if (outcome === 'cancelled') return GIVEN_UP
  return outcome === 'job_lost' ? GONE : 0
}

export function statusOf(outcome: Outcome): RowStatus {
  switch (outcome) {
    case 'ok':
      return 'succeeded'
    case 'cancelled':
    case 'aborted':
      return 'cancelled'
    case 'job_lost':
      return 'lost'
    case 'job_timeout':
      return 'timeout'
    case 'not_observed':
      return 'not_observed'
    default:
      return 'failed'
  }
}
