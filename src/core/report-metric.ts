/**
 * One metric of a report: estimates, lift, the test for its kind, and what may be read before the end. Which of that
 * counts for the decision is decision.ts' business.
 */
import type { ArmSums, ExperimentPlan, MetricPlan } from './experiment.ts'
import { asymptoticSequence } from './stats/confidence-sequence.ts'
import { normalSf, pValue } from './stats/distributions.ts'
import {
  difference,
  type Estimate,
  marginContrast,
  meanEstimate,
  nonInferiority,
  ratioEstimate,
  relativeLift,
  shareEstimate,
} from './stats/estimates.ts'
import { welchT } from './stats/means.ts'
import { ofY } from './stats/moments.ts'
import type { Share } from './stats/proportions.ts'
import { logLiftInterval, newcombeInterval, twoProportionZ } from './stats/two-proportions.ts'

/** The hybrid: a fifth of α is spent on looking at any time, the rest at the planned end (union bound). */
export const SEQUENTIAL_SHARE = 0.2
/** Where the confidence sequence is tightest; a constant, since it has to be fixed before there is data. */
const N_STAR = 5000
/** Below so many events an arm, normal approximations don't hold: exact-like intervals, no sequential reading. */
const FEW_EVENTS = 50
export const DEFAULT_MARGIN = 0.05
const CONFIDENCE = 0.95

export interface Interval {
  low: number
  high: number
}

export interface MetricReport {
  metric: string
  kind: MetricPlan['kind']
  role: MetricPlan['role']
  direction: MetricPlan['direction']
  control: { n: number; estimate: number | null }
  candidate: { n: number; estimate: number | null }
  /** Candidate − control, 95 % interval. */
  absolute: ({ lift: number } & Interval) | null
  /** Candidate/control − 1, 95 % interval; null at a control of 0. */
  relative: ({ lift: number } & Interval) | null
  /** `final`: read from the data of the planned end, once. Before that it is a preview and decides nothing. */
  test: {
    name: 'two_proportion_z' | 'welch_t' | 'ratio_delta_z'
    statistic: number | null
    df: number | null
    p_value: number
    p_adjusted: number | null
    final: boolean
  } | null
  /** May be read at any time, as often as one likes; null below 50 events an arm. */
  always_valid:
    | ({ p_value: number; p_adjusted: number | null } & { absolute: Interval; relative: Interval | null })
    | null
  /** Of guardrail metrics: whether the candidate is worse by less than the margin. */
  non_inferiority: {
    margin: number
    method: 'fixed' | 'sequential'
    p_value: number | null
    status: 'non_inferior' | 'not_shown' | 'worse'
  } | null
  mde: number | null
}

export function estimateOf(kind: MetricPlan['kind'], sums: ArmSums[keyof ArmSums]): Estimate | null {
  if (sums.n === 0) return null
  if (kind === 'proportion') return shareEstimate(shareOf(sums))
  return kind === 'mean' ? meanEstimate(ofY(sums)) : ratioEstimate(sums)
}

function shareOf({ n, meanY }: ArmSums['control']): Share {
  return { x: Math.round(n * meanY), n }
}

/** `sums` are of today; `fixed` those of the planned end, once it has been reached. p-values are adjusted by the caller. */
export function metricReport(plan: MetricPlan, sums: ArmSums, fixed: ArmSums | null, of: ExperimentPlan): MetricReport {
  const { kind } = plan
  const control = estimateOf(kind, sums.control)
  const candidate = estimateOf(kind, sums.candidate)
  const both = control && candidate ? { control, candidate } : null
  return {
    metric: plan.name,
    kind,
    role: plan.role,
    direction: plan.direction,
    control: { n: sums.control.n, estimate: control?.value ?? null },
    candidate: { n: sums.candidate.n, estimate: candidate?.value ?? null },
    absolute: both && absoluteOf(kind, sums, both.control, both.candidate),
    relative: both && relativeOf(kind, sums, both.control, both.candidate),
    test: both && testOf(kind, fixed ?? sums, fixed !== null),
    always_valid: both && !isSparse(kind, sums) ? sequenceOf(both.control, both.candidate, of.alpha) : null,
    non_inferiority: both && plan.role === 'guardrail' ? marginOf(plan, fixed ?? sums, fixed !== null, of.alpha) : null,
    mde: plan.mde ?? null,
  }
}

/** Events are successes and failures of a proportion, subjects of anything else. */
function isSparse(kind: MetricPlan['kind'], sums: ArmSums): boolean {
  return [sums.control, sums.candidate].some((arm) => {
    const { x, n } = shareOf(arm)
    return (kind === 'proportion' ? Math.min(x, n - x) : n) < FEW_EVENTS
  })
}

