/** Invented subjects for the report's bench: what they do by metric, and sums over them as the ledgers keep them. */
import type { DaySums, MetricPlan } from '../src/core/experiment.ts'
import { mergedPairs, noPairs, onePair } from '../src/core/stats/moments.ts'
import { drawNormal, drawPoisson, type Random } from '../src/core/stats/sampling.ts'
import { bucketOf } from '../src/core/stats/winsorise.ts'

export interface Shape {
  name: string
  kind: MetricPlan['kind']
  /** One subject's sum of values and how many there were. `lift` multiplies the mean. */
  draw: (random: Random, lift: number) => { y: number; x: number }
  mean: number
}

const lognormal = (sigma: number, random: Random) => Math.exp(sigma * drawNormal(random))
const share = (name: string, p: number): Shape => ({
  name,
  kind: 'proportion',
  draw: (random, lift) => ({ y: random() < p * lift ? 1 : 0, x: 1 }),
  mean: p,
})

export const SHAPES: readonly Shape[] = [
  share('share of 70 %', 0.7),
  share('share of 2 %', 0.02),
  {
    name: 'mean, 5 % pay',
    kind: 'mean',
    draw: (random, lift) => ({ y: random() < 0.05 ? lift * lognormal(1, random) : 0, x: 1 }),
    mean: 0.05 * Math.exp(0.5),
  },
  {
    name: 'mean, lognormal 1',
    kind: 'mean',
    draw: (random, lift) => ({ y: lift * lognormal(1, random), x: 1 }),
    mean: Math.exp(0.5),
  },
  {
    name: 'mean, lognormal 2',
    kind: 'mean',
    draw: (random, lift) => ({ y: lift * lognormal(2, random), x: 1 }),
    mean: Math.exp(2),
  },
  {
    name: 'mean, counts',
    kind: 'mean',
    draw: (random, lift) => ({ y: drawPoisson(2 * lift, random), x: 1 }),
    mean: 2,
  },
  {
    name: 'ratio',
    kind: 'ratio',
    draw: (random, lift) => {
      const x = 1 + drawPoisson(2, random)
      const own = lognormal(0.5, random) * lift
      return { y: x * own * lognormal(0.5, random), x }
    },
    mean: Math.exp(0.25),
  },
]

/** Sums of one metric by arm and bucket, to which subjects are added one by one. */
export class Sums {
  readonly #rows = new Map<string, DaySums>()
  readonly #kind: MetricPlan['kind']
  readonly now = 0

  constructor(kind: MetricPlan['kind']) {
    this.#kind = kind
  }

  add(arm: DaySums['arm'], { y, x }: { y: number; x: number }): void {
    const bucket = bucketOf(this.#kind === 'ratio' && x > 0 ? y / x : y)
    const key = `${arm}|${bucket}`
    const row = this.#rows.get(key) ?? { metric: 'm', arm, day: 0, bucket, moments: noPairs() }
    this.#rows.set(key, { ...row, moments: mergedPairs(row.moments, onePair(y, x)) })
  }

  get days(): DaySums[] {
    return [...this.#rows.values()]
  }
}
