/** Whether a report may be read: whole days run, subjects of those planned, no excluded time. */
import type { Arm } from '../arm.ts'
import type { ArmSums, Evidence, ExperimentPlan, MetricPlan, Quantile } from '../experiment.ts'
import { DAY_MS, estimateOf, isSparse } from '../metric-sums.ts'
import { sharesApart } from '../quantile-shift.ts'
import { DEFAULT_MARGIN, SEQUENTIAL_SHARE } from './metric.ts'
import type { SampleSize, Design } from '../stats/power.ts'
import { sampleSizeMargin, sampleSizeMeans, sampleSizeProportions } from '../stats/power.ts'

const WEEK = 7
const MOST_DAYS = 366
/** Power of the mean by which an effect changes the variance: 1 of counts, 2 where it makes all values larger. */
const SPREADING = 1.5

/** To be known how many subjects are needed; subjects; of those there are, ones with a value of a mean, ratio or quantile. */
export const SAMPLE_LACKS = ['plan', 'subjects', 'values'] as const

/** As the API shows it: `reportSchema` says what each member is. Times are unix ms. */
export type Readiness = ReturnType<typeof readiness>

export function readiness(
  evidence: Pick<Evidence, 'now' | 'sinceMs' | 'untilMs' | 'fixed' | 'percent' | 'gpuSeconds'>,
  metrics: readonly MetricPlan[],
  plan: ExperimentPlan,
  sumsOf: (metric: string) => ArmSums,
) {
  const { now, sinceMs, untilMs, fixed, percent } = evidence
  const end = Math.min(now, untilMs ?? now)
  const elapsed = sinceMs === null ? 0 : Math.max(0, Math.floor((end - sinceMs) / DAY_MS))
  const days = sinceMs === null ? 0 : Math.max(0, elapsed - excludedDays(plan, sinceMs, end))
  const days_left = untilMs === null && sinceMs !== null ? daysLeft(plan, sinceMs, now, elapsed) : null
  const primaries = metrics.filter(({ role }) => role === 'primary')
  const guardrails = metrics.filter(({ role }) => role === 'guardrail')
  // All metrics have the same subjects, but those that leave the latest out, or those without a value.
  const others = guardrails.filter(({ kind, observeDays }) => observeDays !== undefined || kind === 'quantile')
  const deciding = [...primaries, ...others].map(({ name }) => sumsOf(name))
  // What jobs cost is kept of every subject.
  const least = (arm: Arm) =>
    primaries.length === 0 ? evidence.gpuSeconds[arm].n : Math.min(...deciding.map((each) => each[arm].n))
  const sample = { control: least('control'), candidate: least('candidate') }
  const plannedBy = (metric: MetricPlan, mde: number) =>
    plannedFor(metric, mde, sumsOf(metric.name), percent, plan, primaries.length)
  const sizes = primaries.flatMap((metric) => (metric.mde === undefined ? [] : [plannedBy(metric, metric.mde)]))
  const unknown = sizes.includes(null)
  const known = sizes.filter((size) => size !== null)
  const margins = guardrails.map((metric) => marginFor(metric, sumsOf(metric.name), percent, plan))
  const all = [...known, ...margins.filter((size) => size !== null)]
  const planned =
    unknown || known.length === 0
      ? null
      : { control: Math.max(...all.map(({ n1 }) => n1)), candidate: Math.max(...all.map(({ n2 }) => n2)) }
  const hasBoth = primaries.length > 0 && sample.control > 1 && sample.candidate > 1
  // A share of few has its exact test; a mean of few has none.
  const isThin = primaries.some(({ kind, name }) => kind !== 'proportion' && isSparse(kind, sumsOf(name)))
  const isBelow = planned !== null && (sample.control < planned.control || sample.candidate < planned.candidate)
  const sample_lacks: (typeof SAMPLE_LACKS)[number] | null = unknown
    ? 'plan'
    : isBelow || !hasBoth
      ? 'subjects'
      : isThin
        ? 'values'
        : null
  const excluded = plan.exclude.find(({ fromMs, toMs }) => fromMs <= now && now < toMs)
  return {
    days,
    min_days: plan.minDays,
    days_left,
    sample,
    planned,
    planned_reached: sample_lacks === null,
    sample_lacks,
    excluded_now: excluded ? excluded.why || 'excluded' : null,
    read_at: fixed?.atMs ?? null,
    due: days >= plan.minDays && isWholeWeeks(plan, elapsed) && sample_lacks === null && !excluded,
  }
}

