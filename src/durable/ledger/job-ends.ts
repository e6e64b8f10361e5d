/** What the end of a job counts as: its status, and its part in the windows. Runs no SQL. */
import type { Outcome } from '../../core/outcome.ts'
import { count, emptyCounters, type Measure, type Series } from '../../core/window.ts'
import { type JobRow, NOTHING_REPORTED } from '../job-shapes.ts'
import type { ReportedSeconds } from '../rpc.ts'
import type { CountedRow } from '../window-store.ts'

/** 81 frames of 832×480: what a job's seconds are scaled to where its size is known. */
export const CLIP_WORK = 81 * 832 * 480

/** Values of `gone`. */
const GONE = 1
export const GIVEN_UP = 2

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

export function statusOf(outcome: Outcome): JobRow['status'] {
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
