/**
 * Counters of one window: what is counted, under which series, and how two counters become one.
 * Merging is associative and commutative, so isolates, shards and ledgers may add in any order.
 */
import type { Arm } from './arm.ts'
import type { RepeatOf } from './failure-runs.ts'
import { type ArmError, type Blameless, isArmError, type Operation, type Outcome } from './outcome.ts'
import { addTo, emptySketch, mergeInto, type Sketch } from './sketch.ts'

/** Counters are kept per series and window. `epoch` and `stage` are those at submit, also for jobs. */
export interface Series {
  stage: string
  epoch: number
  arm: Arm
  operation: Operation
  /** A shadow copy: served to no user. */
  shadow: boolean
}

/**
 * Seconds. `per_clip`: job seconds per 81 frames of 832×480, for jobs whose size is known. `queue`, `run`: parts of a job.
 * `open`: ages of control's jobs that were still open beyond what is tolerated; each has its latency when it has ended.
 */
export type Measure = 'latency' | 'per_clip' | 'queue' | 'run' | 'open'

type Ends = Partial<Record<ArmError | Blameless, number>>
/** How many, by windows. */
type Late = Record<number, number>
type Repeats = Partial<Record<RepeatOf, Ends>>

export interface Counters {
  requests: number
  /** Ends other than `ok`. */
  outcomes: Ends
  /** Of jobs: how many were taken up, beside the `requests` that ended. Left out by builds that did not count them. */
  submitted?: number
  /** Failed jobs that are evidence job by job, by their `lateness`; none where they were submitted in this window. */
  late?: Late
  /** Of those, the ones that are no evidence of their own: failures of a subject that had just failed; see failure-runs.ts. */
  repeats?: Repeats
  sketches: Partial<Record<Measure, Sketch>>
}

export interface Observation {
  outcome: Outcome
  /** Seconds by measure; what is not known is left out. */
  seconds: Partial<Record<Measure, number>>
  /** The same failure once more. */
  repeats?: readonly RepeatOf[]
}

export interface CountedRow {
  series: Series
  counters: Counters
}

export interface WindowRow extends CountedRow {
  /** Unix ms of the aligned start. */
  startMs: number
}

export function emptyCounters(): Counters {
  return { requests: 0, outcomes: {}, sketches: {} }
}

export function count(counters: Counters, observation: Observation): void {
  counters.requests++
  const { outcome } = observation
  if (outcome !== 'ok') {
    counters.outcomes[outcome] = (counters.outcomes[outcome] ?? 0) + 1
    for (const of of observation.repeats ?? []) addRepeats(counters, { [of]: { [outcome]: 1 } })
  }
  for (const [measure, seconds] of Object.entries(observation.seconds) as [Measure, number][]) {
    addTo((counters.sketches[measure] ??= emptySketch()), seconds)
  }
}

export function mergeCounters(target: Counters, source: Counters): void {
  target.requests += source.requests
  addCounts(target.outcomes, source.outcomes)
  if (source.late) target.late = addLate(target.late, source.late)
  if (source.submitted !== undefined) target.submitted = (target.submitted ?? 0) + source.submitted
  if (source.repeats) addRepeats(target, source.repeats)
  for (const [measure, sketch] of Object.entries(source.sketches) as [Measure, Sketch][]) {
    mergeInto((target.sketches[measure] ??= emptySketch()), sketch)
  }
}

/** Adds a row's counters to what stands under this key; the row stays as it is. */
export function addRow<R extends CountedRow>(sums: Map<string, R>, key: string, row: R): void {
  const sum = sums.get(key) ?? { ...row, counters: emptyCounters() }
  sums.set(key, sum)
  mergeCounters(sum.counters, row.counters)
}

/** Rows of the same start and series as one. What is given is used up. */
export function addedRows(rows: readonly WindowRow[]): WindowRow[] {
  const sums = new Map<string, WindowRow>()
  for (const row of rows) {
    const key = `${row.startMs}|${seriesKey(row.series)}`
    const sum = sums.get(key)
    if (sum) mergeCounters(sum.counters, row.counters)
    else sums.set(key, row)
  }
  return [...sums.values()]
}

export function addLate(earlier: Late = {}, later: Late = {}): Late {
  return addCounts({ ...earlier }, later)
}

/** Into the first, which comes back. */
export function addCounts<T extends Partial<Record<string, number>>>(sum: T, more: Readonly<T>): T {
  const counts: Partial<Record<string, number>> = sum
  for (const [name, n] of Object.entries(more)) counts[name] = (counts[name] ?? 0) + n!
  return sum
}

function addRepeats(counters: Counters, more: Repeats): void {
  const sums = (counters.repeats ??= {})
  for (const [of, ends] of Object.entries(more) as [RepeatOf, Ends][]) addCounts((sums[of] ??= {}), ends)
}

/** Ends that are the arm's own failures. */
export function armErrors(counters: Counters): number {
  let n = 0
  for (const [outcome, k] of Object.entries(counters.outcomes) as [ArmError | Blameless, number][]) {
    if (isArmError(outcome)) n += k
  }
  return n
}

/** What is evidence, in one go over the ends: the arm's own failures, also by class, among requests that say something about it. */
export function failures(
  { requests, outcomes, repeats }: Counters,
  of: RepeatOf,
): { x: number; n: number; errors: Partial<Record<ArmError, number>> } {
  const errors: Partial<Record<ArmError, number>> = {}
  let [x, n] = [0, requests]
  for (const outcome of Object.keys(outcomes) as (ArmError | Blameless)[]) {
    const repeated = repeats?.[of]?.[outcome] ?? 0
    const k = outcomes[outcome]! - repeated
    n -= repeated
    if (!isArmError(outcome)) n -= k
    else if (k > 0) x += errors[outcome] = k
  }
  return { x, n, errors }
}

/** Windows between a job's and its end's, rounded up to a power of two, so that there are few of them. */
export function lateness(submittedMs: number, endedMs: number, windowMs: number): number {
  const windows = (windowStart(endedMs, windowMs) - windowStart(submittedMs, windowMs)) / windowMs
  return windows <= 0 ? 0 : 2 ** Math.ceil(Math.log2(windows))
}

/**
 * Among how many failures are to be counted, where `n` of those that ended are evidence. Jobs: those taken up in the same
 * time, less the ends that are no evidence. A job that fails at once ends long before the good ones that were taken up with
 * it, so that among the ends the first ones after a step would all be failures. Fewer than have failed, or than none, where
 * jobs of earlier windows end.
 */
export function takenUp({ requests, submitted }: Counters, { n }: { n: number }): number {
  return submitted === undefined ? n : submitted - (requests - n)
}

/** Requests whose end says something about the arm: all but those excluded from the error rate. */
export function judged(counters: Counters): number {
  const ends = Object.values(counters.outcomes).reduce((sum, k) => sum + k, 0)
  return counters.requests - (ends - armErrors(counters))
}

export function seriesKey(series: Series): string {
  return [series.stage, series.epoch, series.arm, series.operation, Number(series.shadow)].join('|')
}

/** Aligned start of the window that holds `atMs`. */
export function windowStart(atMs: number, windowMs: number): number {
  return Math.floor(atMs / windowMs) * windowMs
}

/** The series that `seriesKey` wrote. */
export function parseSeries(key: string): Series {
  const [stage, epoch, arm, operation, shadow] = key.split('|')
  return {
    stage: stage!,
    epoch: Number(epoch),
    arm: arm as Arm,
    operation: operation as Operation,
    shadow: shadow === '1',
  }
}
