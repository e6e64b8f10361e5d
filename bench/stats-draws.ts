/** Invented subjects for the report's bench: what they do by metric, drawn one by one or many at once, and sums over them as the ledgers keep them. */
import type { DaySums, MetricPlan } from '../src/core/experiment.ts'
import { upperNormalQuantile } from '../src/core/stats/power.ts'
import { drawBinomial, drawNormal, type Random } from '../src/core/stats/sampling.ts'
import { bucketOf } from '../src/core/stats/winsorise.ts'

type Kind = MetricPlan['kind']

/** Subjects that had as many events `x`: their values `ys`, ascending, are equally likely. */
interface Group {
  p: number
  x: number
  ys: Float64Array
}

export interface Shape {
  name: string
  kind: Kind
  /** All that a subject may do; `lift` multiplies the mean. */
  groups: (lift: number) => Group[]
}

/** So many values stand for a continuous distribution: what lies beyond the outermost is cut by the report anyway. */
const GRID = 40_000
const QUANTILES = Float64Array.from({ length: GRID }, (_, i) => -upperNormalQuantile((i + 0.5) / GRID))
const lognormal = (sigma: number, times: number) => QUANTILES.map((z) => times * Math.exp(sigma * z))
const one = (p: number, y: number, x = 1): Group => ({ p, x, ys: Float64Array.of(y) })

function poisson(mean: number): number[] {
  const chances = [Math.exp(-mean)]
  for (let k = 1; k < mean + 12 * Math.sqrt(mean) + 12; k++) chances.push((chances[k - 1]! * mean) / k)
  return chances
}

const share = (name: string, p: number): Shape => ({
  name,
  kind: 'proportion',
  groups: (lift) => [one(1 - p * lift, 0), one(p * lift, 1)],
})

export const SHAPES: readonly Shape[] = [
  share('share of 70 %', 0.7),
  share('share of 2 %', 0.02),
  {
    name: 'mean, 5 % pay',
    kind: 'mean',
    groups: (lift) => [one(0.95, 0), { p: 0.05, x: 1, ys: lognormal(1, lift) }],
  },
  { name: 'mean, lognormal 1', kind: 'mean', groups: (lift) => [{ p: 1, x: 1, ys: lognormal(1, lift) }] },
  { name: 'mean, lognormal 2', kind: 'mean', groups: (lift) => [{ p: 1, x: 1, ys: lognormal(2, lift) }] },
  { name: 'mean, counts', kind: 'mean', groups: (lift) => poisson(2 * lift).map((p, k) => one(p, k)) },
  {
    name: 'ratio',
    kind: 'ratio',
    // One to nine events or so, of a subject's own size and each with noise.
    groups: (lift) => poisson(2).map((p, k) => ({ p, x: 1 + k, ys: lognormal(Math.SQRT1_2, (1 + k) * lift) })),
  },
]
/** Beside them where few counts give few p-values. */
export const RARE = share('share of 1 %', 0.01)

/** Sums of one metric by arm and bucket, to which subjects are added one by one or many at once. */
export class Sums {
  readonly now = 0
  readonly #rows = { control: new Map<number, Float64Array>(), candidate: new Map<number, Float64Array>() }

  add(arm: DaySums['arm'], bucket: number, y: number, x: number): void {
    this.addMany(arm, bucket, 1, y, y * y, x)
  }

  /** `n` subjects of as many events each; `y` and `yy` are sums over them. */
  addMany(arm: DaySums['arm'], bucket: number, n: number, y: number, yy: number, x: number): void {
    this.addRow(arm, bucket, [n, y, yy, n * x, n * x * x, x * y])
  }

  /** n, Σy, Σy², Σx, Σx², Σxy. */
  addRow(arm: DaySums['arm'], bucket: number, more: ArrayLike<number>): void {
    let row = this.#rows[arm].get(bucket)
    if (!row) this.#rows[arm].set(bucket, (row = new Float64Array(6)))
    for (let k = 0; k < 6; k++) row[k]! += more[k]!
  }

