/** The usual quantiles of a quantile metric, beside the one that is judged. They decide nothing. */
import { byArm } from '../arm.ts'
import type { ArmSums, MetricPlan } from '../experiment.ts'
import { estimateOf, quantileSums } from '../metric-sums.ts'
import { absoluteLift, armInterval, relativeLiftOf } from './intervals.ts'

const SHOWN = [0.5, 0.9, 0.95, 0.99]

/** Those that enough subjects of both arms are beyond; none of other metrics. */
export function quantileReports({ kind, quantile: judged }: MetricPlan, sums: ArmSums) {
  if (kind !== 'quantile') return []
  return SHOWN.filter((quantile) => quantile !== judged).flatMap((quantile) => {
    const own = byArm((arm) => quantileSums(sums[arm].quantile?.spread ?? [], quantile))
    const [control, candidate] = [estimateOf(kind, own.control), estimateOf(kind, own.candidate)]
    if (!control || !candidate) return []
    return {
      quantile,
      control: { estimate: control.value, interval: armInterval(kind, own.control, control) },
      candidate: { estimate: candidate.value, interval: armInterval(kind, own.candidate, candidate) },
      absolute: absoluteLift(kind, own, control, candidate),
      relative: relativeLiftOf(kind, own, control, candidate),
    }
  })
}
