/**
 * The fast trip: one look at the last seconds, without waiting for a window to close. A tripwire, not a proof of
 * health: quiet traffic passes it, so that it never keeps a release with few jobs from advancing.
 */
import type { ClosedWindow, GuardrailBase, JudgeContext, Kind, MonitorState, Tally } from './monitor.ts'
import type { Finding } from './verdict.ts'
import type { RateLimits } from './rate.ts'
import { errorTally, judgeRate, lacksControlRate, lacksRateLimit, rateFigures, rateRule, rateWords } from './rate.ts'
import { atLeastEnded, controlShares, endedOf, type JudgedReading, nothingYet } from './streak.ts'
import { counted, noDataText, subjectOf } from './words.ts'

export interface FastTripGuardrail extends GuardrailBase, RateLimits {
  kind: 'fast_trip'
  /** It looks back over so many ms. */
  withinMs: number
}

export const fastTrip: Kind<FastTripGuardrail> = {
  kind: 'fast_trip',
  metrics: /^error_rate$/,
  form: 'within',
  lacks: lacksRateLimit,
  settings: { max: true, maxOverControl: true, minRequests: true, literal: true, withinMs: true },
  /** Remembers the last closed window: control's last seconds can be too few to show that it fails as well. */
  fold(guardrail, state, window) {
    const trial = errorTally(guardrail, window)
    return trial ? { ...state, seen: state.seen + endedOf(trial), trial } : state
  },
  assess(guardrail, state, context) {
    const { recent } = context
    const tally = (recent && errorTally(guardrail, recent)) ?? NOTHING
    return recent && endedOf(tally) >= guardrail.minRequests
      ? found(guardrail, recent, judgeRate(guardrail, atLeastEnded(tally)), state.trial)
      : tooFew(guardrail, state, tally, context)
  },
  formula: (guardrail) => `${rateRule(guardrail)}, n >= ${guardrail.minRequests} within ${guardrail.withinMs / 1000} s`,
  terms: ({ withinMs }) => ({ withinSeconds: withinMs / 1000 }),
  lacksControl: lacksControlRate,
  recentMs: ({ withinMs }) => withinMs,
  mayTrip: ({ max, minRequests }, { n, x }, least) => n >= minRequests && x > (max ?? 0) * Math.max(minRequests, least),
}

const NOTHING: Tally = { fromMs: 0, toMs: 0, x: 0, n: 0, controlX: 0, controlN: 0 }

function found(
  guardrail: FastTripGuardrail,
  recent: ClosedWindow,
  { reading, bad, beyondControl }: JudgedReading,
  before: Tally | null,
): Finding {
  const { tally } = reading
  const { max: limit } = guardrail
  const own = !bad || beyondControl || guardrail.bothBad === 'rollback' || limit === null
  const shared =
    !own && (controlShares(tally, limit) || (before !== null && controlShares(against(tally, before), limit)))
  const status = !bad ? 'pass' : shared ? 'inconclusive' : 'breach'
  const note = shared ? 'both_bad' : null
  const figures = rateFigures(guardrail, tally)
  const span = ` within ${guardrail.withinMs / 1000} s`
  const words = (): string => rateWords(guardrail, tally, { status, note, threshold: figures.threshold }, span)
  const windows = { fromMs: recent.startMs, toMs: recent.endMs, bad: bad ? 1 : 0, needed: 1 }
  return { status, note, ...figures, windows, words }
}

/** The candidate's counts against control's of another span. */
function against({ x, n, ...span }: Tally, { controlX, controlN }: Tally): Tally {
  return { ...span, x, n, controlX, controlN }
}

function tooFew(guardrail: FastTripGuardrail, state: MonitorState, tally: Tally, context: JudgeContext): Finding {
  const seen = state.seen + endedOf(tally)
  const needs = { n: endedOf(tally), baselineN: tally.controlN, noControl: false }
  const finding = nothingYet(1, seen, needs, () => noDataText(guardrail, state, context))
  if (seen === 0) return finding
  const { operation, withinMs, minRequests } = guardrail
  const words = (): string =>
    `${subjectOf(guardrail)}: ${counted(endedOf(tally), operation)} within ${withinMs / 1000} s, fewer than the ${minRequests} that could trip it`
  return { ...finding, status: 'pass', words }
}
