/** Metrics of a quantile: equal arms looked at after every ten subjects, and arms 10 % apart read at the planned sample. */
import { primaryOutcome } from '../src/core/decision.ts'
import type { ArmSums, MetricPlan } from '../src/core/experiment.ts'
import { isSparse, quantileSums } from '../src/core/metric-sums.ts'
import { metricReport, type MetricReport } from '../src/core/report-metric.ts'
import { readiness } from '../src/core/report-readiness.ts'
import { drawNormal, drawPoisson, type Random, seededRandom } from '../src/core/stats/sampling.ts'
import { quantileOf, type Spread, spreadBucketOf, spreadOf } from '../src/core/stats/spread.ts'
import { assertSame, LEAST_Z, LOOK_EVERY, SPLITS } from './stats-looks.ts'
import { mayBeAtMost, type Part, percent, PLAN, type Sizes, withOwnP } from './stats-part.ts'
import { wilsonInterval } from '../src/core/stats/proportions.ts'

const QUANTILES = [0.5, 0.95]
const LIFT = 1.1
const POINTS = 0.02
const HELD = 0.95
const SLACK = 0.02
/** Subjects of which the truth is read. */
const MANY = 4_000_000

interface Shape {
  name: string
  value: (random: Random) => number
}

const lognormal = (sigma: number): Shape => ({
  name: `lognormal ${sigma}`,
  value: (random) => Math.exp(sigma * drawNormal(random)),
})
const SHAPES: readonly Shape[] = [
  lognormal(1),
  {
    name: 'two heaps',
    value: (random) => (random() < 0.5 ? 10 : 60) * Math.exp(0.2 * drawNormal(random)),
  },
  { name: 'counts', value: (random) => 1 + drawPoisson(3, random) },
]
const SMOOTH = [lognormal(0.5), lognormal(1), lognormal(2)]

const planOf = (quantile: number): MetricPlan => ({
  ...{ name: 'm', kind: 'quantile', quantile, role: 'primary', direction: 'increase', mde: LIFT - 1 },
})

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

/** Buckets of 1 % up to 5e11. */
const BUCKETS = 4096

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

/** Read once at the planned sample: how often a lift of 10 % is shown, and how often the intervals hold it. */
export function quantileReadings({ runs, seed, isQuick }: Sizes): Part {
  const off: string[] = []
  const short: string[] = []
  let furthest = 0
  const rows = SMOOTH.flatMap((shape, i) => {
    const truth = drawn(shape, isQuick ? MANY / 100 : MANY, 1, seededRandom(seed * 1000 + 170 + i))
    return QUANTILES.flatMap((q, k) =>
      [50, 5].map((split) => {
        const random = seededRandom(seed * 1000 + 180 + 10 * i + 2 * k + Number(split === 5))
        const sums = quantileSums(truth, q)
        const evidence = { now: 0, sinceMs: 0, untilMs: null, fixed: null, percent: split }
        const both = { control: sums, candidate: sums }
        const { control, candidate } = readiness(evidence, [planOf(q)], PLAN, () => both).planned!
        const value = quantileOf(truth, q, 0).value
        const counts = { shown: 0, absolute: 0, relative: 0 }
        for (let run = 0; run < runs; run++) {
          const arms = {
            control: quantileSums(drawn(shape, control, 1, random), q),
            candidate: quantileSums(drawn(shape, candidate, LIFT, random), q),
          }
          const report: MetricReport = metricReport(planOf(q), arms, arms, PLAN, null)
          if (primaryOutcome(withOwnP(report), PLAN.alpha) === 'better') counts.shown++
          if (holds(report.absolute, value * (LIFT - 1))) counts.absolute++
          if (holds(report.relative, LIFT - 1)) counts.relative++
        }
        const name = `p${100 * q}, ${shape.name}, ${100 - split}:${split}`
        const { low, high } = wilsonInterval({ x: counts.shown, n: runs })
        if (low > PLAN.power + POINTS || high < PLAN.power - POINTS) off.push(`${name}: ${percent(counts.shown, runs)}`)
        furthest = Math.max(furthest, Math.abs(counts.shown / runs - PLAN.power))
        for (const lift of ['absolute', 'relative'] as const)
          if (counts[lift] / runs < HELD - SLACK) short.push(`${lift} of ${name}: ${percent(counts[lift], runs)}`)
        const figures = [counts.shown, counts.absolute, counts.relative].map((x) => percent(x, runs))
        return [`p${100 * q}, ${shape.name}`, `${100 - split}:${split}`, `${control} + ${candidate}`, ...figures]
      }),
    )
  })
  return {
    head: ['metric', 'split', 'planned', `shown % (planned ${100 * PLAN.power})`, 'difference holds %', 'lift holds %'],
    rows,
    verdicts: [
      {
        line: `quantiles: power at the planned sample within 2 points of ${100 * PLAN.power} %; no cell's 95 % interval is outside`,
        seen: off.join('; ') || `all; furthest ${(100 * furthest).toFixed(1)} points`,
        holds: off.length === 0,
      },
      {
        line: `quantiles: 95 % intervals hold in at least ${100 * (HELD - SLACK)} % of runs at the planned sample`,
        seen: short.join('; ') || 'all',
        holds: short.length === 0,
      },
    ],
  }
}

