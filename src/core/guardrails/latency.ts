/** Latency quantiles by windows, merged forward until a quantile can be read; against control, or an absolute limit. */
import { byArm } from '../arm.ts'
import { longest, toleratedByControl, toleratedByLimit } from './job-age.ts'
import { jobsForQuantile, quantileName, tailOf } from './metric.ts'
import { counted, grouped, limitMissing, secondsText, streakText, subjectOf, timesText } from './words.ts'
import type { ClosedWindow, GuardrailBase, GuardrailSettings, JobLatencies, Kind, Latencies, Tally } from './monitor.ts'
import { countAbove, emptySketch, merged, quantile, type Sketch } from '../sketch.ts'
import { worseThanControl } from '../stats/proportions.ts'
import { addTallies, advance, exceeds, type JudgedReading, noWindowYet, streakStatus } from './streak.ts'

/**
 * A candidate that is like control passes for slower than control's p99 with at most this probability, whatever the
 * distribution of latencies: five such windows in a row then happen by chance in at most 0.3 % of weeks of 1-minute
 * windows. The ratio of two p99s alone does not give that: with heavy tails it exceeds 1.5 in one window of twenty.
 */
const SLOWER = 0.05
const EMPTY = emptySketch()

type Settings = 'maxOverControl' | 'maxSeconds' | 'forWindows' | 'minRequests' | 'literal' | 'normalise'
export interface LatencyGuardrail extends GuardrailBase, Pick<GuardrailSettings, Settings> {
  kind: 'latency'
}

export const latency: Kind<LatencyGuardrail> = {
  kind: 'latency',
  metrics: /^latency_p(50|95|99)$/,
  form: 'windows',
  lacks: ({ max_over_control, max_seconds }) =>
    max_over_control === undefined && max_seconds === undefined
      ? limitMissing('max_over_control', 'max_seconds')
      : null,
  settings: {
    maxOverControl: true,
    maxSeconds: true,
    forWindows: true,
    minRequests: true,
    literal: true,
    normalise: true,
  },
  fold(guardrail, state, window) {
    const fresh = latenciesOf(guardrail, window)
    const tally = jobsIn(guardrail, window, fresh)
    if (tally.n + tally.controlN === 0) return state
    const earlier = state.pending
    // Before control's first job there is nothing to compare with: at 100 % that is for ever, and nothing piles up.
    const beforeControl = tally.controlN + (earlier?.tally.controlN ?? 0) === 0
    if (guardrail.maxSeconds === null && beforeControl) return { ...state, seen: state.seen + tally.n }
    const latencies = earlier?.latencies ? mergeLatencies(earlier.latencies, fresh) : fresh
    const span = addTallies(earlier?.tally ?? null, tally)
    const seen = state.seen + tally.n
    const judgement = judgeLatency(guardrail, latencies, span)
    if (!judgement) return { ...state, seen, pending: { tally: span, latencies } }
    return advance({ ...state, seen }, judgement)
  },
  assess(guardrail, state, context) {
    const { last, streak } = state
    if (!last) {
      const { n, controlN } = state.pending?.tally ?? { n: state.seen, controlN: 0 }
      const noControl = guardrail.maxSeconds === null && controlN === 0
      const needs = { n, baselineN: controlN, noControl, least: jobsForQuantile(guardrail), toWhat: 'to read it' }
      return noWindowYet(guardrail, state, context, needs)
    }
    const needed = guardrail.forWindows
    const limit = guardrail.maxSeconds === null ? null : tailOf(guardrail)
    const { tally, value, baselineValue, threshold } = last
    const status = streakStatus(guardrail, state, limit)
    const bad = streak?.bad ?? 0
    return {
      ...status,
      value,
      n: tally.n,
      baselineValue,
      baselineN: tally.controlN,
      threshold,
      measure: last.measure === 'per_clip' ? 'seconds_per_clip' : 'seconds',
      windows: { fromMs: streak?.tally.fromMs ?? tally.fromMs, toMs: tally.toMs, bad, needed },
      evidence: () => ({ events: tally.x, baselineEvents: tally.controlX }),
      words: () => {
        const span = streak ? ` ${streakText(bad, needed)}` : ' in the last window'
        const base = latencyWords(guardrail, last, span)
        return status.note === 'both_bad' ? `${base}: control fails too, so nothing is rolled back` : base
      },
    }
  },
  formula: (guardrail) =>
    `${rule(guardrail)}, in ${guardrail.forWindows} windows of n >= ${jobsForQuantile(guardrail)} in a row`,
  lacksControl: (guardrail, { value, baselineN }) =>
    value === null && guardrail.maxSeconds === null && baselineN < jobsForQuantile(guardrail),
  readsLatency: true,
  toleratedAge: (guardrail, control) =>
    longest([toleratedByLimit(guardrail), toleratedByControl(guardrail, control)].filter((age) => age !== null)),
}

