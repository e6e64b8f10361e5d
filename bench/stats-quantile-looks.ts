/** Metrics of a quantile, of equal arms looked at after every ten subjects: every decision is a false one. */
import { primaryOutcome } from '../src/core/decision.ts'
import type { ArmSums } from '../src/core/experiment.ts'
import { isSparse, quantileSums } from '../src/core/metric-sums.ts'
import { metricReport } from '../src/core/report/metric.ts'
import { drawNormal, drawPoisson, type Random, seededRandom } from '../src/core/stats/sampling.ts'
import { wilsonInterval } from '../src/core/stats/proportions.ts'
import { spreadBucketOf } from '../src/core/stats/spread.ts'
import { assertSame, LEAST_Z, LOOK_EVERY, SPLITS } from './stats-looks.ts'
import { mayBeAtMost, type Part, percent, PLAN, type Sizes, withOwnP } from './stats-part.ts'
import { BUCKETS, lognormal, planOf, QUANTILES, type Shape } from './stats-quantiles.ts'

const SHAPES: readonly Shape[] = [
  lognormal(1),
  {
    name: 'two heaps',
    value: (random) => (random() < 0.5 ? 10 : 60) * Math.exp(0.2 * drawNormal(random)),
  },
  { name: 'counts', value: (random) => 1 + drawPoisson(3, random) },
]

/** Up to a thousand subjects of the candidate's. */
export function quantileLooks({ runs, seed, isQuick }: Sizes): Part {
  const any: number[] = []
  const rows = SHAPES.flatMap(({ name, value }, i) =>
    SPLITS.flatMap((split, j) => {
      const random = seededRandom(seed * 1000 + 100 + 10 * i + j)
      const subjects = Math.round((100 / split) * (isQuick ? 300 : 1000))
      const counts = QUANTILES.map(() => ({ early: 0, fixed: 0, any: 0 }))
      for (let run = 0; run < runs; run++)
        for (const [k, { early, fixed }] of oneRun(value, split / 100, subjects, random).entries()) {
          const count = counts[k]!
          count.early += Number(early)
          count.fixed += Number(fixed)
          count.any += Number(early || fixed)
        }
      return counts.map((count, k) => {
        any.push(count.any)
        const figures = [count.early, count.fixed, count.any].map((x) => percent(x, runs))
        return [`p${100 * QUANTILES[k]!}, ${name}`, `${100 - split}:${split}`, ...figures]
      })
    }),
  )
  const sum = any.reduce((a, b) => a + b, 0)
  const all = runs * any.length
  return {
    head: ['metric', 'split', 'early %', 'at the end %', 'any %'],
    rows,
    verdicts: [
      {
        line: `quantiles, A/A looked at every ${LOOK_EVERY} subjects: false decisions at most ${100 * PLAN.alpha} %, in no cell more and over all below it`,
        seen: percent(sum, all),
        holds: mayBeAtMost(any, runs, PLAN.alpha) && wilsonInterval({ x: sum, n: all }).high <= PLAN.alpha,
      },
    ],
  }
}

/** One run of subjects, judged for each quantile. */
function oneRun(value: Shape['value'], share: number, subjects: number, random: Random) {
  const arms = new CountedArms()
  const ends = QUANTILES.map(() => ({ early: false, fixed: false }))
  for (let n = 1; n <= subjects; n++) {
    arms.add(random() < share ? 1 : 0, spreadBucketOf(value(random)))
    if (n % LOOK_EVERY !== 0) continue
    for (const [k, end] of ends.entries()) {
      if (end.early || !(Math.abs(arms.z(QUANTILES[k]!)) > LEAST_Z)) continue
      end.early = decides(QUANTILES[k]!, arms.sums(QUANTILES[k]!), false)
    }
  }
  for (const [k, q] of QUANTILES.entries()) {
    const sums = arms.sums(q)
    assertSame(arms.z(q), metricReport(planOf(q), sums, sums, PLAN, null).test?.statistic ?? null)
    ends[k]!.fixed = !ends[k]!.early && decides(q, sums, true)
  }
  return ends
}

function decides(q: number, sums: ArmSums, isRead: boolean): boolean {
  if (isSparse('quantile', sums)) return false
  const report = metricReport(planOf(q), sums, isRead ? sums : null, PLAN, null)
  return primaryOutcome(withOwnP(report), PLAN.alpha) !== 'open'
}

/**
 * The report's z without going over all buckets at each look: counts in trees of partial sums (Fenwick 1994). It only
 * chooses the looks at which the report is asked; at the end of each run the two are compared.
 */
class CountedArms {
  readonly #counts = [new Int32Array(BUCKETS + 1), new Int32Array(BUCKETS + 1)] as const
  readonly #trees = [new Int32Array(BUCKETS + 1), new Int32Array(BUCKETS + 1)] as const
  readonly #n = [0, 0] as [number, number]

  add(arm: 0 | 1, bucket: number): void {
    this.#n[arm]++
    this.#counts[arm][bucket]!++
    for (let i = bucket; i <= BUCKETS; i += i & -i) this.#trees[arm][i]!++
  }

  z(q: number): number {
    const [n1, n2] = this.#n
    if (n1 === 0 || n2 === 0) return 0
    const rank = q * (n1 + n2)
    let at = 0
    const below: [number, number] = [0, 0]
    for (let step = BUCKETS; step > 0; step >>= 1) {
      const [a, b] = [this.#trees[0][at + step] ?? 0, this.#trees[1][at + step] ?? 0]
      if (at + step > BUCKETS || below[0] + below[1] + a + b >= rank) continue
      at += step
      below[0] += a
      below[1] += b
    }
    const [in1, in2] = [this.#counts[0][at + 1]!, this.#counts[1][at + 1]!]
    const part = (rank - below[0] - below[1]) / (in1 + in2)
    const [above1, above2] = [n1 - below[0] - part * in1, n2 - below[1] - part * in2]
    const share = (above1 + above2) / (n1 + n2)
    return (above2 / n2 - above1 / n1) / Math.sqrt(share * (1 - share) * (1 / n1 + 1 / n2))
  }

  sums(q: number): ArmSums {
    const of = (arm: 0 | 1) => {
      const rows: [number, number][] = []
      for (const [bucket, n] of this.#counts[arm].entries()) if (n > 0) rows.push([bucket, n])
      return quantileSums(rows, q)
    }
    return { control: of(0), candidate: of(1) }
  }
}
