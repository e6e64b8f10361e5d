/** The report's test on control's own subjects, split a thousand times: what it finds is false, and its p-values even. */
import type { ExperimentPlan, MetricPlan, MetricSums, SelfCheck } from './experiment.ts'
import { metricReport, SEQUENTIAL_SHARE } from './report/metric.ts'
import { normalSf } from './stats/distributions.ts'
import { kolmogorov } from './stats/kolmogorov.ts'
import { noPairs } from './stats/moments.ts'
import { upperNormalQuantile } from './stats/power.ts'
import { wilsonInterval } from './stats/proportions.ts'
import { seededRandom } from './stats/sampling.ts'

/** Subjects fall into so many parts by their keyed hash; a split deals parts, so that its cost is free of subjects. */
export const PARTS = 1024
export const SPLITS = 1000
/** Of so few parts in an arm a split tells little. */
const FEWEST_PARTS = 8
/** Below so many subjects of control there is nothing to try. */
const FEWEST_SUBJECTS = 200

/** Sums over control's subjects in one part, cut as the report cuts them. */
export interface PartSums {
  part: number
  n: number
  y: number
  yy: number
  x: number
  xx: number
  xy: number
}

/** Null with too few subjects. The same parts and seed give the same answer. */
export function selfCheck(
  plan: MetricPlan,
  parts: readonly PartSums[],
  percent: number,
  of: ExperimentPlan,
  seed: number,
): SelfCheck | null {
  const all = parts.filter((part) => part.n > 0 && Object.values(part).every(Number.isFinite))
  const subjects = all.reduce((sum, { n }) => sum + n, 0)
  if (subjects < FEWEST_SUBJECTS || all.length < 2 * FEWEST_PARTS) return null
  const whole = added(all)
  // Around the mean, so that squares keep their digits.
  const centred = all.map((part) => around(part, whole.y / whole.n, whole.x / whole.n))
  const total = added(centred)
  const dealt = Math.min(
    all.length / 2,
    Math.max(FEWEST_PARTS, Math.round((all.length * Math.min(percent, 100 - percent)) / 100)),
  )
  const random = seededRandom(seed)
  const order = centred.slice()
  const p: number[] = []
  for (let split = 0; split < SPLITS; split++) {
    for (let at = 0; at < dealt; at++) {
      const other = at + Math.floor(random() * (order.length - at))
      ;[order[at], order[other]] = [order[other]!, order[at]!]
    }
    const candidate = added(order.slice(0, dealt))
    const sums = { candidate: sumsOf(candidate, whole), control: sumsOf(less(total, candidate), whole) }
    p.push(metricReport(plan, sums, sums, of, null).test?.p_value ?? 1)
  }
  const expected = of.alpha * (1 - SEQUENTIAL_SHARE)
  const alarms = p.filter((value) => value < expected).length
  const { distance, p_value } = kolmogorov(p)
  return {
    metric: plan.name,
    subjects,
    splits: SPLITS,
    false_alarms: alarms,
    expected,
    ks_distance: distance,
    ks_p_value: p_value,
    status: wilsonInterval({ x: alarms, n: SPLITS }).low > tolerable(expected, all.length) ? 'too_many' : 'as_expected',
  }
}

/** What the test finds where the variance, known to √(2/parts) only, is two such steps larger than among subjects. */
function tolerable(expected: number, parts: number): number {
  return 2 * normalSf(upperNormalQuantile(expected / 2) / Math.sqrt(1 + 2 * Math.sqrt(2 / parts)))
}

/** Those of several ledgers. */
export function addedParts(rows: readonly PartSums[]): PartSums[] {
  return [...Map.groupBy(rows, ({ part }) => part)].map(([part, its]) => ({ ...added(its), part }))
}

type Totals = Omit<PartSums, 'part'>

function added(parts: readonly Totals[]): Totals {
  const sum = { n: 0, y: 0, yy: 0, x: 0, xx: 0, xy: 0 }
  for (const { n, y, yy, x, xx, xy } of parts) {
    sum.n += n
    sum.y += y
    sum.yy += yy
    sum.x += x
    sum.xx += xx
    sum.xy += xy
  }
  return sum
}

function less(a: Totals, b: Totals): Totals {
  return { n: a.n - b.n, y: a.y - b.y, yy: a.yy - b.yy, x: a.x - b.x, xx: a.xx - b.xx, xy: a.xy - b.xy }
}

function around({ n, y, yy, x, xx, xy }: Totals, my: number, mx: number): Totals {
  return {
    n,
    y: y - n * my,
    yy: yy - 2 * my * y + n * my * my,
    x: x - n * mx,
    xx: xx - 2 * mx * x + n * mx * mx,
    xy: xy - my * x - mx * y + n * my * mx,
  }
}

function sumsOf({ n, y, yy, x, xx, xy }: Totals, whole: Totals): MetricSums {
  if (n === 0) return noPairs()
  return {
    n,
    meanY: whole.y / whole.n + y / n,
    meanX: whole.x / whole.n + x / n,
    m2Y: Math.max(0, yy - (y * y) / n),
    m2X: Math.max(0, xx - (x * x) / n),
    cxy: xy - (x * y) / n,
  }
}
