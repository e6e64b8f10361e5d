/**
 * Guardrails: windows in, verdicts out. A monitor watches one guardrail through one epoch: open it, fold each closed
 * window into it once, in order, and judge after every fold: the verdict is of the last window, and a streak that was
 * full and has been broken since shows no more. What is done about a verdict is the caller's.
 */
import { assessFastTrip, foldFastTrip } from './guardrail-fast-trip.ts'
import { assessLatency, foldLatency } from './guardrail-latency.ts'
import { assessRate, foldRate } from './guardrail-rate.ts'
import { assessSequential, foldSequential } from './guardrail-sequential.ts'
import { assessSignal } from './guardrail-signal.ts'
import { silenced } from './guardrail-silence.ts'
import { formula } from './guardrail-words.ts'
import type { ClosedWindow, Finding, Guardrail, JudgeContext, MonitorState, Verdict } from './monitor.ts'

export type { ClosedWindow, Finding, Guardrail, JudgeContext, MonitorState, Verdict } from './monitor.ts'

/**
 * A monitor that has seen nothing. Hand over the state of the epoch before, if the release has had one: nothing is
 * carried over but the number of epochs, by which sequential monitors share their α.
 */
export function openMonitor(previous?: MonitorState): MonitorState {
  return {
    version: 1,
    epoch: (previous?.epoch ?? 0) + 1,
    seen: 0,
    seenAt: null,
    since: null,
    acknowledged: null,
    pending: null,
    last: null,
    streak: null,
    trial: null,
    tripped: null,
  }
}

/**
 * The state after one more closed window; constant work, and nothing given is changed. Windows without traffic may be
 * left out. Counters that come late belong into the next window that is folded.
 *
 * Jobs that hang: the caller adds each candidate job still open beyond control's p99 to the candidate's sketches, with
 * its age as its latency, before folding (right-censored: its real latency can only be longer). Each job once: what has
 * been added as open is not added again when it ends.
 */
export function foldWindow(guardrail: Guardrail, state: MonitorState, window: ClosedWindow): MonitorState {
  if (window.startMs < (state.since ?? 0)) return state
  const next = folded(guardrail, state, window)
  return next.seen > state.seen ? { ...next, seenAt: window.endMs } : next
}

function folded(guardrail: Guardrail, state: MonitorState, window: ClosedWindow): MonitorState {
  if (guardrail.metric.startsWith('signal:')) return state
  if (guardrail.withinMs !== null) return foldFastTrip(guardrail, state, window)
  if (guardrail.method === 'sequential') return foldSequential(guardrail, state, window)
  return guardrail.metric === 'error_rate' ? foldRate(guardrail, state, window) : foldLatency(guardrail, state, window)
}

/** The verdict with its words. */
export function judge(guardrail: Guardrail, state: MonitorState, context: JudgeContext): Verdict {
  const { words, evidence, ...figures } = assess(guardrail, state, context)
  return {
    guardrail: guardrail.id,
    metric: guardrail.metric,
    operation: guardrail.operation,
    method: guardrail.method,
    action: guardrail.action,
    ...figures,
    ...(evidence ? { evidence: evidence() } : {}),
    formula: formula(guardrail),
    message: words(),
  }
}

/** The same verdict in figures only, for those who judge millions of windows and read few. */
export function assess(guardrail: Guardrail, state: MonitorState, context: JudgeContext): Finding {
  return silenced(guardrail, state, context, found(guardrail, state, context))
}

function found(guardrail: Guardrail, state: MonitorState, context: JudgeContext): Finding {
  if (guardrail.metric.startsWith('signal:')) return assessSignal(guardrail, state, context)
  if (guardrail.withinMs !== null) return assessFastTrip(guardrail, state, context)
  if (guardrail.method === 'sequential') return assessSequential(guardrail, state, context)
  return guardrail.metric === 'error_rate'
    ? assessRate(guardrail, state, context)
    : assessLatency(guardrail, state, context)
}
