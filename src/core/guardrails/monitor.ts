/** What a monitor is made of: its guardrail, what a kind must do, the windows it is fed, its state. Shapes only. */
import type { Arm } from '../arm.ts'
import type { SubmitSpan } from './earlier-submits.ts'
import type { Finding, Verdict } from './verdict.ts'
import type { DetailParams } from '../errors.ts'
import type { ArmError, Operation } from '../outcome.ts'
import type { Sketch } from '../sketch.ts'
import type { BlockSpan } from '../stats/block-spans.ts'
import type { Restarts } from '../stats/restarts.ts'
import type { Counters } from '../window.ts'

/** What every monitor has, whatever its kind: a guardrail of the config on one operation. */
export interface GuardrailBase {
  /** Which entry of the table in kinds.ts folds, assesses and explains it. */
  kind: string
  /** Unique in its release and stable across deploys, e.g. `error_rate:job`, `error_rate:job:sequential`, `latency_p99:job`. */
  id: string
  metric: string
  operation: Operation
  action: 'rollback' | 'pause' | 'warn'
  noData: 'hold' | 'rollback' | 'warn'
  noDataGraceMs: number
  bothBad: 'hold' | 'rollback'
}

/** By windows that have closed, by the last seconds (`within`), or job by job (`method = "sequential"`). */
export type Form = 'windows' | 'within' | 'sequential'

/** A guardrail as operators write it, read and with its defaults: durations in ms, null where a key was left out. */
export interface GuardrailSettings extends Omit<GuardrailBase, 'kind' | 'id' | 'operation'> {
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
  /** Judge the bare number, without asking whether the count speaks against the limit. */
  literal: boolean
  /** Sequential: false alarms over a whole release, all its epochs together. */
  alpha: number
  /** Sequential: the candidate's rate may exceed control's by this much. */
  margin: number
  /** Jobs' latencies per unit of work, where known. */
  normalise: boolean
}

/** The keys of a guardrail's table before they were read: any of them may be missing or hold anything. */
export type WrittenGuardrail = { readonly [key: string]: unknown }

/** What a guardrail's table lacks: a code with params for programs, a sentence for people. */
export interface Lack {
  code: string
  message: string
  params?: DetailParams
}

/** How old a job may become, in seconds, and in seconds per clip where its size is known. */
export interface JobAge {
  seconds: number
  perClipSeconds: number | null
}

/** A kind of guardrail: all that is peculiar to it. Pure; whoever judges goes through kinds.ts, by no kind's name. */
export interface Kind<G extends GuardrailBase> {
  readonly kind: G['kind']
  /** The metrics that it judges, in `form`. No two kinds may take the same metric in the same form. */
  readonly metrics: RegExp
  readonly form: Form
  /** What is posted belongs to jobs, whatever operations are named, and how long it has been missing is known by when it was taken. */
  readonly isPosted?: boolean
  /** What a table of this kind lacks; null where nothing is missing. */
  lacks(written: WrittenGuardrail): Lack | null
  /** The settings that this kind goes by, each of them, beside those that every guardrail has; none is null where nothing is lacking. */
  readonly settings: Readonly<Record<Exclude<keyof G & keyof GuardrailSettings, keyof GuardrailBase>, true>>
  /** The state after one more closed window; must not change what it is given, and costs the same for any history. */
  fold(guardrail: G, state: MonitorState, window: ClosedWindow): MonitorState
  assess(guardrail: G, state: MonitorState, context: JudgeContext): Finding
  /** The rule in symbols. x of n are the candidate's events, x_c of n_c control's. */
  formula(guardrail: G): string
  /** What else the rule goes by, for those who word it themselves. */
  terms?(guardrail: G): { withinSeconds?: number; alpha?: number }
  /** Whether nothing could be judged for want of control's traffic alone. Asked of inconclusive verdicts without a note. */
  lacksControl(guardrail: G, verdict: Verdict): boolean
  /** How far back it looks without waiting for a window to close; left out where it reads closed windows only. */
  recentMs?(guardrail: G): number
  /** Whether `x` errors can trip it in a part of `n` requests that holds at least `least` of them. */
  mayTrip?(guardrail: G, counts: { n: number; x: number }, least: number): boolean
  /** Whether the latencies of both arms are needed to judge it. */
  readonly readsLatency?: boolean
  /** From which age on an open job counts as slow, by control's of the epoch; null where it can't tell yet. */
  toleratedAge?(guardrail: G, control: JobLatencies): JobAge | null
}

/** What both arms did in one closed window of one epoch, already merged over shards and ledgers. */
export interface ClosedWindow {
  startMs: number
  endMs: number
  candidate: Partial<Record<Operation, Counters>>
  control: Partial<Record<Operation, Counters>>
}

/**
 * Events among requests of both arms, in a span of windows: errors, or jobs slower than a limit. Jobs count
 * in `n` when they are submitted and in `x` when they have failed.
 */