function absoluteOf(kind: MetricPlan['kind'], sums: ArmSums, control: Estimate, candidate: Estimate) {
  const { diff, low, high } =
    kind === 'proportion' && isSparse(kind, sums)
      ? newcombeInterval(shareOf(sums.control), shareOf(sums.candidate), CONFIDENCE)
      : difference(control, candidate, CONFIDENCE)
  return { lift: diff, low, high }
}

function relativeOf(kind: MetricPlan['kind'], sums: ArmSums, control: Estimate, candidate: Estimate) {
  const sparse = kind === 'proportion' && isSparse(kind, sums)
  const byLog = sparse ? logLiftInterval(shareOf(sums.control), shareOf(sums.candidate), CONFIDENCE) : null
  const interval = byLog ?? relativeLift(control, candidate, CONFIDENCE)
  return interval && { lift: interval.lift, low: interval.low, high: interval.high }
}

function testOf(kind: MetricPlan['kind'], { control, candidate }: ArmSums, final: boolean): MetricReport['test'] {
  const common = { p_adjusted: null, final }
  if (kind === 'proportion') {
    const { z, p_value } = twoProportionZ(shareOf(control), shareOf(candidate), 'two-sided')
    return { name: 'two_proportion_z', statistic: z, df: null, p_value, ...common }
  }
  if (kind === 'mean') {
    const { t, df, p_value } = welchT(ofY(control), ofY(candidate), 'two-sided', CONFIDENCE)
    return { name: 'welch_t', statistic: t, df, p_value, ...common }
  }
  const [c, t] = [ratioEstimate(control), ratioEstimate(candidate)]
  if (!c || !t) return null
  const { diff, se } = difference(c, t, CONFIDENCE)
  const z = se > 0 ? diff / se : null
  const p_value = z === null ? 1 : pValue(z, 'two-sided', normalSf)
  return { name: 'ratio_delta_z', statistic: z, df: null, p_value, ...common }
}

/** Intervals hold at 1 − α; the p-value is compared with the sequential part of α. */
function sequenceOf(control: Estimate, candidate: Estimate, alpha: number): MetricReport['always_valid'] {
  const { diff, se } = difference(control, candidate, CONFIDENCE)
  if (se === 0) return null
  const common = { n_total: control.n + candidate.n, n_star: N_STAR, sides: 'two-sided' } as const
  const absolute = asymptoticSequence({ ...common, estimate: diff, se, alpha })
  const judged = asymptoticSequence({ ...common, estimate: diff, se, alpha: alpha * SEQUENTIAL_SHARE })
  return {
    p_value: judged.p_value!,
    p_adjusted: null,
    absolute: { low: absolute.low!, high: absolute.high! },
    relative: sequenceOfLift(control, candidate, alpha),
  }
}

/** The band of a chart: lift with an interval that holds at every point of time together. */
export function sequenceOfLift(control: Estimate, candidate: Estimate, alpha: number): Interval | null {
  const lift = relativeLift(control, candidate, CONFIDENCE)
  if (!lift || lift.se === 0) return null
  const { low, high } = asymptoticSequence({
    estimate: lift.lift,
    se: lift.se,
    n_total: control.n + candidate.n,
    alpha,
    n_star: N_STAR,
    sides: 'two-sided',
  })
  return { low: low!, high: high! }
}

/** Before the planned end only a sequence may say so: a test that is repeated until it passes passes always. */
function marginOf(plan: MetricPlan, sums: ArmSums, final: boolean, alpha: number): MetricReport['non_inferiority'] {
  const control = estimateOf(plan.kind, sums.control)
  const candidate = estimateOf(plan.kind, sums.candidate)
  const margin = plan.margin ?? DEFAULT_MARGIN
  if (!control || !candidate) return null
  const better = plan.direction === 'increase' ? 'higher_is_better' : 'lower_is_better'
  if (final) {
    const { p_value, non_inferior } = nonInferiority(control, candidate, margin, 'relative', better, alpha)
    const status = non_inferior ? 'non_inferior' : 1 - p_value < alpha ? 'worse' : 'not_shown'
    return { margin, method: 'fixed', p_value, status }
  }
  const { estimate, se } = marginContrast(control, candidate, margin, 'relative', better)
  const inside = better === 'higher_is_better' ? estimate : -estimate
  const status = isSparse(plan.kind, sums) || se === 0 ? 'not_shown' : sided(inside, se, control.n + candidate.n, alpha)
  return { margin, method: 'sequential', p_value: null, status }
}

function sided(inside: number, se: number, n: number, alpha: number) {
  const bound = (sides: 'greater' | 'less') =>
    asymptoticSequence({ estimate: inside, se, n_total: n, alpha, n_star: N_STAR, sides })
  if (bound('greater').low! > 0) return 'non_inferior'
  return bound('less').high! < 0 ? 'worse' : 'not_shown'
}
