/** A metric's lift if both arms had the mix of all subjects (post-stratified), beside the raw one, which decides. */
import { ARMS } from '../arm.ts'
import type { Evidence, MetricPlan, StratumSums } from '../experiment.ts'
import { armSums, FEW_EVENTS, hasMean, isMature, isSparse, measured } from '../metric-sums.ts'
import { adjustedLifts } from './intervals.ts'
import type { Estimate } from '../stats/estimates.ts'
import { varianceOf } from '../stats/moments.ts'

/** Null where there are not two strata with 50 subjects an arm, and of ratios and quantiles. */
export function strataReport(evidence: Pick<Evidence, 'days' | 'strata' | 'now'>, metric: MetricPlan) {
  if (!hasMean(metric.kind) || evidence.strata.length === 0) return null
  const { cut, sums: together } = measured(evidence, metric)
  if (isSparse(metric.kind, together)) return null
  const own = evidence.strata.filter((row) => row.metric === metric.name && isMature(row.day, metric, evidence.now))
  const sums = strataOf(own).map((rows) => armSums(rows, cut, metric))
  if (sums.length < 2 || sums.some(({ control, candidate }) => Math.min(control.n, candidate.n) < FEW_EVENTS))
    return null
  const all = sums.reduce((n, { control, candidate }) => n + control.n + candidate.n, 0)
  const [control, candidate] = ARMS.map((arm): Estimate => {
    let [n, value, variance] = [0, 0, 0]
    for (const each of sums) {
      const weight = (each.control.n + each.candidate.n) / all
      const { meanY, m2Y } = each[arm]
      n += each[arm].n
      value += weight * meanY
      variance += (weight ** 2 * varianceOf({ n: each[arm].n, mean: meanY, m2: m2Y })) / each[arm].n
    }
    return { n, value, variance }
  }) as [Estimate, Estimate]
  const lifts = adjustedLifts(control, candidate, null)
  return lifts && { strata: sums.length, ...lifts }
}

/** Small ones together, and with the smallest of the others where that is still too few. */
function strataOf(rows: readonly StratumSums[]): StratumSums[][] {
  const least = (its: readonly StratumSums[]) =>
    Math.min(...ARMS.map((arm) => its.reduce((n, row) => n + (row.arm === arm ? row.moments.n : 0), 0)))
  const groups = [...Map.groupBy(rows, ({ stratum }) => stratum).values()]
  const large = groups.filter((its) => least(its) >= FEW_EVENTS).sort((a, b) => least(a) - least(b))
  const small = groups.filter((its) => least(its) < FEW_EVENTS).flat()
  if (small.length === 0) return large
  if (least(small) >= FEW_EVENTS || large.length === 0) return [small, ...large]
  return [[...small, ...large[0]!], ...large.slice(1)]
}
