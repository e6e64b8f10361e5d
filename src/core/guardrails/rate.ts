/** Error rates by windows: which windows are bad, and what their streak amounts to. */
import { amongSiblings, withSubmits } from './earlier-submits.ts'
import { limitMissing, percent, streakText, subjectOf, tallyText, timesText } from './words.ts'
import type {
  ClosedWindow,
  GuardrailBase,
  GuardrailSettings,
  Kind,
  Lack,
  MonitorState,
  Tally,
  WrittenGuardrail,
} from './monitor.ts'
import type { Finding, Verdict } from './verdict.ts'
import type { RepeatOf } from '../failure-runs.ts'
import { binomialTail, worseThanControl } from '../stats/proportions.ts'
import {
  addTallies,
  advance,
  atLeastEnded,
  endedOf,
  exceeds,
  type JudgedReading,
  noWindowYet,
  share,
  SPEAKS_AGAINST,
  streakRisk,
  streakStatus,
} from './streak.ts'
import { emptyCounters, failures, takenUp } from '../window.ts'

/** Limits of an error rate. */
export type RateLimits = Pick<GuardrailSettings, 'max' | 'maxOverControl' | 'minRequests' | 'literal'>

export interface RateGuardrail extends GuardrailBase, RateLimits, Pick<GuardrailSettings, 'forWindows'> {
  kind: 'rate'
}

export const rate: Kind<RateGuardrail> = {
  kind: 'rate',
  metrics: /^error_rate$/,
  form: 'windows',
  lacks: lacksRateLimit,
  settings: { max: true, maxOverControl: true, minRequests: true, literal: true, forWindows: true },
  fold(guardrail, state, window) {
    const fresh = errorTally(guardrail, window)
    if (!fresh) return state
    const seen = state.seen + endedOf(fresh)
    const control = { x: state.control.x + fresh.controlX, n: state.control.n + fresh.controlN }
    const submits = withSubmits(state.submits, fresh)
    const tally = addTallies(state.pending?.tally ?? null, amongSiblings(fresh, submits))
    const next = { ...state, seen, control, submits }
    if (endedOf(tally) < guardrail.minRequests) return { ...next, pending: { tally, latencies: null } }
    return advance(next, judgeRate(guardrail, atLeastEnded(tally)))
  },
  assess(guardrail, state, context) {
    const { last, streak } = state
    const tally = streak?.tally ?? last?.tally ?? null
    if (!tally || (guardrail.max === null && tally.controlN < guardrail.minRequests)) {
      const seen = state.pending?.tally ?? last?.tally
      const [n, controlN] = seen ? [endedOf(seen), seen.controlN] : [0, 0]
      const noControl = guardrail.max === null && controlN === 0
      const needs = { n, baselineN: controlN, noControl, least: guardrail.minRequests, toWhat: 'for a judgement' }
      return noWindowYet(guardrail, state, context, needs)
    }
    const needed = guardrail.forWindows
    const finding = {
      ...streakStatus(guardrail, state, guardrail.max, isProven(guardrail, state, tally)),
      ...rateFigures(guardrail, tally),
      windows: { fromMs: tally.fromMs, toMs: tally.toMs, bad: streak?.bad ?? 0, needed },
    }
    const words = (): string =>
      rateWords(guardrail, tally, finding, streak ? ` ${streakText(streak.bad, needed)}` : ' in the last window')
    return { ...finding, words }
  },
  formula: (guardrail) =>
    `${rateRule(guardrail)}, in ${guardrail.forWindows} windows of n >= ${guardrail.minRequests} in a row`,
  lacksControl: lacksControlRate,
}

export function lacksRateLimit({ max, max_over_control }: WrittenGuardrail): Lack | null {
  return max === undefined && max_over_control === undefined ? limitMissing('max', 'max_over_control') : null
}

export function lacksControlRate({ max, minRequests }: RateLimits, { value, baselineN }: Verdict): boolean {
  return value === null && max === null && baselineN < minRequests
}

/** What makes one count bad, in symbols. */
export function rateRule({ literal, max, maxOverControl }: RateLimits): string {
  const rules: string[] = []
  if (max !== null) rules.push(`x/n > ${max}${literal ? '' : ` and P(X >= x | n, ${max}) <= 0.1 (exact binomial)`}`)
  if (maxOverControl !== null) {
    const times = timesText(maxOverControl)
    const test = ` and P(X >= x | x + x_c, θ) <= 0.1 (exact, θ = share of errors at ${times} x control's rate)`
    rules.push(`x/n > ${times} x_c/n_c${literal ? '' : test}`)
  }
  return rules.join(' or ')
}

const NONE = emptyCounters()