  get days(): DaySums[] {
    return (['control', 'candidate'] as const).flatMap((arm) =>
      Array.from(this.#rows[arm], ([bucket, [n, y, yy, x, xx, xy]]) => ({
        metric: 'm',
        arm,
        day: 0,
        bucket,
        moments: {
          n: n!,
          meanY: y! / n!,
          meanX: x! / n!,
          m2Y: Math.max(0, yy! - (y! * y!) / n!),
          m2X: Math.max(0, xx! - (x! * x!) / n!),
          cxy: xy! - (x! * y!) / n!,
        },
      })),
    )
  }
}

interface Cell {
  bucket: number
  x: number
  /** Of those not in an earlier cell. */
  part: number
  p: number
  ys: Float64Array
  mean: number
  variance: number
  /** Standard deviation of a value's squared distance from the mean. */
  sdOfSquares: number
}

/** So many that each share is as good as exact. */
export const ALL = 1e9
/** From so many subjects in a cell on, their sums are drawn as normal, with the cell's own moments. */
const MANY = 30

/** What an arm's subjects do. */
export class Population {
  readonly groups: readonly (Group & { buckets: Int32Array; upTo: number })[]
  readonly #cells: Cell[]

  constructor({ kind, groups }: Shape, lift = 1) {
    let upTo = 0
    this.groups = groups(lift).map((group) => ({
      ...group,
      upTo: (upTo += group.p),
      buckets: Int32Array.from(group.ys, (y) => bucketOf(kind === 'ratio' ? y / group.x : y)),
    }))
    const cells = this.groups.flatMap(({ p, x, ys, buckets }) => {
      const starts = [...buckets.keys()].filter((i) => i === 0 || buckets[i] !== buckets[i - 1])
      return starts.map((from, k) =>
        cellOf(ys.subarray(from, starts[k + 1] ?? ys.length), buckets[from]!, x, p / ys.length),
      )
    })
    let left = cells.reduce((sum, { p }) => sum + p, 0)
    this.#cells = cells.map((cell) => {
      const part = Math.min(1, cell.p / left)
      left -= cell.p
      return { ...cell, part }
    })
  }

  /** One subject, told to `take`. */
  draw(random: Random, take: (bucket: number, y: number, x: number) => void): void {
    const u = random()
    const group = this.groups.find(({ upTo }) => u < upTo) ?? this.groups[0]!
    const at = group.ys.length === 1 ? 0 : Math.floor(random() * group.ys.length)
    take(group.buckets[at]!, group.ys[at]!, group.x)
  }

  addTo(sums: Sums, arm: DaySums['arm'], subjects: number, random: Random): void {
    let left = subjects
    for (const { bucket, x, part, ys, mean, variance, sdOfSquares } of this.#cells) {
      const n = drawBinomial(left, part, random)
      left -= n
      if (n === 0) continue
      if (ys.length === 1) sums.addMany(arm, bucket, n, n * mean, n * mean * mean, x)
      else if (n < MANY) for (let i = 0; i < n; i++) sums.add(arm, bucket, ys[Math.floor(random() * ys.length)]!, x)
      else {
        const y = n * mean + Math.sqrt(n * variance) * drawNormal(random)
        const squares = n * variance + Math.sqrt(n) * sdOfSquares * drawNormal(random)
        sums.addMany(arm, bucket, n, y, 2 * mean * y - n * mean * mean + Math.max(0, squares), x)
      }
      if (left === 0) break
    }
  }

  /** Each as often as its share of all. */
  addAllTo(sums: Sums, arm: DaySums['arm'], all = ALL): void {
    for (const { bucket, x, p, mean, variance } of this.#cells)
      if (p > 0) sums.addMany(arm, bucket, all * p, all * p * mean, all * p * (variance + mean * mean), x)
  }
}

function cellOf(ys: Float64Array, bucket: number, x: number, pEach: number): Cell {
  const mean = ys.reduce((sum, y) => sum + y, 0) / ys.length
  const squares = ys.map((y) => (y - mean) ** 2)
  const variance = squares.reduce((sum, d) => sum + d, 0) / ys.length
  const ofSquares = squares.reduce((sum, d) => sum + (d - variance) ** 2, 0) / ys.length
  return { bucket, x, part: 0, p: pEach * ys.length, ys, mean, variance, sdOfSquares: Math.sqrt(ofSquares) }
}
