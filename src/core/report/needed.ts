/**
 * What would change a decision: for each of its reasons the days, subjects or jobs that are still missing. Where it is an
 * effect that decides, the figures are taken to stay as they are; nothing here is tested again.
 */
import { type Arm, ARMS, byArm } from '../arm.ts'
import type { DecisionReason } from '../decision.ts'
import type { ArmSums, Evidence, ExperimentPlan, MetricPlan } from '../experiment.ts'
import { DAY_MS, FEW_EVENTS, fewestEvents } from '../metric-sums.ts'
import { costLift } from './cost.ts'
import { contrastOf, DEFAULT_MARGIN, differenceOf, SEQUENTIAL_SHARE } from './metric.ts'
import type { Readiness } from './readiness.ts'
import { logEAbove, logETwoSided } from '../stats/anytime.ts'
import { firstFrom } from '../stats/halving.ts'

/** So many times the present data, and nobody would wait for it. */
const MOST_TIMES = 1000

type Unit = 'subjects' | 'jobs'
type PerArm = Record<Arm, number>

/** More than there are now, by arm. */
export interface Needed {
  subjects: PerArm | null
  /** That succeed. */
  jobs: PerArm | null
  /** For subjects and jobs: at the rate so far. Rounded up to tenths. */
  days: number | null
}

const NOTHING = { subjects: null, jobs: null, days: null }

export interface Situation {
  evidence: Pick<Evidence, 'now' | 'sinceMs' | 'untilMs' | 'gpuSeconds' | 'costPerGpuSecond'>
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
      return readiness.days_left === null ? null : { ...NOTHING, days: readiness.days_left }
    case 'excluded_now': {
      const ends = plan.exclude.filter(({ fromMs, toMs }) => fromMs <= evidence.now && evidence.now < toMs)
      return { ...NOTHING, days: tenths((Math.max(...ends.map(({ toMs }) => toMs)) - evidence.now) / DAY_MS) }
    }
    case 'no_subjects':
      return missing({ control: 2, candidate: 2 }, readiness.sample, of)
    case 'sample':
      return sampleNeeded(of)
    case 'not_significant':
    case 'guardrail_unproven': {
      const about = of.metrics.find(({ name }) => name === metric)
      const times = about ? timesNeeded(about, of) : null
      if (!about || times === null) return null
      const sums = of.sumsOf(about.name)
      const now = byArm((arm) => sums[arm].n)
      return manifold(now, times, of)
    }
    case 'cost_unproven':
      return costNeeded(of)
    default:
      return null
  }
}

/** Jobs that put all of the interval on one side of the limit. */
function costNeeded(of: Situation): Needed | null {
  const { evidence, plan } = of
  const { control, candidate } = evidence.gpuSeconds
  const lift = costLift(evidence)
  if (!lift) return null
  const z = (lift.lift - plan.maxCostIncrease) / lift.se
  const least = Math.max(1, FEW_EVENTS / Math.min(control.n, candidate.n))
  const logE = (times: number) => logETwoSided(z * Math.sqrt(times), lift.units * times, plan.alpha)
  const times = firstTimes(least, logE, -Math.log(plan.alpha))
  const jobs = { control: control.n * control.meanX, candidate: candidate.n * candidate.meanX }
  return times === null ? null : manifold(jobs, times, of, 'jobs')
}

function sampleNeeded(of: Situation): Needed | null {
  const { planned, sample, sample_lacks: lacks } = of.readiness
  if (planned && lacks === 'subjects') return missing(planned, sample, of)
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
    const logE = (times: number) => logEAbove(z * Math.sqrt(times), contrast.units * times, alpha)
    return firstTimes(least, logE, -Math.log(alpha))
  }
  const difference = differenceOf(metric.kind, sums)
  if (!difference || !(difference.se > 0)) return null
  const z = difference.diff / difference.se
  const { units } = difference
  // Holm's first and hardest step.
  const wanted = Math.log(metrics.filter(({ role }) => role === 'primary').length / alpha)
  return firstTimes(least, (times) => logETwoSided(z * Math.sqrt(times), units * times, alpha), wanted)
}

function firstTimes(least: number, logE: (times: number) => number, wanted: number): number | null {
  return Number.isFinite(least) ? firstFrom(least, MOST_TIMES, (times) => logE(times) >= wanted) : null
}

function manifold(now: PerArm, times: number, of: Situation, unit: Unit = 'subjects'): Needed {
  const wanted = byArm((arm) => Math.ceil(now[arm] * times))
  return missing(wanted, now, of, unit)
}

function missing(wanted: PerArm, now: PerArm, { evidence }: Situation, unit: Unit = 'subjects'): Needed {
  const more = byArm((arm) => Math.max(0, Math.ceil(wanted[arm] - now[arm])))
  const elapsed = evidence.sinceMs === null ? 0 : (evidence.now - evidence.sinceMs) / DAY_MS
  const days = Math.max(...ARMS.map((arm) => (more[arm] === 0 ? 0 : (elapsed * more[arm]) / now[arm])))
  return { ...NOTHING, [unit]: more, days: elapsed > 0 && Number.isFinite(days) ? tenths(days) : null }
}

function tenths(days: number): number {
  return Math.ceil(10 * days) / 10
}
