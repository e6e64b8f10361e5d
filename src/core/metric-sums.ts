/** Sums over subjects → one metric's sums by arm, without its extremes, and an arm's estimate. No test, no decision. */
import { byArm } from './arm.ts'
import type { ArmSums, DaySums, Evidence, MetricPlan, MetricSums } from './experiment.ts'
import { type Estimate, meanEstimate, ratioEstimate, shareEstimate } from './stats/estimates.ts'
import { mergedPairs, noPairs, ofY } from './stats/moments.ts'
import type { Share } from './stats/proportions.ts'
import { beyond, quantileOf, type Spread, spreadOf, subjectsOf, unitVariance } from './stats/spread.ts'
import { type Cut, cutOf, edgeOf, winsorised } from './stats/winsorise.ts'

/** Below so many events an arm, normal approximations don't hold: exact tests, no sequential reading. */
export const FEW_EVENTS = 50

/** Of fewer subjects with a value in an arm, or beyond a quantile, no interval holds what it says. */
export const FEWEST_ACTIVE = 5

export type MetricOf = Pick<MetricPlan, 'name' | 'kind' | 'quantile' | 'observeDays'>

export const DAY_MS = 86_400_000
const MEDIAN = 0.5
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

/** The same with all mature days together. Means and ratios are cut at one value for both arms; the others have no extremes. */
export function measured(evidence: Pick<Evidence, 'days' | 'now'>, metric: MetricOf) {
  const own = ownDays(evidence, metric)
  const cut = cutFor(own.mature, metric)
  return { ...own, cut, sums: armSums(own.mature, cut, metric) }
}

export function sumsOf(evidence: Pick<Evidence, 'days' | 'now'>, metric: MetricOf): ArmSums {
  return measured(evidence, metric).sums
}

/** Where values of a metric are cut today: what is beyond `bucket` counts as `edge`. */
export function edgesOf(evidence: Pick<Evidence, 'days' | 'now'>, metric: MetricOf) {
  const { low, high } = measured(evidence, metric).cut
  const edge = (bucket: number) => ({
    bucket: Math.max(-NO_BUCKET, Math.min(NO_BUCKET, bucket)),
    edge: Number.isFinite(bucket) ? edgeOf(bucket) : 0,
  })
  return { low: edge(low), high: edge(high) }
}

export function cutFor(own: readonly DaySums[], { kind }: MetricOf): Cut {
  return kind === 'proportion' || kind === 'quantile' ? { low: -Infinity, high: Infinity } : cutOf(own)
}

export function armSums(own: readonly DaySums[], cut: Cut, { kind, quantile = MEDIAN }: MetricOf): ArmSums {
  if (kind === 'quantile') return byArm((arm) => quantileSums(spreadOfArm(own, arm), quantile))
  const ofArm = Map.groupBy(own, ({ arm }) => arm)
  return byArm((arm) => winsorised(ofArm.get(arm) ?? [], cut, kind === 'ratio'))
}

/** Those of other subjects beside these. */
export function addedSums(a: MetricSums, b: MetricSums): MetricSums {
  const { quantile } = b
  if (!quantile) return mergedPairs(a, b)
  return quantileSums(spreadOf([...(a.quantile?.spread ?? []), ...quantile.spread]), quantile.q)
}

function spreadOfArm(own: readonly DaySums[], arm: DaySums['arm']): Spread {
  return spreadOf(own.flatMap((each) => (each.arm === arm ? [[each.bucket, each.moments.n] as const] : [])))
}

export function quantileSums(spread: Spread, quantile: number): MetricSums {
  const n = subjectsOf(spread)
  return { ...noPairs(), n, active: beyond(n, quantile), quantile: { q: quantile, spread } }
}

/** The value that larger ones are cut down to; null where none is. */
export function cutValue({ high }: Cut): number | null {
  return Number.isFinite(high) ? edgeOf(high) : null
}

/** Null without subjects, and where a figure is beyond what numbers can hold: then nothing can be said of the metric. */
export function estimateOf(kind: MetricPlan['kind'], sums: MetricSums): Estimate | null {
  if (sums.n === 0) return null
  const estimate = ESTIMATES[kind](sums)
  return estimate && Number.isFinite(estimate.value) && Number.isFinite(estimate.variance) ? estimate : null
}

const ESTIMATES: Record<MetricPlan['kind'], (sums: MetricSums) => Estimate | null> = {
  proportion: (sums) => shareEstimate(shareOf(sums)),
  mean: (sums) => meanEstimate(ofY(sums)),
  ratio: ratioEstimate,
  quantile: ({ n, active, quantile: of }) =>
    of && (active ?? 0) >= FEWEST_ACTIVE
      ? { n, value: quantileOf(of.spread, of.q, 0).value, variance: unitVariance(of.spread, of.q) / n }
      : null,
}

/** Whether each subject counts with one value, so that it may be adjusted; ratios and quantiles are of another make. */
export function hasMean(kind: MetricPlan['kind']): boolean {
  return kind === 'proportion' || kind === 'mean'
}

export function shareOf({ n, meanY }: ArmSums['control']): Share {
  return { x: Math.round(n * meanY), n }
}

/** Subjects with a value, in the arm that has fewer. */
export function fewestActive({ control, candidate }: ArmSums): number {
  return Math.min(control.active ?? control.n, candidate.active ?? candidate.n)
}

/** In the arm that has fewer: successes or failures of a proportion, subjects with a value or beyond the quantile. */
export function fewestEvents(kind: MetricPlan['kind'], sums: ArmSums): number {
  if (kind !== 'proportion') return fewestActive(sums)
  return Math.min(...[sums.control, sums.candidate].map(shareOf).flatMap(({ x, n }) => [x, n - x]))
}

export function isSparse(kind: MetricPlan['kind'], sums: ArmSums): boolean {
  return fewestEvents(kind, sums) < FEW_EVENTS
}
