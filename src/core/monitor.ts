/**
 * What a monitor is made of: the guardrail it watches, the windows it is fed, its state, its verdict. Shapes only; the
 * judging is in guardrails.ts and the files it names.
 */
import type { ArmError, Operation } from './outcome.ts'
import type { Sketch } from './sketch.ts'
import type { Counters } from './window.ts'

/** One monitor: a guardrail of the config on one operation. Made by config/, judged here. */
export interface Guardrail {
  /** Unique in its release and stable across deploys, e.g. `error_rate:job`, `error_rate:job:sequential`, `latency_p99:job`. */
  id: string
  metric: 'error_rate' | 'latency_p50' | 'latency_p95' | 'latency_p99' | `signal:${string}`
  operation: Operation
  method: 'threshold' | 'sequential'
  /** Absolute limit of a rate. Where several limits are given, each must hold. */
  max: number | null
  /** Relative to control in the same windows: 0.5 = control × 1.5. */
  maxOverControl: number | null
  /** Absolute limit of a latency. */
  maxSeconds: number | null
  forWindows: number
  /** Fast trip: judged over the last so many ms, without waiting for a window to close. */
  withinMs: number | null
  minRequests: number
  minSamples: number
  action: 'rollback' | 'pause' | 'warn'
  noData: 'hold' | 'rollback' | 'warn'
  noDataGraceMs: number
  /** Judge the bare number, without asking whether the count speaks against the limit. */
  literal: boolean
  bothBad: 'hold' | 'rollback'
  /** Sequential: false alarms over a whole release, all its epochs together. */
  alpha: number
  /** Sequential: the candidate's rate may exceed control's by this much. */
  margin: number
  /** Jobs' latencies per unit of work, where known. */
  normalise: boolean
  baseline: 'all' | 'matched'
}

type VerdictStatus = 'pass' | 'breach' | 'inconclusive' | 'no_data' | 'error'
/**
 * `both_bad`: control shows the breach too, so nothing is rolled back. `grace_over`: no data for longer than allowed.
 * `no_control`: the limit is relative and control has had no traffic to compare with (at 100 % it never will).
 */
type VerdictNote = 'both_bad' | 'grace_over' | 'no_control'

/** The figures of a verdict; `evidence` and `words` are made only when somebody reads them. */
export interface Finding {
  status: VerdictStatus
  note: VerdictNote | null
  value: number | null
  n: number
  baselineValue: number | null
  baselineN: number
  threshold: number | null
  /** What it rests on: from and to in unix ms, how many windows were judged bad in a row, and of how many needed. */
  windows: { fromMs: number | null; toMs: number | null; bad: number; needed: number }
  /** Counts and statistics to recompute it from, by name: `events`, `baselineEvents`, `job_timeout`, `logE`, … */
  evidence?: () => Readonly<Record<string, number>>
  words: () => string
}

/** A judgement with what is needed to recompute it. */
export interface Verdict extends Omit<Finding, 'words' | 'evidence'> {
  guardrail: string
  metric: string
  operation: Operation
  method: 'threshold' | 'sequential'
  action: Guardrail['action']
  evidence?: Readonly<Record<string, number>>
  /** The rule in symbols, with the method's name. */
  formula: string
  /** One sentence for a person woken at night. */
  message: string
}

/** What both arms did in one closed window of one epoch, already merged over shards and ledgers. */
export interface ClosedWindow {
  startMs: number
  endMs: number
  candidate: Partial<Record<Operation, Counters>>
  control: Partial<Record<Operation, Counters>>
  /** The control slice as large as the candidate's. */
  matched: Partial<Record<Operation, Counters>>
}

/** Events among requests of both arms, in a span of windows: errors, or jobs slower than a limit. */
export interface Tally {
  fromMs: number
  toMs: number
  x: number
  n: number
  controlX: number
  controlN: number
  /** The candidate's errors by class; left out for slow jobs, and by builds that did not tell them apart. */
  errors?: Partial<Record<ArmError, number>>
}

/** Latencies of both arms. Two measures, because it is known only at the end whether all sizes were known. */
export interface Latencies {
  candidate: { latency: Sketch; per_clip: Sketch }
  control: { latency: Sketch; per_clip: Sketch }
}

/** What was read from the last windows that were enough for a judgement. */
export interface Reading {
  tally: Tally
  value: number
  baselineValue: number | null
  threshold: number
  /** What `tally` counts against, for latencies; null for errors. */
  measure: 'latency' | 'per_clip' | null
}

/** State of one monitor within one epoch. Plain data of bounded size: a few numbers, and at most four sketches. */
export interface MonitorState {
  version: 1
  /** Which epoch of its release this is, from 1: sequential monitors share their α over all of them. */
  epoch: number
  /** Candidate observations so far. */
  seen: number
  /** End of the last window that had one; null before the first. */
  seenAt: number | null
  /** Unix ms; what is older was acknowledged by a resume and is judged no more. Null: everything of the epoch is judged. */
  since: number | null
  /** What had been posted of a signal by then. */
  acknowledged: Signals | null
  /** Windows merged forward, too few requests yet. */
  pending: { tally: Tally; latencies: Latencies | null } | null
  last: Reading | null
  /** Bad windows in a row, their counts added up, and how many at the end control had no part in. */
  streak: { bad: number; alone: number; tally: Tally } | null
  /** Sequential: everything of this epoch, and how it stood when it crossed. Fast trip: the last closed window. */
  trial: Tally | null
  tripped: Tally | null
}

/** Mean of a posted signal over n samples, and when the last of them was taken, if that is known. */
export interface SignalMean {
  n: number
  mean: number
  lastAt?: number
}

export interface Signals {
  candidate: SignalMean | null
  control: SignalMean | null
}

export interface JudgeContext {
  /** Unix ms. */
  now: number
  /** When the first candidate job of the stage ended; null while none has. */
  clockStartedAt: number | null
  /** From when "no data" is counted while no job has ended. */
  epochStartedAt?: number | null
  /** No silence from before this counts: nothing could be heard until then. */
  listeningSince?: number | null
  /** End of the last window that was folded. What came later is not known yet, and is no silence. Left out: `now`. */
  judgedUntil?: number
  /** Counters of the last `withinMs`, merged, for a fast trip; null when the caller has none. */
  recent: ClosedWindow | null
  /** For `signal:*` metrics. Left out: not measured yet. */
  signals?: Signals
}