export interface Tally {
  fromMs: number
  toMs: number
  x: number
  n: number
  /** The candidate's that have ended. Left out where it is `n`. */
  ended?: number
  /** Submitted, less the ends that are no evidence. Left out where they are `n` and `controlN`, which in each window are at least the failures. */
  takenUp?: { candidate: number; control: number }
  /** Of x in one window, how many were submitted so many windows before, at most. */
  late?: Counters['late']
  controlX: number
  controlN: number
  /** Control's jobs that were still open beyond what is tolerated: slow ones that have told no latency yet. */
  controlOpen?: number
  /** The same of controlX. */
  controlLate?: Counters['late']
  /** The candidate's errors by class; left out for slow jobs, and by builds that did not tell them apart. */
  errors?: Partial<Record<ArmError, number>>
}

/** Of one arm's jobs. Two measures, because it is known only at the end whether all sizes were known. */
export interface JobLatencies {
  latency: Sketch
  per_clip: Sketch
}

export type Latencies = Record<Arm, JobLatencies>

/** What was read from the last windows that were enough for a judgement. */
export interface Reading {
  tally: Tally
  value: number
  baselineValue: number | null
  threshold: number
  /** What `tally` counts against, for latencies; null for errors. */
  measure: 'latency' | 'per_clip' | null
}

/** What a sequential monitor has gathered in its epoch. */
export interface Evidence {
  /** The rate that is tested against. */
  limit: number
  over: Restarts
  overControl: Restarts
  /** Windows since `overControl` took counts in, and their counts: too few of one arm to be compared yet. */
  windows: number
  block: Pick<Tally, 'x' | 'n' | 'controlX' | 'controlN' | 'late' | 'controlLate'>
  /** The blocks that `overControl` has taken in. */
  blocks: readonly BlockSpan[]
  /** The counts since the candidate has been bad, and how much they speak for it; null while nothing does. */
  since: Tally | null
  score: number
}

/** What another build has stored means something else, or misses what is reckoned with: it is not judged by. */
export const MONITOR_VERSION = 3

/** How many ended, and how, other than well; `unseenAt`: end of the last window with any that Sluice could not see. */
export type Uncounted = Pick<Counters, 'requests' | 'outcomes'> & { unseenAt?: number | undefined }

/** State of one monitor within one epoch. Plain data of bounded size: a few numbers, and at most four sketches. */
export interface MonitorState {
  version: typeof MONITOR_VERSION
  /** Stages still to come, this one included. */
  stages: number
  /** Sequential monitors share their α over all epochs of a release: what this one has of it, and earlier ones had. */
  share: number
  spent: number
  /** Control's events and jobs of the whole release, its earlier epochs included. */
  control: { x: number; n: number }
  /** Candidate observations so far. */
  seen: number
  /** End of the last window that had one; null before the first. */
  seenAt: number | null
  /** The candidate's ends since then that were no such observation; left out where there are none. */
  uncounted?: Uncounted | undefined
  /** Unix ms; what is older was acknowledged by a resume and is judged no more. Null: everything of the epoch is judged. */
  since: number | null
  /** What had been posted of a signal by then. */
  acknowledged: Signals | null
  /** Windows merged forward, too few requests yet. */
  pending: { tally: Tally; latencies: Latencies | null } | null
  last: Reading | null
  /** Judgements of windows so far. */
  looks: number
  /** By windows: how many jobs were submitted in earlier ones. */
  submits: readonly SubmitSpan[]
  /** Bad windows in a row, their counts added up, and those at the end that control had no part in. */
  streak: { bad: number; alone: { bad: number; tally: Tally } | null; tally: Tally } | null
  /** Sequential: everything of this epoch, and how it stood when it crossed. Fast trip: the last closed window. */
  trial: Tally | null
  evidence: Evidence | null
  tripped: Tally | null
}

/** Mean of a posted signal over n samples, and when the last of them was taken, if that is known. */
export interface SignalMean {
  n: number
  mean: number
  /** Σ(v − mean)²; left out where the values had no spread. */
  m2?: number
  lastAt?: number
}

export type Signals = Record<Arm, SignalMean | null>

export interface JudgeContext {
  /** Unix ms. */
  now: number
  /** When the first candidate job of the stage ended; null while none has. */
  clockStartedAt: number | null
  /** From when "no data" is counted while no job has ended. */
  epochStartedAt?: number | null
  /** No time without data from before this counts: nothing could be heard until then. */
  listeningSince?: number | null
  /** End of the last window that was folded. What came later is not known yet, and does not count as no data. Left out: `now`. */
  judgedUntil?: number
  /** Counters of the last `withinMs`, merged, for a fast trip; null when the caller has none. */
  recent: ClosedWindow | null
  /** For `signal:*` metrics. Left out: not measured yet. */
  signals?: Signals
}
