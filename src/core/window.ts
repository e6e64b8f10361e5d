/**
 * Counters of one window: what is counted, under which series, and how two counters become one.
 * Merging is associative and commutative, so isolates, shards and ledgers may add in any order.
 */
import type { Arm } from './arm.ts'
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

/** Seconds. `per_clip`: job seconds per 81 frames of 832×480, for jobs whose size is known. `queue`, `run`: parts of a job. */
export type Measure = 'latency' | 'per_clip' | 'queue' | 'run'

export interface Counters {
  requests: number
  /** Ends other than `ok`. */
  outcomes: Partial<Record<ArmError | Blameless, number>>
  sketches: Partial<Record<Measure, Sketch>>
}

export interface Observation {
  outcome: Outcome
  /** Seconds by measure; what is not known is left out. */
  seconds: Partial<Record<Measure, number>>
}

export interface WindowRow {
  /** Unix ms of the aligned start. */
  startMs: number
  series: Series
  counters: Counters
}

export function emptyCounters(): Counters {
  return { requests: 0, outcomes: {}, sketches: {} }
}

export function count(counters: Counters, observation: Observation): void {
  counters.requests++
  const { outcome } = observation
  if (outcome !== 'ok') counters.outcomes[outcome] = (counters.outcomes[outcome] ?? 0) + 1
  for (const [measure, seconds] of Object.entries(observation.seconds) as [Measure, number][]) {
    addTo((counters.sketches[measure] ??= emptySketch()), seconds)
  }
}

export function mergeCounters(target: Counters, source: Counters): void {
  target.requests += source.requests
  for (const [outcome, n] of Object.entries(source.outcomes) as [ArmError | Blameless, number][]) {
    target.outcomes[outcome] = (target.outcomes[outcome] ?? 0) + n
  }
  for (const [measure, sketch] of Object.entries(source.sketches) as [Measure, Sketch][]) {
    mergeInto((target.sketches[measure] ??= emptySketch()), sketch)
  }
}

/** Ends that are the arm's own failures. */
export function armErrors(counters: Counters): number {
  let n = 0
  for (const [outcome, k] of Object.entries(counters.outcomes) as [ArmError | Blameless, number][]) {
    if (isArmError(outcome)) n += k
  }
  return n
}

/** The same by class; classes without any are left out. */
export function armErrorsByClass(counters: Counters): Partial<Record<ArmError, number>> {
  const errors: Partial<Record<ArmError, number>> = {}
  for (const [outcome, k] of Object.entries(counters.outcomes) as [ArmError | Blameless, number][]) {
    if (isArmError(outcome) && k > 0) errors[outcome] = k
  }
  return errors
}

/** Requests whose end says something about the arm: all but those excluded from the error rate. */
export function judged(counters: Counters): number {
  let excludedFromErrorRate = 0
  for (const [outcome, k] of Object.entries(counters.outcomes) as [ArmError | Blameless, number][]) {
    if (!isArmError(outcome)) excludedFromErrorRate += k
  }
  return counters.requests - excludedFromErrorRate
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
