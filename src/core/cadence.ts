/** How often a running release is judged, when next, and from when on verdicts are too old to go by. Reads no clock. */
import type { JudgingPlan } from './guardrails/evaluation.ts'
import { recentMsOf } from './guardrails/index.ts'
import type { Verdict } from './guardrails/verdict.ts'

/** A tick comes a little after a window's end, when the isolates' last flushes of it have arrived. */
const TICK_OFFSET_MS = 100
/** So many ticks in a row may fail before the last verdicts count for nothing. */
const TICKS_TO_MISS = 3
/** One tick may wait for a slow source for as long as its deadline; two of those are no failure yet. */
const LEAST_STALE_MS = 5000

/**
 * Often enough for the fastest guardrail, and never more often than twice a second. `isQuiet`: fast trips have nothing to
 * look at, and whoever counts something for them says so.
 */
export function periodMs(plan: JudgingPlan, isQuiet = false): number {
  const trips = !isQuiet && plan.guardrails.some((guardrail) => recentMsOf(guardrail) !== null)
  return Math.min(Math.max(plan.windowMs / 2, 500), trips ? 1000 : 5000)
}

export function nextTickAt(plan: JudgingPlan, now: number, isQuiet = false): number {
  const period = periodMs(plan, isQuiet)
  return (Math.floor(now / period) + 1) * period + TICK_OFFSET_MS
}

/** The verdicts as they are worth now: `error` each when the last judgement that succeeded is too long ago. */
export function verdictsNow(
  verdicts: readonly Verdict[],
  judgedAt: number,
  plan: JudgingPlan,
  now: number,
  isQuiet = false,
): readonly Verdict[] {
  const age = now - judgedAt
  if (age <= Math.max(TICKS_TO_MISS * periodMs(plan, isQuiet), LEAST_STALE_MS)) return verdicts
  const seconds = Math.round(age / 1000)
  return verdicts.map((verdict): Verdict => ({
    ...verdict,
    status: 'error',
    note: null,
    message: `${verdict.guardrail}: could not be measured for ${seconds} s, counters or jobs can't be read; before: ${verdict.message}`,
  }))
}
