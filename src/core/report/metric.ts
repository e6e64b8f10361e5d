/** One metric of a report: estimates, lift, test, and what may be read before the end. What decides is decision.ts'. */
import type { ArmSums, ExperimentPlan, MetricPlan, MetricSums } from '../experiment.ts'
import { estimateOf, isSparse, shareOf } from '../metric-sums.ts'
import { quantileLifts, shareShift } from '../quantile-shift.ts'
import { absoluteLift, armInterval, CONFIDENCE, relativeLiftOf } from './intervals.ts'
import type { Interval } from '../stats/hybrid-interval.ts'
import { anytimeZ, logEAbove, logETwoSided } from '../stats/anytime.ts'
import { normalSf, pValue, tSf } from '../stats/distributions.ts'
import { type Better, difference, type Estimate, marginContrast, relativeLift, testSe } from '../stats/estimates.ts'
import { fisherExact } from '../stats/fisher.ts'
import { degrees } from '../stats/means.ts'
import { ofY } from '../stats/moments.ts'
import type { Share } from '../stats/proportions.ts'
import { twoProportionZ } from '../stats/two-proportions.ts'

/** The hybrid: a fifth of α is spent on looking at any time, the rest at the planned end (union bound). */
export const SEQUENTIAL_SHARE = 0.2
export const DEFAULT_MARGIN = 0.05
/** Of the rarest outcome in the smaller arm, if both arms were alike: below it the normal test gives way to the exact one. */
const FEW_EXPECTED = 5

/** Of a guardrail metric, against its margin. */
export const MARGIN_STATUSES = ['non_inferior', 'not_shown', 'worse'] as const

/** As the API shows it: `metricReportSchema` says what each member is. */
export type MetricReport = ReturnType<typeof metricReport>

/** `sums` are of today; `fixed` those of the planned end, once it has been reached. p-values are adjusted by the caller. */
export function metricReport(
  plan: MetricPlan,
  sums: ArmSums,
  fixed: ArmSums | null,
  of: ExperimentPlan,
  cutAt: number | null,
) {
  const { kind } = plan
  const control = estimateOf(kind, sums.control)
  const candidate = estimateOf(kind, sums.candidate)
  const both = control && candidate ? { control, candidate } : null
  return {
    metric: plan.name,
    kind,
    role: plan.role,
    direction: plan.direction,
    quantile: plan.quantile ?? null,
    control: armEstimate(kind, sums.control, control),
    candidate: armEstimate(kind, sums.candidate, candidate),
    absolute: both && absoluteLift(kind, sums, both.control, both.candidate),
    relative: both && relativeLiftOf(kind, sums, both.control, both.candidate),
    test: both && unadjusted(testOf(kind, fixed ?? sums, fixed !== null)),
    always_valid: both && unadjusted(sequenceOf(kind, sums, of.alpha)),
    non_inferiority: both && plan.role === 'guardrail' ? marginOf(plan, sums, fixed, of.alpha) : null,
    mde: plan.mde ?? null,
    cut_at: cutAt,
  }
}

function armEstimate(kind: MetricPlan['kind'], sums: MetricSums, estimate: Estimate | null) {
  const interval = estimate && armInterval(kind, sums, estimate)
  return { n: sums.n, estimate: estimate?.value ?? null, interval }
}

/** Adjusting is for whoever knows the other metrics. */
function unadjusted<T extends object>(test: T | null): (T & { p_adjusted: number | null }) | null {
  return test && { ...test, p_adjusted: null }
}

function testOf(kind: MetricPlan['kind'], sums: ArmSums, final: boolean) {
  if (kind === 'proportion') {
    const [control, candidate] = [shareOf(sums.control), shareOf(sums.candidate)]
    const { z, p_value } = twoProportionZ(control, candidate, 'two-sided')
    return leastExpected(control, candidate) < FEW_EXPECTED
      ? ({ name: 'fisher_exact', statistic: z, df: null, p_value: fisherExact(control, candidate), final } as const)
      : ({ name: 'two_proportion_z', statistic: z, df: null, p_value, final } as const)
  }
  const shift = differenceOf(kind, sums)
  if (!shift) return null
  const name = ({ mean: 'welch_t', ratio: 'ratio_delta_z', quantile: 'common_quantile_z' } as const)[kind]
  const statistic = shift.diff / shift.se
  const isMeasured = shift.se > 0 && Number.isFinite(statistic)
  const degreesOf = kind === 'mean' ? degrees(ofY(sums.control), ofY(sums.candidate)) : null
  const df = isMeasured && degreesOf !== null && Number.isFinite(degreesOf) ? degreesOf : null
  // A mean of one subject has no spread to be judged by.
  if (!isMeasured || (kind === 'mean' && df === null)) return { name, statistic: null, df: null, p_value: 1, final }
  const p_value = pValue(statistic, 'two-sided', (value) => (df === null ? normalSf(value) : tSf(value, df)))
  return { name, statistic, df, p_value, final }
}

function leastExpected(control: Share, candidate: Share): number {
  const x = control.x + candidate.x
  const n = control.n + candidate.n
  return (Math.min(control.n, candidate.n) * Math.min(x, n - x)) / n
}

/** What tests go by: the difference with its standard error, of a quantile that of the shares above the common one. */
export function differenceOf(kind: MetricPlan['kind'], sums: ArmSums) {
  if (kind === 'quantile') return shareShift(sums)
  const [control, candidate] = [estimateOf(kind, sums.control), estimateOf(kind, sums.candidate)]
  if (!control || !candidate) return null
  const se = testSe(control, candidate)
  return { diff: candidate.value - control.value, se, units: control.n + candidate.n }
}