/** Errors of both arms in one window, a subject's repeats of one failure apart; null if nothing in it says anything about either. */
export function errorTally({ operation }: GuardrailBase, window: ClosedWindow, of: RepeatOf = 'window'): Tally | null {
  const candidate = window.candidate[operation] ?? NONE
  const own = failures(candidate, of)
  const control = window.control[operation] ?? NONE
  const other = failures(control, of)
  const taken = { candidate: takenUp(candidate, own), control: takenUp(control, other) }
  const n = Math.max(own.x, taken.candidate)
  const controlN = Math.max(other.x, taken.control)
  if (n + own.n + controlN === 0) return null
  return {
    fromMs: window.startMs,
    toMs: window.endMs,
    x: own.x,
    n,
    ...(n === own.n ? {} : { ended: own.n }),
    ...(taken.candidate === n && taken.control === controlN ? {} : { takenUp: taken }),
    ...(candidate.late ? { late: candidate.late } : {}),
    controlX: other.x,
    controlN,
    ...(control.late ? { controlLate: control.late } : {}),
    errors: own.errors,
  }
}

/** Whether these counts are bad: over any of the limits given. */
export function judgeRate(guardrail: RateLimits, tally: Tally): JudgedReading {
  const { max } = guardrail
  const { x, n, controlX, controlN } = tally
  const overControl = worseThanAllowed(guardrail, tally)
  const overMax = max !== null && exceeds(guardrail, x, n, max)
  return {
    reading: {
      tally,
      value: x / n,
      baselineValue: share(controlX, controlN),
      threshold: thresholdOf(guardrail, tally),
      measure: null,
    },
    bad: overMax || overControl,
    beyondControl: overControl,
    controlOver: max !== null && controlX > max * controlN,
  }
}

/** Whether the streak's counts altogether are improbable at either limit, looked at after each of so many windows. */
function isProven(guardrail: RateGuardrail, state: MonitorState, { x, n, controlX, controlN }: Tally): boolean {
  const { literal, max, maxOverControl, minRequests } = guardrail
  if (literal || !state.streak) return true
  const risk = streakRisk(state)
  if (max !== null && binomialTail(x, n, max) <= risk) return true
  if (maxOverControl === null || controlN < minRequests) return false
  return worseThanControl({ x, n }, { x: controlX, n: controlN }, 1 + maxOverControl) <= risk
}

/** Over the limit relative to control, which needs as many requests as the candidate for that. */
function worseThanAllowed(guardrail: RateLimits, { x, n, controlX, controlN }: Tally): boolean {
  if (guardrail.maxOverControl === null || controlN < guardrail.minRequests) return false
  const times = 1 + guardrail.maxOverControl
  if (x * controlN <= times * controlX * n) return false
  return guardrail.literal || worseThanControl({ x, n }, { x: controlX, n: controlN }, times) <= SPEAKS_AGAINST
}

/** The strictest of the limits that could be applied. */
function thresholdOf({ max, maxOverControl, minRequests }: RateLimits, { controlX, controlN }: Tally): number {
  const relative =
    maxOverControl === null || controlN < minRequests ? Infinity : (1 + maxOverControl) * (controlX / controlN)
  return Math.min(max ?? Infinity, relative)
}

export function rateFigures(
  guardrail: RateLimits,
  tally: Tally,
): Pick<Finding, 'value' | 'n' | 'baselineValue' | 'baselineN' | 'threshold' | 'evidence'> {
  const { x, n, controlX, controlN, errors } = tally
  const threshold = thresholdOf(guardrail, tally)
  return {
    value: share(x, n),
    n,
    baselineValue: share(controlX, controlN),
    baselineN: controlN,
    threshold: Number.isFinite(threshold) ? threshold : null,
    evidence: () => ({ events: x, baselineEvents: controlX, ...errors }),
  }
}

/** `job error rate 7.9 % > 1 % in 5 of 5 windows (9 of 114 jobs: 7 job_timeout, 2 job_failed; control 0.4 %)`, with what follows from it. */
export function rateWords(
  guardrail: GuardrailBase & RateLimits,
  tally: Tally,
  { status, note, threshold }: Pick<Finding, 'status' | 'note' | 'threshold'>,
  span: string,
): string {
  const { x, n } = tally
  const limit = threshold === null ? '' : percent(threshold)
  const over = threshold !== null && x > threshold * n
  const sign = over ? '>' : 'within'
  const counts = tallyText(tally, guardrail.operation)
  const base = `${subjectOf(guardrail)} ${percent(x / n)} ${sign} ${limit}${span} ${counts}`
  if (note === 'both_bad') return `${base}: control fails too, so nothing is rolled back`
  if (status === 'pass' && over && guardrail.max !== null)
    return `${base}: too few to speak against the limit (p = ${Number(binomialTail(x, n, guardrail.max).toPrecision(2))})`
  return base
}
