/** A metric's lift less what values from before the first exposure explain of it (CUPED). The raw one decides. */
import { ARMS } from '../arm.ts'
import type { ArmSums, Evidence, MetricPlan } from '../experiment.ts'
import { armSums, FEW_EVENTS, hasMean, isSparse, measured, ownDays } from '../metric-sums.ts'
import { adjustedLifts, CONFIDENCE } from './intervals.ts'
import { cuped } from '../stats/cuped.ts'
import type { Estimate } from '../stats/estimates.ts'
import { welchT } from '../stats/means.ts'
import { mergedPairs, type PairMoments } from '../stats/moments.ts'
import { SRM_ALPHA } from '../stats/srm.ts'

/** Null where nobody has values from before, and of ratios and quantiles. */
export function historyReport(evidence: Pick<Evidence, 'days' | 'before' | 'now'>, metric: MetricPlan) {
  if (!hasMean(metric.kind)) return null
  const before = ownDays({ days: evidence.before, now: evidence.now }, metric).mature
  if (before.length === 0) return null
  const { cut, sums } = measured(evidence, metric)
  const known = armSums(before, cut, metric)
  const [control, candidate] = ARMS.map((arm) => withOthers(sums[arm], known[arm])) as [PairMoments, PairMoments]
  if (![control, candidate].flatMap((arm) => Object.values(arm)).every(Number.isFinite)) return null
  const balance = welchT(ofX(control), ofX(candidate), 'two-sided', CONFIDENCE).p_value
  const { theta, variance_reduction } = cuped(control, candidate, CONFIDENCE)
  const isEnough = known.control.n + known.candidate.n >= FEW_EVENTS && !isSparse(metric.kind, sums)
  const hasLift = isEnough && balance >= SRM_ALPHA && Number.isFinite(theta)
  return {
    subjects: { control: known.control.n, candidate: known.candidate.n },
    balance_p_value: balance,
    theta: Number.isFinite(theta) ? theta : 0,
    variance_reduction: Math.max(0, variance_reduction),
    ...((hasLift ? adjusted(control, candidate) : null) ?? { absolute: null, relative: null, p_value: null }),
  }
}

/** Who has no value from before counts with 0. */
function withOthers(all: ArmSums['control'], known: PairMoments): PairMoments {
  const n = all.n - known.n
  const meanY = n > 0 ? (all.n * all.meanY - known.n * known.meanY) / n : 0
  const { m2X, meanX, cxy } = mergedPairs(known, { n, meanY, meanX: 0, m2Y: 0, m2X: 0, cxy: 0 })
  return { n: all.n, meanY: all.meanY, m2Y: all.m2Y, meanX, m2X, cxy }
}

/** Centred on the mean of both arms, so that the means stay those of the metric. */
function adjusted(control: PairMoments, candidate: PairMoments) {
  const { theta, mean_control, mean_treatment, var_control, var_treatment, df } = cuped(control, candidate, CONFIDENCE)
  const centre = theta * mergedPairs(control, candidate).meanX
  const c: Estimate = { n: control.n, value: mean_control + centre, variance: var_control / control.n }
  const t: Estimate = { n: candidate.n, value: mean_treatment + centre, variance: var_treatment / candidate.n }
  return df === null ? null : adjustedLifts(c, t, df)
}

function ofX({ n, meanX, m2X }: PairMoments) {
  return { n, mean: meanX, m2: m2X }
}
