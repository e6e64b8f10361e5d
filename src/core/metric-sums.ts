/** Sums over subjects → one metric's sums by arm, without its extremes, and an arm's estimate. No test, no decision. */
import type { ArmSums, DaySums, Evidence, MetricPlan } from './experiment.ts'
import { type Estimate, meanEstimate, ratioEstimate, shareEstimate } from './stats/estimates.ts'
import { ofY } from './stats/moments.ts'
import type { Share } from './stats/proportions.ts'
import { type Cut, cutOf, edgeOf, winsorised } from './stats/winsorise.ts'

/** Below so many events an arm, normal approximations don't hold: exact tests, no sequential reading. */
export const FEW_EVENTS = 50

export type MetricOf = Pick<MetricPlan, 'name' | 'kind' | 'observeDays'>

const DAY_MS = 86_400_000
/** Beyond that of any number. */
const NO_BUCKET = 1e9

/** Whether subjects that were first exposed on a day have been observed for as long as the metric takes. */
export function isMature(day: number, { observeDays }: Pick<MetricOf, 'observeDays'>, now: number): boolean {
  return observeDays === undefined || now >= (day + observeDays + 1) * DAY_MS
}

/** A metric's own rows; `sums` are of subjects that are mature, `immature` counts the others. */
export function ownDays({ days, now }: Pick<Evidence, 'days' | 'now'>, metric: MetricOf) {
  const own = days.filter((each) => each.metric === metric.name)
  const immature = { control: 0, candidate: 0 }
  const mature = own.filter(({ arm, day, moments }) => {
    if (isMature(day, metric, now)) return true
    immature[arm] += moments.n
    return false
  })
  return { mature, immature }
}

/** All mature days together. Means and ratios are cut at one value for both arms; a proportion has no extremes. */
export function sumsOf(evidence: Pick<Evidence, 'days' | 'now'>, metric: MetricOf): ArmSums {
  const { mature } = ownDays(evidence, metric)
  return armSums(mature, cutFor(mature, metric), metric)
}

/** Where values of a metric are cut today: what is beyond `bucket` counts as `edge`. */
export function edgesOf(evidence: Pick<Evidence, 'days' | 'now'>, metric: MetricOf) {
  const { low, high } = cutFor(ownDays(evidence, metric).mature, metric)
  const edge = (bucket: number) => ({
    bucket: Math.max(-NO_BUCKET, Math.min(NO_BUCKET, bucket)),
    edge: Number.isFinite(bucket) ? edgeOf(bucket) : 0,
  })
  return { low: edge(low), high: edge(high) }
}

export function cutFor(own: readonly DaySums[], { kind }: MetricOf): Cut {
  return kind === 'proportion' ? { low: -Infinity, high: Infinity } : cutOf(own)
}

export function armSums(own: readonly DaySums[], cut: Cut, { kind }: MetricOf): ArmSums {
  const of = (arm: DaySums['arm']) =>
    winsorised(
      own.filter((each) => each.arm === arm),
      cut,
      kind === 'ratio',
    )
  return { control: of('control'), candidate: of('candidate') }
}

/** The value that larger ones of these rows are cut down to; null where none is. */
export function cutValue(own: readonly DaySums[], metric: MetricOf): number | null {
  const { high } = cutFor(own, metric)
  return Number.isFinite(high) ? edgeOf(high) : null
}

/** Null without subjects, and where a figure is beyond what numbers can hold: then nothing can be said of the metric. */
export function estimateOf(kind: MetricPlan['kind'], sums: ArmSums[keyof ArmSums]): Estimate | null {
  if (sums.n === 0) return null
  const estimate =
    kind === 'proportion'
      ? shareEstimate(shareOf(sums))
      : kind === 'mean'
        ? meanEstimate(ofY(sums))
        : ratioEstimate(sums)
  return estimate && Number.isFinite(estimate.value) && Number.isFinite(estimate.variance) ? estimate : null
}

export function shareOf({ n, meanY }: ArmSums['control']): Share {
  return { x: Math.round(n * meanY), n }
}

/** Subjects with a value, in the arm that has fewer. */
export function fewestActive({ control, candidate }: ArmSums): number {
  return Math.min(control.active ?? control.n, candidate.active ?? candidate.n)
}

/** In the arm that has fewer: successes or failures of a proportion, subjects with a value of anything else. */
export function fewestEvents(kind: MetricPlan['kind'], sums: ArmSums): number {
  if (kind !== 'proportion') return fewestActive(sums)
  return Math.min(...[sums.control, sums.candidate].map(shareOf).flatMap(({ x, n }) => [x, n - x]))
}

export function isSparse(kind: MetricPlan['kind'], sums: ArmSums): boolean {
  return fewestEvents(kind, sums) < FEW_EVENTS
}
