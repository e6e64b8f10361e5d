/** Guardrails, windows and monitors for the tests of judging: defaults that each test overrides where it matters. */
import {
  foldWindow,
  type Guardrail,
  guardrailsOf,
  judge,
  type JudgeContext,
  type MonitorState,
  openMonitor,
  type Verdict,
} from '../../../src/core/guardrails/index.ts'
import type { ClosedWindow, GuardrailSettings } from '../../../src/core/guardrails/monitor.ts'
import type { Operation } from '../../../src/core/outcome.ts'
import { addTo, emptySketch } from '../../../src/core/sketch.ts'
import type { Counters } from '../../../src/core/window.ts'

export const MINUTE = 60_000

const SETTINGS: GuardrailSettings = {
  metric: 'error_rate',
  method: 'threshold',
  max: 0.01,
  maxOverControl: null,
  maxSeconds: null,
  forWindows: 5,
  withinMs: null,
  minRequests: 20,
  minSamples: 200,
  action: 'rollback',
  noData: 'hold',
  noDataGraceMs: 3_600_000,
  literal: false,
  bothBad: 'hold',
  alpha: 0.01,
  margin: 0.01,
  normalise: true,
}

export type Over = Partial<GuardrailSettings & Pick<Guardrail, 'id' | 'operation'>>

/** A guardrail of the kind that its settings make it. */
export function guardrail({ id, operation = 'job', ...settings }: Over = {}): Guardrail {
  const [made] = guardrailsOf({ ...SETTINGS, ...settings }, [operation])
  return { ...made!, id: id ?? made!.id }
}

export const p99 = (over: Over = {}): Guardrail =>
  guardrail({ metric: 'latency_p99', max: null, maxOverControl: 0.5, ...over })

export function counters(n: number, errors = 0, seconds: readonly number[] = []): Counters {
  const latency = emptySketch()
  for (const value of seconds) addTo(latency, value)
  return {
    requests: n,
    outcomes: errors > 0 ? { job_failed: errors } : {},
    sketches: seconds.length > 0 ? { latency } : {},
  }
}

/** The i-th minute. */
export function windowOf(
  i: number,
  candidate: Counters | null,
  control: Counters | null = null,
  operation: Operation = 'job',
): ClosedWindow {
  return {
    startMs: i * MINUTE,
    endMs: (i + 1) * MINUTE,
    candidate: candidate ? { [operation]: candidate } : {},
    control: control ? { [operation]: control } : {},
  }
}

/** `[n, errors]` of the candidate and of control in one minute after the other. */
export type Minute = readonly [n: number, errors: number, controlN?: number, controlErrors?: number]

export function errorMinutes(minutes: readonly Minute[]): ClosedWindow[] {
  return minutes.map(([n, errors, controlN = 0, controlErrors = 0], i) =>
    windowOf(i, counters(n, errors), counters(controlN, controlErrors)),
  )
}

export function foldAll(
  rule: Guardrail,
  windows: readonly ClosedWindow[],
  from: MonitorState = openMonitor(),
): MonitorState {
  return windows.reduce((state, window) => foldWindow(rule, state, window), from)
}

export function judgeAt(rule: Guardrail, state: MonitorState, over: Partial<JudgeContext> = {}): Verdict {
  const now = 100 * MINUTE
  // Nothing is known of what came after the last window that was folded.
  const heard = state.seenAt === null ? {} : { judgedUntil: state.seenAt }
  return judge(rule, state, { now, clockStartedAt: 0, recent: null, ...heard, ...over })
}

export function verdictOf(rule: Guardrail, windows: readonly ClosedWindow[]): Verdict {
  return judgeAt(rule, foldAll(rule, windows))
}

export function repeat<T>(times: number, value: T): T[] {
  return Array.from({ length: times }, () => value)
}
