/**
 * Guardrails: windows in, verdicts out. (Signatures first; the judgement follows.)
 */
import type { Operation } from './outcome.ts'
import type { Counters } from './window.ts'

/** One monitor: a guardrail of the config on one operation. Made by config/, judged here. */
export interface Guardrail {
  /** Unique in its release and stable across deploys, e.g. `error_rate:job`, `error_rate:job:sequential`, `latency_p99:job`. */
  id: string
  metric: 'error_rate' | 'latency_p50' | 'latency_p95' | 'latency_p99' | `signal:${string}`
  operation: Operation
  method: 'threshold' | 'sequential'
  /** Absolute limit of a rate. */
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
  alpha: number
  margin: number
  /** Jobs' latencies per unit of work, where known. */
  normalise: boolean
  baseline: 'all' | 'matched'
}

export type VerdictStatus = 'pass' | 'breach' | 'inconclusive' | 'no_data' | 'error'

/** A judgement with what is needed to recompute it. */
export interface Verdict {
  guardrail: string
  metric: string
  operation: Operation
  method: 'threshold' | 'sequential'
  action: Guardrail['action']
  status: VerdictStatus
  /** `both_bad`: control shows the breach too, so nothing is rolled back. `grace_over`: no data for longer than allowed. */
  note: 'both_bad' | 'grace_over' | null
  value: number | null
  n: number
  baselineValue: number | null
  baselineN: number
  threshold: number | null
  /** The rule in symbols, with the method's name. */
  formula: string
  /** What it rests on: from and to in unix ms, how many windows were judged bad in a row, and of how many needed. */
  windows: { fromMs: number | null; toMs: number | null; bad: number; needed: number }
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
