/** Whether a report may be read: whole days run, subjects of those planned, no excluded time. */
import type { ArmSums, Evidence, ExperimentPlan, MetricPlan } from './experiment.ts'
import { estimateOf, SEQUENTIAL_SHARE } from './report-metric.ts'
import { type SampleSize, sampleSizeMeans, sampleSizeProportions } from './stats/power.ts'

const DAY_MS = 86_400_000

export interface Readiness {
  /** Whole days since the split began, less those that fall into an excluded time. */
  days: number
  min_days: number
  sample: { control: number; candidate: number }
  /** By the primary metrics' mde and control's rate so far; null where no primary has an mde or nothing is known yet. */
  planned: { control: number; candidate: number } | null
  planned_reached: boolean
  /** Why now is an excluded time; null where it isn't. */
  excluded_now: string | null
  /** When the planned end was reached and the fixed tests were read, once and for all; unix ms. */
  read_at: number | null
  /** Days and sample are there: the fixed tests may be read. */
  due: boolean
}

export function readiness(
  evidence: Evidence,
  metrics: readonly MetricPlan[],
  plan: ExperimentPlan,
  sumsOf: (metric: string) => ArmSums,
): Readiness {
  const { now, sinceMs, untilMs, fixed } = evidence
  const end = Math.min(now, untilMs ?? now)
  const days =
    sinceMs === null ? 0 : Math.max(0, Math.floor((end - sinceMs) / DAY_MS) - excludedDays(plan, sinceMs, end))
  const primaries = metrics.filter(({ role }) => role === 'primary')
  const all = primaries.map(({ name }) => sumsOf(name))
  const sample = { control: all[0]?.control.n ?? 0, candidate: all[0]?.candidate.n ?? 0 }
  const sizes = primaries.flatMap((metric, i) =>
    metric.mde === undefined ? [] : [plannedFor(metric, metric.mde, all[i]!, evidence.percent, plan, primaries.length)],
  )
  const unknown = sizes.includes(null)
  const known = sizes.filter((size) => size !== null)
  const planned =
    unknown || known.length === 0
      ? null
      : { control: Math.max(...known.map(({ n1 }) => n1)), candidate: Math.max(...known.map(({ n2 }) => n2)) }
  const hasBoth = sample.control > 1 && sample.candidate > 1
  const reached =
    hasBoth &&
    !unknown &&
    (planned === null || (sample.control >= planned.control && sample.candidate >= planned.candidate))
  const excluded = plan.exclude.find(({ fromMs, toMs }) => fromMs <= now && now < toMs)
  return {
    days,
    min_days: plan.minDays,
    sample,
    planned,
    planned_reached: reached,
    excluded_now: excluded ? excluded.why || 'excluded' : null,
    read_at: fixed?.atMs ?? null,
    due: days >= plan.minDays && reached && !excluded,
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
    return sampleSizeProportions({ ...common, p1: estimate.value, p2, formula: 'normal_unpooled' })
  }
  const sd = Math.sqrt(estimate.variance * estimate.n)
  return sampleSizeMeans({ ...common, sd1: sd, sd2: sd, delta: Math.abs(estimate.value * shift) })
}
