/** What a monitor finds, and how it is told with all that is needed to recompute it. Shapes only. */
import type { GuardrailBase } from './monitor.ts'
import type { Operation } from '../outcome.ts'

/** What a verdict's figures are: a share of requests, seconds, seconds of a standard clip, or a number in a unit of its own. */
export type Measure = 'share' | 'seconds' | 'seconds_per_clip' | 'signal'

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
  /** What `value` is in, where it is no share of requests: seconds, seconds of a standard clip, a signal's own unit. */
  measure?: Measure
  /** Counts and statistics to recompute it from, by name: `events`, `baselineEvents`, `job_timeout`, `logE`, … */
  evidence?: () => Readonly<Record<string, number>>
  words: () => string
}

/** A judgement with what is needed to recompute it. */
export interface Verdict extends Omit<Finding, 'words' | 'evidence' | 'measure'> {
  guardrail: string
  kind: string
  metric: string
  operation: Operation
  method: 'threshold' | 'sequential'
  action: GuardrailBase['action']
  measure: Measure
  /** How far back a fast trip looked; null for what waits for windows or counts job by job. */
  withinSeconds: number | null
  /** The share of false alarms that a test over the whole release may give; null for other kinds. */
  alpha: number | null
  evidence?: Readonly<Record<string, number>>
  /** The rule in symbols, with the method's name. */
  formula: string
  /** One sentence for a person woken at night. */
  message: string
}