/** How often the shown intervals hold what they are of, by subjects: of arms that are 10 % apart. */
export function quantileCoverage({ runs, seed, isQuick }: Sizes): Part {
  const sizes = isQuick ? [10, 300] : [10, 30, 100, 300, 1000, 10_000, 100_000]
  const short: string[] = []
  const rows = SMOOTH.flatMap((shape, i) => {
    const truth = drawn(shape, isQuick ? MANY / 100 : MANY, 1, seededRandom(seed * 1000 + 170 + i))
    return sizes.flatMap((size, j) => {
      const random = seededRandom(seed * 1000 + 130 + 10 * i + j)
      const held = QUANTILES.map(() => ({ shown: 0, control: 0, absolute: 0, relative: 0 }))
      for (let run = 0; run < runs; run++) {
        const [control, candidate] = [drawn(shape, size, 1, random), drawn(shape, size, LIFT, random)]
        for (const [k, q] of QUANTILES.entries()) {
          const arms = { control: quantileSums(control, q), candidate: quantileSums(candidate, q) }
          const report = metricReport(planOf(q), arms, null, PLAN, null)
          if (!report.control.interval) continue
          const { value } = quantileOf(truth, q, 0)
          held[k]!.shown++
          if (holds(report.control.interval, value)) held[k]!.control++
          if (holds(report.absolute, value * (LIFT - 1))) held[k]!.absolute++
          if (holds(report.relative, LIFT - 1)) held[k]!.relative++
        }
      }
      return held.map(({ shown, ...counts }, k) => {
        const name = `p${100 * QUANTILES[k]!}, ${shape.name}`
        const figures = Object.entries(counts).map(([of, x]) => {
          if (shown > 0 && x / shown < HELD - SLACK) short.push(`${of} of ${name} at ${size}: ${percent(x, shown)}`)
          return shown === 0 ? '–' : percent(x, shown)
        })
        return [name, String(size), ...figures]
      })
    })
  })
  return {
    head: ['metric', 'subjects an arm', 'control alone %', 'difference %', 'lift %'],
    rows,
    verdicts: [
      {
        line: `quantiles: 95 % intervals hold in at least ${100 * (HELD - SLACK)} % of runs at every n at which they are shown`,
        seen: short.join('; ') || 'all',
        holds: short.length === 0,
      },
    ],
  }
}

function holds(interval: { low: number; high: number } | null, value: number): boolean {
  return interval !== null && interval.low <= value && value <= interval.high
}

function drawn({ value }: Shape, n: number, lift: number, random: Random): Spread {
  const counts = new Int32Array(BUCKETS + 1)
  for (let i = 0; i < n; i++) counts[spreadBucketOf(lift * value(random))]!++
  const rows: [number, number][] = []
  for (const [bucket, of] of counts.entries()) if (of > 0) rows.push([bucket, of])
  return spreadOf(rows)
}
