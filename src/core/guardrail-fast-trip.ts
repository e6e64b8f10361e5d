/**
 * The fast trip: one look at the last seconds, without waiting for a window to close. A tripwire, not a proof of
 * health: quiet traffic passes it, so that it never keeps a release with few jobs from advancing.
 */
import { judgeLatency, latenciesOf, latencyWords } from './guardrail-latency.ts'
import { jobsForQuantile, tailOf } from './guardrail-quantile.ts'
import { errorTally, judgeRate, rateFigures, rateWords } from './guardrail-rate.ts'
import { counted, silenceText, subjectOf } from './guardrail-words.ts'
import type { ClosedWindow, Finding, Guardrail, JudgeContext, MonitorState, Tally } from './monitor.ts'
import { controlShares, type Judgement, nothingYet } from './streak.ts'

const NOTHING: Tally = { fromMs: 0, toMs: 0, x: 0, n: 0, controlX: 0, controlN: 0 }

/** Remembers the last closed window: control's last seconds can be too few to show that it fails as well. */
export function foldFastTrip(guardrail: Guardrail, state: MonitorState, window: ClosedWindow): MonitorState {
  const trial = errorTally(guardrail, window)
  return trial ? { ...state, seen: state.seen + trial.n, trial } : state
}

export function assessFastTrip(guardrail: Guardrail, state: MonitorState, context: JudgeContext): Finding {
  const { recent } = context
  const tally = (recent && errorTally(guardrail, recent)) ?? NOTHING
  const judgement = recent && tally.n >= guardrail.minRequests ? look(guardrail, recent, tally) : null
  return judgement && recent
    ? found(guardrail, recent, judgement, state.trial)
    : tooFew(guardrail, state.seen + tally.n, tally, context)
}

function look(guardrail: Guardrail, recent: ClosedWindow, tally: Tally): Judgement | null {
  return guardrail.metric === 'error_rate'
    ? judgeRate(guardrail, tally)
    : judgeLatency(guardrail, latenciesOf(guardrail, recent), tally)
}

function found(
  guardrail: Guardrail,
  recent: ClosedWindow,
  { reading, bad, beyondControl }: Judgement,
  before: Tally | null,
): Finding {
  const { tally } = reading
  const errors = guardrail.metric === 'error_rate'
  const limit = errors ? guardrail.max : tailOf(guardrail)
  const own = !bad || beyondControl || guardrail.bothBad === 'rollback' || limit === null
  const shared =
    !own && (controlShares(tally, limit) || (errors && before !== null && controlShares(against(tally, before), limit)))
  const status = !bad ? 'pass' : shared ? 'inconclusive' : 'breach'
  const note = shared ? 'both_bad' : null
  const figures = errors
    ? rateFigures(guardrail, tally)
    : {
        value: reading.value,
        n: tally.n,
        baselineValue: reading.baselineValue,
        baselineN: tally.controlN,
        threshold: reading.threshold,
      }
  const span = ` within ${(guardrail.withinMs ?? 0) / 1000} s`
  const words = (): string => {
    if (errors) return rateWords(guardrail, tally, { status, note, threshold: figures.threshold }, span)
    return latencyWords(guardrail, reading, span) + (shared ? ': control fails too, so nothing is rolled back' : '')
  }
  const windows = { fromMs: recent.startMs, toMs: recent.endMs, bad: bad ? 1 : 0, needed: 1 }
  return { status, note, ...figures, windows, words }
}

/** The candidate's counts against control's of another span. */
function against({ x, n, ...span }: Tally, { controlX, controlN }: Tally): Tally {
  return { ...span, x, n, controlX, controlN }
}

function tooFew(guardrail: Guardrail, seen: number, tally: Tally, context: JudgeContext): Finding {
  const needs = { n: tally.n, baselineN: tally.controlN, noControl: false }
  const finding = nothingYet(guardrail, seen, needs, () => silenceText(guardrail, context))
  if (seen === 0) return finding
  const seconds = (guardrail.withinMs ?? 0) / 1000
  const least = guardrail.metric === 'error_rate' ? guardrail.minRequests : jobsForQuantile(guardrail)
  const words = (): string =>
    `${subjectOf(guardrail)}: ${counted(tally.n, guardrail.operation)} within ${seconds} s, fewer than the ${least} that could trip it`
  return { ...finding, status: 'pass', words }
}