/** Intervals hold at 1 − α; the p-value is compared with the sequential part of α. */
function sequenceOf(kind: MetricPlan['kind'], sums: ArmSums, alpha: number) {
  const shift = isSparse(kind, sums) ? null : differenceOf(kind, sums)
  if (!shift || !(shift.se > 0) || !Number.isFinite(shift.diff / shift.se)) return null
  const { diff, se, units } = shift
  const half = anytimeZ(units, alpha) * se
  const lifts = quantileLifts(sums, anytimeZ(units, alpha))
  const absolute = lifts?.absolute ?? { low: diff - half, high: diff + half }
  return {
    p_value: Math.min(1, Math.exp(-logETwoSided(diff / se, units, alpha * SEQUENTIAL_SHARE))),
    absolute: { low: absolute.low, high: absolute.high },
    relative: bandOf(kind, sums, alpha),
  }
}

/** `se` is as much wider as the test's standard error is. */
export function sequenceLift(control: Estimate, candidate: Estimate) {
  const lift = relativeLift(control, candidate, CONFIDENCE)
  if (!lift || !(lift.se > 0) || !Number.isFinite(lift.lift)) return null
  const own = difference(control, candidate, CONFIDENCE).se
  const se = lift.se * (testSe(control, candidate) / own)
  return Number.isFinite(se) ? { lift: lift.lift, se, units: control.n + candidate.n } : null
}

/** The band of a chart: an interval of the lift that holds at every point of time together. */
export function bandOf(kind: MetricPlan['kind'], sums: ArmSums, alpha: number): Interval | null {
  const lifts = quantileLifts(sums, anytimeZ(sums.control.n + sums.candidate.n, alpha))
  if (lifts) return lifts.relative && { low: lifts.relative.low, high: lifts.relative.high }
  const [control, candidate] = [estimateOf(kind, sums.control), estimateOf(kind, sums.candidate)]
  return control && candidate && sequenceOfLift(control, candidate, alpha)
}

export function sequenceOfLift(control: Estimate, candidate: Estimate, alpha: number): Interval | null {
  const of = sequenceLift(control, candidate)
  const half = of && anytimeZ(of.units, alpha) * of.se
  return of && half !== null && Number.isFinite(half) ? { low: of.lift - half, high: of.lift + half } : null
}

/**
 * Against the margin, with α shared like a primary's: the fixed reading, once, and a sequence at any time. What the
 * reading did not show, later data may; a test that is repeated until it passes would pass always, the sequence doesn't.
 */
function marginOf(plan: MetricPlan, sums: ArmSums, fixed: ArmSums | null, alpha: number) {
  const margin = plan.margin ?? DEFAULT_MARGIN
  const status = sided(plan, sums, margin, alpha * SEQUENTIAL_SHARE)
  const read = fixed && fixedMargin(plan, fixed, margin, alpha * (1 - SEQUENTIAL_SHARE))
  if (!read || status === 'worse' || (read.status === 'not_shown' && status === 'non_inferior'))
    return { margin, method: 'sequential', p_value: null, status } as const
  return { margin, method: 'fixed', ...read } as const
}

function fixedMargin(plan: MetricPlan, sums: ArmSums, margin: number, alpha: number) {
  const contrast = contrastOf(plan, sums, margin)
  if (!contrast) return null
  const { inside, se, scale } = contrast
  const df = plan.kind === 'mean' ? degrees(ofY(sums.control), ofY(sums.candidate), scale) : null
  const p_value = df === null ? normalSf(inside / se) : tSf(inside / se, df)
  const isKnown = Number.isFinite(p_value) && se > 0
  const status = !isKnown ? 'not_shown' : p_value < alpha ? 'non_inferior' : 1 - p_value < alpha ? 'worse' : 'not_shown'
  return { p_value: isKnown ? p_value : 1, status } as const
}

/** `inside`: how far the candidate is within the margin; below 0 outside. */
export function contrastOf({ kind, direction }: MetricPlan, sums: ArmSums, margin: number) {
  const [control, candidate] = [estimateOf(kind, sums.control), estimateOf(kind, sums.candidate)]
  if (!control || !candidate) return null
  const better: Better = direction === 'increase' ? 'higher_is_better' : 'lower_is_better'
  const { estimate, scale } = marginContrast(control, candidate, margin, 'relative', better)
  const se = testSe({ ...control, variance: scale ** 2 * control.variance }, candidate)
  // Of quantiles the same in shares: control's values as they would be at the margin.
  const at = kind === 'quantile' ? (scale > 0 ? shareShift(sums, scale) : null) : { diff: estimate, se }
  if (!at || !Number.isFinite(at.diff) || !Number.isFinite(at.se)) return null
  const inside = better === 'higher_is_better' ? at.diff : -at.diff
  return { inside, se: at.se, scale, units: control.n + candidate.n }
}

function sided(plan: MetricPlan, sums: ArmSums, margin: number, alpha: number): (typeof MARGIN_STATUSES)[number] {
  const contrast = isSparse(plan.kind, sums) ? null : contrastOf(plan, sums, margin)
  if (!contrast || !(contrast.se > 0)) return 'not_shown'
  const { inside, se, units } = contrast
  if (logEAbove(inside / se, units, alpha) >= -Math.log(alpha)) return 'non_inferior'
  return logEAbove(-inside / se, units, alpha) >= -Math.log(alpha) ? 'worse' : 'not_shown'
}
