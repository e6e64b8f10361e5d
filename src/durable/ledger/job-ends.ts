/** What the end of a job counts as: its status, its part in the windows, and what is owed to them. */
import type { RepeatOf } from '../../core/failure-runs.ts'
import { isArmError, type Outcome } from '../../core/outcome.ts'
import { count, type CountedRow, emptyCounters, type Measure, type Series, seriesKey } from '../../core/window.ts'
import { type JobRow, NOTHING_REPORTED, type ReportedSeconds } from '../job-shapes.ts'

/** 81 frames of 832×480: what a job's seconds are scaled to where its size is known. */
export const CLIP_WORK = 81 * 832 * 480

/** Values of `gone`. */
const GONE = 1
export const GIVEN_UP = 2
/** Its owner has asked for it to be deleted, and its backend did not answer: it may go on. */
export const STOPPING = -1

/** What a job counts under, whatever becomes of it. */
export function seriesOf({ stage, epoch, arm, shadow }: Pick<JobRow, 'stage' | 'epoch' | 'arm' | 'shadow'>): Series {
  return { stage, epoch, arm, operation: 'job', shadow: shadow === 1 }
}

/** What a job that ended well took, as far as it is known; `seconds` null where that can't be told from here. */
export function latencies(
  row: JobRow,
  seconds: number | null,
  reported: ReportedSeconds,
): Partial<Record<Measure, number>> {
  const worked = reported.runSeconds ?? seconds
  return {
    ...(seconds === null ? {} : { latency: seconds }),
    ...(row.work && worked !== null ? { per_clip: (worked * CLIP_WORK) / row.work } : {}),
    ...(reported.queueSeconds === null ? {} : { queue: reported.queueSeconds }),
    ...(reported.runSeconds === null ? {} : { run: reported.runSeconds }),
  }
}

/** One job's end, for the windows; `lateWindows` as of `lateness`. */
export function countedEnd(
  row: JobRow,
  outcome: Outcome,
  seconds: Partial<Record<Measure, number>>,
  repeats: readonly RepeatOf[] = [],
  lateWindows = 0,
): CountedRow {
  const counters = emptyCounters()
  count(counters, { outcome, seconds, repeats })
  counters.submitted = 0
  if (lateWindows > 0 && isArmError(outcome) && !repeats.includes('row')) counters.late = { [lateWindows]: 1 }
  return { series: seriesOf(row), counters }
}

/** An open job that is slow by its age already: a latency of the candidate's, and no request yet. `at` in unix ms. */
export function countedSlow(row: JobRow, at: number): CountedRow {
  const age = (at - row.submitted_at) / 1000
  const seconds = row.arm === 'control' ? { open: age } : latencies(row, age, NOTHING_REPORTED)
  const { series, counters } = countedEnd(row, 'ok', seconds)
  return { series, counters: { ...counters, requests: 0 } }
}

/** Whether a job of this end is still with its backend. */
export function goneBy(outcome: Outcome): number {
  if (outcome === 'cancelled') return GIVEN_UP
  return outcome === 'job_lost' ? GONE : 0
}

const STATUS: Partial<Record<Outcome, JobRow['status']>> = {
  ok: 'succeeded',
  cancelled: 'cancelled',
  aborted: 'cancelled',
  job_lost: 'lost',
  job_timeout: 'timeout',
  not_observed: 'not_observed',
}

export function statusOf(outcome: Outcome): JobRow['status'] {
  return STATUS[outcome] ?? 'failed'
}

/**
 * Jobs that were counted as good when they ended and as bad when their video turned out to be none. A window that has
 * been judged can't be changed, so such a job is counted a second time, and the next good end of its series is not
 * counted for it: the sums stay those of the jobs, and no window has more errors than requests.
 */
export class OwedEnds {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec('CREATE TABLE IF NOT EXISTS owed_ends (series TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID')
  }

  /** One job of this series was counted twice. */
  owe(series: Series): void {
    const owe = 'INSERT INTO owed_ends VALUES (?, 1) ON CONFLICT (series) DO UPDATE SET n = n + 1'
    this.#sql.exec(owe, seriesKey(series))
  }

  /** How a job's end is to be counted: in full, or a good one that is owed without a request, for its latencies only. */
  settled(end: CountedRow): CountedRow {
    if (Object.keys(end.counters.outcomes).length > 0) return end
    const update = 'UPDATE owed_ends SET n = n - 1 WHERE series = ? AND n > 0'
    const isOwed = this.#sql.exec(update, seriesKey(end.series)).rowsWritten > 0
    return isOwed ? { ...end, counters: { ...end.counters, requests: 0 } } : end
  }
}
