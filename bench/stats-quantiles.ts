/** Metrics of a quantile, of arms that are 10 % apart: how often intervals hold, and power at the planned sample. */
import { primaryOutcome } from '../src/core/decision.ts'
import type { MetricPlan } from '../src/core/experiment.ts'
import { quantileSums } from '../src/core/metric-sums.ts'
import { metricReport, type MetricReport } from '../src/core/report/metric.ts'
import { readiness } from '../src/core/report/readiness.ts'
import { drawNormal, type Random, seededRandom } from '../src/core/stats/sampling.ts'
import { quantileOf, type Spread, spreadBucketOf, spreadOf } from '../src/core/stats/spread.ts'
import { HELD, isOffPower, LIFT, type Part, percent, PLAN, type Sizes, SLACK, withOwnP } from './stats-part.ts'

export const QUANTILES = [0.5, 0.95]
/** Of 1 %, up to values of 5e11. */
export const BUCKETS = 4096
/** Subjects of which the truth is read. */
const MANY = 4_000_000

export interface Shape {
  name: string
  value: (random: Random) => number
}

export const lognormal = (sigma: number): Shape => ({
  name: `lognormal ${sigma}`,
  value: (random) => Math.exp(sigma * drawNormal(random)),
})
const SMOOTH = [lognormal(0.5), lognormal(1), lognormal(2)]

export const planOf = (quantile: number): MetricPlan => ({
  ...{ name: 'm', kind: 'quantile', quantile, role: 'primary', direction: 'increase', mde: LIFT - 1 },
})

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
        const both = { control: sums, candidate: sums }
        const evidence = { now: 0, sinceMs: 0, untilMs: null, fixed: null, percent: split, gpuSeconds: both }
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
        if (isOffPower(counts.shown, runs)) off.push(`${name}: ${percent(counts.shown, runs)}`)
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