/** UTC days from the first to the last that an excluded time touches, inclusive. */
export function excludedDayRanges(plan: Pick<ExperimentPlan, 'exclude'>): [number, number][] {
  return plan.exclude.map(({ fromMs, toMs }) => [Math.floor(fromMs / DAY_MS), Math.floor((toMs - 1) / DAY_MS)])
}

function excludedDays(plan: ExperimentPlan, fromMs: number, toMs: number): number {
  const [first, last] = [Math.floor(fromMs / DAY_MS), Math.floor(toMs / DAY_MS)]
  const days = new Set<number>()
  for (const [from, to] of excludedDayRanges(plan))
    for (let day = Math.max(from, first); day <= Math.min(to, last); day++) days.add(day)
  return days.size
}

/** An eighth day would count one weekday twice. */
function isWholeWeeks({ minDays }: ExperimentPlan, elapsed: number): boolean {
  return minDays < WEEK || elapsed % WEEK === 0
}

/** Null where exclusions that are known by now leave no such day within a year. */
function daysLeft(plan: ExperimentPlan, sinceMs: number, now: number, elapsed: number): number | null {
  const ranges = excludedDayRanges(plan)
  const today = Math.floor(now / DAY_MS)
  let days = elapsed - excludedDays(plan, sinceMs, now)
  for (let left = 0; left <= MOST_DAYS; left++) {
    // Whether now is excluded is a reason of its own.
    const isCounted = left === 0 || !ranges.some(([from, to]) => from <= today + left && today + left <= to)
    if (left > 0 && isCounted) days++
    if (isCounted && days >= plan.minDays && isWholeWeeks(plan, elapsed + left)) return left
  }
  return null
}

/** Null while control's rate is unknown, or where the hypothesis is impossible. Sized for Holm's first and hardest step. */
function plannedFor(
  { kind, direction }: MetricPlan,
  mde: number,
  { control }: ArmSums,
  percent: number | null,
  plan: ExperimentPlan,
  primaries: number,
): SampleSize | null {
  const estimate = estimateOf(kind, control)
  if (!estimate || percent === null || estimate.n < 2 || estimate.value === 0 || estimate.variance === 0) return null
  const shift = direction === 'increase' ? mde : -mde
  const common = {
    alpha: (plan.alpha * (1 - SEQUENTIAL_SHARE)) / primaries,
    power: plan.power,
    alternative: 'two-sided' as const,
    ratio: percent / (100 - percent),
  }
  if (kind === 'proportion') {
    const p2 = estimate.value * (1 + shift)
    if (p2 <= 0 || p2 >= 1) return null
    return possible(sampleSizeProportions({ ...common, p1: estimate.value, p2, formula: 'normal_pooled' }))
  }
  if (control.quantile) return quantileSize(control.quantile, 1 + shift, common)
  const sd = Math.sqrt(estimate.variance * estimate.n)
  // An effect spreads the values too, and does not move those that are cut.
  const moving = control.meanY === 0 ? 1 : 1 - (control.held ?? 0) / control.meanY
  return possible(
    sampleSizeMeans({
      ...common,
      sd1: sd,
      sd2: sd * Math.max(1, (1 + shift) ** (SPREADING / 2)),
      delta: Math.abs(estimate.value * shift * moving),
    }),
  )
}

/** So that a guardrail metric that is no worse is shown to be so, with the planned power, by the reading itself. */
function marginFor(
  { kind, direction, margin = DEFAULT_MARGIN }: MetricPlan,
  { control }: ArmSums,
  percent: number | null,
  plan: ExperimentPlan,
): SampleSize | null {
  const estimate = estimateOf(kind, control)
  if (!estimate || percent === null || estimate.n < 2 || estimate.value === 0 || margin === 0) return null
  const scale = direction === 'increase' ? 1 - margin : 1 + margin
  const common = { alpha: plan.alpha * (1 - SEQUENTIAL_SHARE), power: plan.power, ratio: percent / (100 - percent) }
  if (control.quantile) return quantileSize(control.quantile, 1 / scale, { ...common, alternative: 'greater' })
  return possible(
    sampleSizeMargin({
      ...common,
      sd: Math.sqrt(estimate.variance * estimate.n),
      scale,
      margin: margin * estimate.value,
    }),
  )
}

/** So that the test of quantiles sees values that are so many times as large in the candidate. */
function quantileSize({ q, spread }: Quantile, times: number, common: Design): SampleSize | null {
  if (!(times > 0) || times === Infinity) return null
  const shares = sharesApart(spread, q, times, common.ratio)
  return possible(sampleSizeProportions({ ...common, ...shares, formula: 'normal_pooled' }))
}

function possible(size: SampleSize): SampleSize | null {
  return Number.isFinite(size.total) ? size : null
}
