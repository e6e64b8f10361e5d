/** The intervals that a report shows beside a metric's lift, by how much there is to go by. Nothing here is tested. */
import type { ArmSums, MetricPlan, MetricSums } from '../experiment.ts'
import { FEW_EVENTS, FEWEST_ACTIVE, fewestActive, isSparse, shareOf } from '../metric-sums.ts'
import { quantileLifts } from '../quantile-shift.ts'
import { clopperPearson, wilsonInterval } from '../stats/proportions.ts'
import { intervalZ, normalSf, pValue, tSf, upperTQuantile } from '../stats/distributions.ts'
import type { Interval } from '../stats/hybrid-interval.ts'
import { difference, type Estimate, relativeLift, testSe } from '../stats/estimates.ts'
import { welchT } from '../stats/means.ts'
import { ofY } from '../stats/moments.ts'
import { quantileOf } from '../stats/spread.ts'
import { logLiftInterval, newcombeInterval, ratioInterval } from '../stats/two-proportions.ts'

/** Of every interval that a report shows. */
export const CONFIDENCE = 0.95

export type Lift = { lift: number } & Interval

/**
 * One arm's: Clopper and Pearson's of a share with few events, else Wilson's; Student's of a mean, the normal one of a
 * ratio; of a quantile between the values of two ranks.
 */
export function armInterval(
  kind: MetricPlan['kind'],
  sums: MetricSums,
  { value, variance }: Estimate,
): Interval | null {
  if (kind === 'proportion') {
    const share = shareOf(sums)
    const isFew = Math.min(share.x, share.n - share.x) < FEW_EVENTS
    return isFew ? clopperPearson(share, CONFIDENCE) : wilsonInterval(share)
  }
  if (sums.n < 2 || (sums.active ?? sums.n) < FEWEST_ACTIVE) return null
  if (sums.quantile) {
    const { low, high } = quantileOf(sums.quantile.spread, sums.quantile.q, intervalZ(CONFIDENCE))
    return { low, high }
  }
  const times = kind === 'mean' ? upperTQuantile((1 - CONFIDENCE) / 2, sums.n - 1) : intervalZ(CONFIDENCE)
  const half = times * Math.sqrt(variance)
  return Number.isFinite(half) ? { low: value - half, high: value + half } : null
}

/** Candidate − control: Newcombe's where events are few, from both arms' of quantiles, Student's for means, else the normal one. */
export function absoluteLift(kind: MetricPlan['kind'], sums: ArmSums, control: Estimate, candidate: Estimate) {
  if (kind !== 'proportion' && fewestActive(sums) < FEWEST_ACTIVE) return null
  if (kind === 'quantile') return readable(quantileLifts(sums, intervalZ(CONFIDENCE))?.absolute ?? null)
  const { diff, low, high } =
    kind === 'proportion' && isSparse(kind, sums)
      ? newcombeInterval(shareOf(sums.control), shareOf(sums.candidate), CONFIDENCE)
      : widened(difference(control, candidate, CONFIDENCE), widening(kind, sums))
  return readable({ lift: diff, low, high })
}

/** Candidate/control − 1. Null at a control of 0, and of quantiles whose intervals are not above 0. */
export function relativeLiftOf(kind: MetricPlan['kind'], sums: ArmSums, control: Estimate, candidate: Estimate) {
  if (kind === 'proportion' && isSparse(kind, sums)) {
    const [c, t] = [shareOf(sums.control), shareOf(sums.candidate)]
    // The logarithm's interval has no width where all subjects did it, and does not exist where none did.
    const hasBoth = t.x > 0 && c.x + t.x < c.n + t.n
    return readable(hasBoth ? logLiftInterval(c, t, CONFIDENCE) : ratioInterval(c, t, CONFIDENCE))
  }
  if (kind !== 'proportion' && fewestActive(sums) < FEWEST_ACTIVE) return null
  if (kind === 'quantile') return readable(quantileLifts(sums, intervalZ(CONFIDENCE))?.relative ?? null)
  const lift = relativeLift(control, candidate, CONFIDENCE)
  if (lift && isSparse(kind, sums) && control.value > 0 && candidate.value > 0)
    return readable(logarithmic(lift, widening(kind, sums)))
  return readable(lift && { lift: lift.lift, ...centred(lift.lift, lift, widening(kind, sums)) })
}

/**
 * Of estimates that were adjusted: difference, lift and one look's p-value, by Student's t where `df` is given. Null
 * where they have no spread.
 */
export function adjustedLifts(control: Estimate, candidate: Estimate, df: number | null) {
  const se = testSe(control, candidate)
  const diff = candidate.value - control.value
  if (!(se > 0) || !Number.isFinite(diff / se)) return null
  const times = df === null ? 1 : upperTQuantile((1 - CONFIDENCE) / 2, df) / intervalZ(CONFIDENCE)
  const half = times * intervalZ(CONFIDENCE) * se
  const lift = relativeLift(control, candidate, CONFIDENCE)
  return {
    absolute: { lift: diff, low: diff - half, high: diff + half },
    relative: lift && { lift: lift.lift, ...centred(lift.lift, lift, times) },
    p_value: pValue(diff / se, 'two-sided', (value) => (df === null ? normalSf(value) : tSf(value, df))),
  }
}

/** On the scale of ln(candidate/control): of few values a ratio is skewed. */
function logarithmic({ lift, se }: { lift: number; se: number }, times: number): Lift {
  const half = (times * intervalZ(CONFIDENCE) * se) / (1 + lift)
  return { lift, low: (1 + lift) * Math.exp(-half) - 1, high: (1 + lift) * Math.exp(half) - 1 }
}

/** Student's quantile over the normal one. */
function widening(kind: MetricPlan['kind'], sums: ArmSums): number {
  if (kind === 'proportion') return 1
  const { df } = welchT(ofY(sums.control), ofY(sums.candidate), 'two-sided', CONFIDENCE)
  return df === null || !(df > 0) ? 1 : upperTQuantile((1 - CONFIDENCE) / 2, df) / intervalZ(CONFIDENCE)
}

function widened(interval: Interval & { diff: number }, times: number) {
  return { diff: interval.diff, ...centred(interval.diff, interval, times) }
}

function centred(middle: number, { low, high }: Interval, times: number): Interval {
  return times === 1 ? { low, high } : { low: middle + times * (low - middle), high: middle + times * (high - middle) }
}

function readable(lift: Lift | null): Lift | null {
  return lift && [lift.lift, lift.low, lift.high].every(Number.isFinite)
    ? { lift: lift.lift, low: lift.low, high: lift.high }
    : null
}