function rule({ literal, maxOverControl, maxSeconds, metric }: LatencyGuardrail): string {
  const p = quantileName(metric)
  const rules: string[] = []
  if (maxSeconds !== null) {
    const test = ' and its slower jobs are too many by the exact binomial test at 0.1'
    rules.push(`${p} > ${maxSeconds} s${literal ? '' : test}`)
  }
  if (maxOverControl !== null) {
    const test = ` and P(X >= x | x + x_c, n/(n + n_c)) <= 0.05 (exact, x slower than ${p}_c)`
    rules.push(`${p} > ${timesText(maxOverControl)} ${p}_c${literal ? '' : test}`)
  }
  return rules.join(' or ')
}

export function latenciesOf(guardrail: GuardrailBase & { normalise: boolean }, window: ClosedWindow): Latencies {
  return byArm((arm): JobLatencies => {
    const sketches = window[arm][guardrail.operation]?.sketches
    return { latency: sketches?.latency ?? EMPTY, per_clip: (guardrail.normalise && sketches?.per_clip) || EMPTY }
  })
}

/** Jobs of both arms that told a latency, none of them counted as slow, and those of control that are slow already. */
export function jobsIn({ operation }: GuardrailBase, window: ClosedWindow, { candidate, control }: Latencies): Tally {
  const controlOpen = window.control[operation]?.sketches.open?.count
  return {
    ...{ fromMs: window.startMs, toMs: window.endMs, x: 0, n: candidate.latency.count },
    ...{ controlX: 0, controlN: control.latency.count, ...(controlOpen && { controlOpen }) },
  }
}

export function mergeLatencies(a: Latencies, b: Latencies): Latencies {
  const join = (x: Sketch, y: Sketch): Sketch => (x.count === 0 ? y : y.count === 0 ? x : merged(x, y))
  return byArm((arm) => ({
    latency: join(a[arm].latency, b[arm].latency),
    per_clip: join(a[arm].per_clip, b[arm].per_clip),
  }))
}

/** Per unit of work where the sizes of at least half of the jobs of both arms are known. */
function measureOf({ candidate, control }: Latencies): 'latency' | 'per_clip' {
  return candidate.per_clip.count > 0 && [candidate, control].every(hasSizes) ? 'per_clip' : 'latency'
}

export function hasSizes({ latency: all, per_clip }: JobLatencies): boolean {
  return per_clip.count * 2 >= all.count
}

/** Null while there are too few jobs, of the candidate or, for a relative limit, of control. */
function judgeLatency(guardrail: LatencyGuardrail, latencies: Latencies, span: Tally): JudgedReading | null {
  const measure = measureOf(latencies)
  const candidate = latencies.candidate[measure]
  const control = latencies.control[measure]
  const needed = jobsForQuantile(guardrail)
  const { maxOverControl, maxSeconds } = guardrail
  const comparable = maxOverControl !== null && control.count >= needed
  if (candidate.count < needed || (maxSeconds === null && !comparable)) return null
  const q = 1 - tailOf(guardrail)
  const value = quantile(candidate, q)!
  const baselineValue = quantile(control, q)
  const relative = comparable ? baselineValue! * (1 + maxOverControl) : Infinity
  const mark = maxSeconds ?? baselineValue!
  const open = span.controlOpen ?? 0
  const tally: Tally = {
    ...span,
    x: countAbove(candidate, mark),
    n: candidate.count,
    controlX: countAbove(control, mark) + open,
    controlN: control.count + open,
  }
  const overControl = value > relative && (guardrail.literal || slower(candidate, control, baselineValue!, open))
  const overLimit =
    maxSeconds !== null &&
    value > maxSeconds &&
    (guardrail.literal || exceeds(guardrail, tally.x, tally.n, tailOf(guardrail)))
  return {
    reading: { tally, value, baselineValue, threshold: Math.min(relative, maxSeconds ?? Infinity), measure },
    bad: overControl || overLimit,
    beyondControl: overControl,
    controlOver: maxSeconds !== null && baselineValue !== null && baselineValue > maxSeconds,
  }
}

/**
 * Whether more of the candidate's jobs lie above control's quantile than equal arms would explain (exact). The candidate's
 * slow ones are among them while they are open, so control's are as well.
 */
function slower(candidate: Sketch, control: Sketch, mark: number, open: number): boolean {
  const above = (sketch: Sketch, more = 0) => ({ x: countAbove(sketch, mark) + more, n: sketch.count + more })
  return worseThanControl(above(candidate), above(control, open)) <= SLOWER
}

/** `p99 latency of jobs 91.2 s > 60.3 s in 5 of 5 windows (control 40.2 s; 412 jobs against 38,020)`. */
function latencyWords(guardrail: LatencyGuardrail, reading: JudgedReading['reading'], span: string): string {
  const { tally, value, baselineValue, threshold, measure } = reading
  const sign = value > threshold ? '>' : 'within'
  const unit = measure === 'per_clip' ? ' per clip' : ''
  const control = baselineValue === null ? 'no control traffic' : `control ${secondsText(baselineValue)}`
  const counts = `${counted(tally.n, guardrail.operation)} against ${grouped(tally.controlN)}`
  return `${subjectOf(guardrail)}${unit} ${secondsText(value)} ${sign} ${secondsText(threshold)}${span} (${control}; ${counts})`
}
