/**
 * What would change a decision: for each of its reasons the days, subjects or jobs that are still missing. Where it is an
 * effect that decides, the figures are taken to stay as they are; nothing here is tested again.
 */
import type { DecisionReason } from './decision.ts'
import type { ArmSums, Evidence, ExperimentPlan, MetricPlan } from './experiment.ts'
import { estimateOf, FEW_EVENTS, fewestEvents } from './metric-sums.ts'
import { contrastOf, DEFAULT_MARGIN, SEQUENTIAL_SHARE } from './report-metric.ts'
import type { Readiness } from './report-readiness.ts'
import { logEAbove, logETwoSided } from './stats/anytime.ts'
import { testSe } from './stats/estimates.ts'

const DAY_MS = 86_400_000
/** So many times the present data, and nobody would wait for it. */
const MOST_TIMES = 1000

interface PerArm {
  control: number
  candidate: number
}

/** More than there are now, by arm. */
export interface Needed {
  subjects: PerArm | null
  /** For subjects: at the rate so far. Rounded up to tenths. */
  days: number | null
}

export interface Situation {
  evidence: Pick<Evidence, 'now' | 'sinceMs' | 'untilMs'>
  metrics: readonly MetricPlan[]
  plan: ExperimentPlan
  readiness: Readiness
  sumsOf: (metric: string) => ArmSums
}

/** Null where more data changes nothing, where nobody knows how much would, and after the split's end. */
export function neededFor({ code, metric }: DecisionReason, of: Situation): Needed | null {
  const { evidence, plan, readiness } = of
  if (evidence.untilMs !== null) return null
  switch (code) {
    case 'days':
      return readiness.days_left === null ? null : { subjects: null, days: readiness.days_left }
    case 'excluded_now': {
      const ends = plan.exclude.filter(({ fromMs, toMs }) => fromMs <= evidence.now && evidence.now < toMs)
      return { subjects: null, days: tenths((Math.max(...ends.map(({ toMs }) => toMs)) - evidence.now) / DAY_MS) }
    }
    case 'no_subjects':
      return subjects({ control: 2, candidate: 2 }, readiness.sample, of)
    case 'sample':
      return sampleNeeded(of)
    case 'not_significant':
    case 'guardrail_unproven': {
      const about = of.metrics.find(({ name }) => name === metric)
      const times = about ? timesNeeded(about, of) : null
      return times === null ? null : manifold(of.sumsOf(about!.name), times, of)
    }
    default:
      return null
  }
}

function sampleNeeded(of: Situation): Needed | null {
  const { planned, sample } = of.readiness
  if (planned && (sample.control < planned.control || sample.candidate < planned.candidate))
    return subjects(planned, sample, of)
  const thin = of.metrics
    .filter(({ role, kind }) => role === 'primary' && kind !== 'proportion')
    .map(({ name, kind }) => FEW_EVENTS / fewestEvents(kind, of.sumsOf(name)))
  const times = Math.max(1, ...thin)
  return times > 1 && Number.isFinite(times) ? manifold(sample, times, of) : null
}

/**
 * How many times the present subjects make the sequence of a metric say something: harm or benefit of a primary, being
 * inside or outside the margin of a guardrail metric. At least one; null beyond MOST_TIMES.
 */
function timesNeeded(metric: MetricPlan, { metrics, plan, sumsOf }: Situation): number | null {
  const sums = sumsOf(metric.name)
  const alpha = plan.alpha * SEQUENTIAL_SHARE
  const least = Math.max(1, FEW_EVENTS / fewestEvents(metric.kind, sums))
  if (metric.role === 'guardrail') {
    const contrast = contrastOf(metric, sums, metric.margin ?? DEFAULT_MARGIN)
    if (!contrast || !(contrast.se > 0)) return null
    const z = Math.abs(contrast.inside) / contrast.se
    return firstTimes(
      least,
      (times) => logEAbove(z * Math.sqrt(times), contrast.units * times, alpha),
      -Math.log(alpha),
    )
  }
  const [control, candidate] = [estimateOf(metric.kind, sums.control), estimateOf(metric.kind, sums.candidate)]
  const se = control && candidate ? testSe(control, candidate) : 0
  if (!control || !candidate || !(se > 0)) return null
  const z = (candidate.value - control.value) / se
  const units = control.n + candidate.n
  // Holm's first and hardest step.
  const wanted = Math.log(metrics.filter(({ role }) => role === 'primary').length / alpha)
  return firstTimes(least, (times) => logETwoSided(z * Math.sqrt(times), units * times, alpha), wanted)
}

function firstTimes(least: number, logE: (times: number) => number, wanted: number): number | null {
  if (!Number.isFinite(least)) return null
  let [low, high] = [least, least]
  while (logE(high) < wanted) {
    if (high > MOST_TIMES) return null
    low = high
    high *= 2
  }
  while (high - low > 1e-4 * high) {
    const middle = (low + high) / 2
    if (logE(middle) >= wanted) high = middle
    else low = middle
  }
  return high
}

function manifold(now: ArmSums | PerArm, times: number, of: Situation): Needed | null {
  const n = (arm: keyof PerArm) => (typeof now[arm] === 'number' ? now[arm] : now[arm].n)
  const sample = { control: n('control'), candidate: n('candidate') }
  return subjects(
    { control: Math.ceil(sample.control * times), candidate: Math.ceil(sample.candidate * times) },
    sample,
    of,
  )
}

function subjects(wanted: PerArm, sample: PerArm, { evidence: { now, sinceMs } }: Situation): Needed | null {
  const more = {
    control: Math.max(0, wanted.control - sample.control),
    candidate: Math.max(0, wanted.candidate - sample.candidate),
  }
  const elapsed = sinceMs === null ? 0 : (now - sinceMs) / DAY_MS
  const days = Math.max(
    ...(['control', 'candidate'] as const).map((arm) => (more[arm] === 0 ? 0 : (elapsed * more[arm]) / sample[arm])),
  )
  return { subjects: more, days: elapsed > 0 && Number.isFinite(days) ? tenths(days) : null }
}

function tenths(days: number): number {
  return Math.ceil(10 * days) / 10
}
