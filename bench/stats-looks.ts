/** Equal arms looked at after every ten subjects, and a split looked at after each: every decision is a false one. */
import { primaryOutcome } from '../src/core/decision.ts'
import { isSparse, sumsOf } from '../src/core/metric-sums.ts'
import { metricReport } from '../src/core/report/metric.ts'
import { splitReport } from '../src/core/report/split.ts'
import { type Random, seededRandom } from '../src/core/stats/sampling.ts'
import { edgeOf } from '../src/core/stats/winsorise.ts'
import { wilsonInterval } from '../src/core/stats/proportions.ts'
import { Population, type Shape, SHAPES, Sums } from './stats-draws.ts'
import { mayBeAtMost, type Part, percent, PLAN, planOf, type Sizes, withOwnP } from './stats-part.ts'

/** Candidate's percent. */
export const SPLITS = [50, 20, 5, 1]
export const LOOK_EVERY = 10
/**
 * The e-value of a look is below exp(z²/2) whatever its priors are, so that a z below 3.03 can't make a hundred: what is
 * below that need not be asked of the report.
 */
export const LEAST_Z = 2.9
/** ln of what a broken split's e-value has to pass, at least; it is below the ratio of likelihoods at their best. */
const LEAST_LOG_E = Math.log(1000)

/** Up to a thousand subjects of the candidate's. */
export function looks({ runs, seed, isQuick }: Sizes): Part {
  const all = { any: 0, rollback: 0, runs: 0 }
  const any: number[] = []
  const rows = SHAPES.flatMap((shape, i) => {
    const population = new Population(shape)
    return SPLITS.map((split, j) => {
      const random = seededRandom(seed * 1000 + 10 * i + j)
      const subjects = Math.round((100 / split) * (isQuick ? 300 : 1000))
      const counts = { early: 0, rollback: 0, fixed: 0, any: 0 }
      for (let run = 0; run < runs; run++) {
        const { early, rollback, fixed } = oneRun(shape, population, split / 100, subjects, random)
        counts.early += Number(early)
        counts.rollback += Number(rollback)
        counts.fixed += Number(fixed)
        counts.any += Number(early || fixed)
      }
      any.push(counts.any)
      all.any += counts.any
      all.rollback += counts.rollback
      all.runs += runs
      const figures = [counts.early, counts.rollback, counts.fixed, counts.any].map((count) => percent(count, runs))
      return [shape.name, `${100 - split}:${split}`, ...figures]
    })
  })
  const highest = (x: number) => wilsonInterval({ x, n: all.runs }).high
  return {
    head: ['metric', 'split', 'early %', 'of it rollback %', 'at the end %', 'any %'],
    rows,
    verdicts: [
      {
        line: `A/A looked at every ${LOOK_EVERY} subjects: false decisions at most ${100 * PLAN.alpha} %, in no cell more and over all below it`,
        seen: `${percent(all.any, all.runs)} over all; rollbacks before the end ${percent(all.rollback, all.runs)}`,
        holds: mayBeAtMost(any, runs, PLAN.alpha) && highest(all.any) <= PLAN.alpha,
      },
    ],
  }
}

function oneRun(shape: Shape, population: Population, share: number, subjects: number, random: Random) {
  const arms = new QuickArms(shape)
  const plan = planOf(shape)
  for (let n = 1; n <= subjects; n++) {
    const arm = random() < share ? 1 : 0
    population.draw(random, (bucket, y, x) => arms.add(arm, bucket, y, x))
    if (n % LOOK_EVERY !== 0 || !(Math.abs(arms.z()) > LEAST_Z)) continue
    const sums = sumsOf(arms.sums(), plan)
    if (isSparse(shape.kind, sums)) continue
    const outcome = primaryOutcome(withOwnP(metricReport(plan, sums, null, PLAN, null)), PLAN.alpha)
    if (outcome !== 'open') return { early: true, rollback: outcome === 'worse', fixed: false }
  }
  const sums = sumsOf(arms.sums(), plan)
  if (shape.kind !== 'proportion') assertSame(arms.z(), metricReport(plan, sums, sums, PLAN, null).test!.statistic)
  const isReadable = shape.kind === 'proportion' || !isSparse(shape.kind, sums)
  const last = withOwnP(metricReport(plan, sums, sums, PLAN, null))
  return { early: false, rollback: false, fixed: isReadable && primaryOutcome(last, PLAN.alpha) !== 'open' }
}

/** Throws where the bench's own z is not the report's. */
export function assertSame(own: number, reported: number | null): void {
  if (reported !== null && Math.abs(own - reported) > 1e-6 * Math.max(1, Math.abs(reported)))
    throw new Error(`z is ${own} here and ${reported} in the report`)
}

/**
 * The same z as the report's from rows that are not made into objects at each look. It only chooses the looks at which
 * the report is asked; at the end of each run the two are compared.
 */
class QuickArms {
  /** By arm and bucket: n, Σy, Σy², Σx, Σx², Σxy. */
  readonly #rows: Float64Array
  readonly #kind: Shape['kind']
  readonly #total: readonly [Float64Array, Float64Array] = [new Float64Array(6), new Float64Array(6)]
  #most = 0

  constructor({ kind }: Pick<Shape, 'kind'>) {
    this.#kind = kind
    this.#rows = new Float64Array(2 * BUCKETS * 6)
  }

  add(arm: 0 | 1, bucket: number, y: number, x: number): void {
    const at = 6 * (arm * BUCKETS + bucket)
    const rows = this.#rows
    rows[at]! += 1
    rows[at + 1]! += y
    rows[at + 2]! += y * y
    rows[at + 3]! += x
    rows[at + 4]! += x * x
    rows[at + 5]! += x * y
    const total = this.#total[arm]
    total[0]! += 1
    total[1]! += y
    total[2]! += y * y
    total[3]! += x
    total[4]! += x * x
    total[5]! += x * y
    if (bucket > this.#most) this.#most = bucket
  }

  z(): number {
    const estimates = [this.#estimate(0), this.#estimate(1)] as const
    const [[n1, m1, v1], [n2, m2, v2]] = estimates
    if (n1 < 2 || n2 < 2) return 0
    const pooled = (((n1 - 1) * v1 + (n2 - 1) * v2) / (n1 + n2 - 2)) * (1 / n1 + 1 / n2)
    return (m2 - m1) / Math.sqrt(Math.max(v1 / n1 + v2 / n2, pooled))
  }

  sums() {
    const sums = new Sums()
    for (const [arm, name] of (['control', 'candidate'] as const).entries())
      for (let bucket = 0; bucket <= this.#most; bucket++) {
        const row = this.#rows.subarray(6 * (arm * BUCKETS + bucket), 6 * (arm * BUCKETS + bucket) + 6)
        if (row[0]! > 0) sums.addRow(name, bucket, row)
      }
    return sums
  }

  /** Subjects, value, and variance of one. */
  #estimate(arm: 0 | 1): [number, number, number] {
    const sum = Float64Array.from(this.#total[arm])
    if (this.#kind !== 'proportion') this.#cut(arm, sum)
    const [n, y, yy, x, xx, xy] = sum as unknown as [number, number, number, number, number, number]
    const [meanY, meanX] = [y / n, x / n]
    const v = (yy - n * meanY * meanY) / (n - 1)
    if (this.#kind === 'proportion') return [n, meanY, meanY * (1 - meanY)]
    if (this.#kind === 'mean') return [n, meanY, v]
    const [vx, c] = [(xx - n * meanX * meanX) / (n - 1), (xy - n * meanX * meanY) / (n - 1)]
    return [n, meanY / meanX, v / meanX ** 2 + (vx * meanY ** 2) / meanX ** 4 - (2 * c * meanY) / meanX ** 3]
  }

  /** The largest hundredth of the subjects with a value, of both arms together, down to the edge of the bucket below. */
  #cut(arm: 0 | 1, sum: Float64Array): void {
    const rows = this.#rows
    const count = (bucket: number) => rows[6 * bucket]! + rows[6 * (BUCKETS + bucket)]!
    const active = this.#total[0][0]! + this.#total[1][0]! - count(0)
    if (active < 20) return
    const most = Math.max(1, Math.floor(active * 0.01))
    let passed = 0
    let high = this.#most
    while ((passed += count(high)) <= most && high > 1) high--
    const edge = edgeOf(high)
    for (let bucket = high + 1; bucket <= this.#most; bucket++) {
      const at = 6 * (arm * BUCKETS + bucket)
      const [n, x, xx] = [rows[at]!, rows[at + 3]!, rows[at + 4]!]
      const isRatio = this.#kind === 'ratio'
      sum[1]! += (isRatio ? edge * x : edge * n) - rows[at + 1]!
      sum[2]! += (isRatio ? edge * edge * xx : edge * edge * n) - rows[at + 2]!
      sum[5]! += (isRatio ? edge * xx : edge * x) - rows[at + 5]!
    }
  }
}

/** Of positive values up to 1e12. */
const BUCKETS = 256

/** Healthy splits looked at after each of 10,000 subjects, and broken ones. */
export function srm({ runs, seed, isQuick }: Sizes): Part {
  const subjects = isQuick ? 2000 : 10_000
  const alarms = { healthy: 0, runs: 0 }
  const healthy: number[] = []
  const rows = [
    ...[1, 5, 20, 50].map((split) => [split, 1] as const),
    ...[5, 50].flatMap((split) => [0.9, 0.8].map((kept) => [split, kept] as const)),
  ].map(([split, kept], i) => {
    const random = seededRandom(seed * 1000 + 600 + i)
    const at: number[] = []
    for (let run = 0; run < runs; run++) {
      const n = alarmAt(split, kept, subjects, random)
      if (n !== null) at.push(n)
    }
    if (kept === 1) {
      healthy.push(at.length)
      alarms.healthy += at.length
      alarms.runs += runs
    }
    const median = at.length * 2 > runs ? at.sort((a, b) => a - b)[Math.floor(runs / 2)] : null
    const lost = kept === 1 ? 'none' : `${Math.round(100 * (1 - kept))} %`
    return [`${split} %`, lost, percent(at.length, runs), String(median ?? '–')]
  })
  return {
    head: ['candidate', 'of it lost', 'alarm at some time %', 'median subjects'],
    rows,
    verdicts: [
      {
        line: 'SRM at every look: false alarms at most 0.5 % at 1, 5, 20 and 50 %',
        seen: percent(alarms.healthy, alarms.runs),
        holds: healthy.every((x) => wilsonInterval({ x, n: runs }).high <= (isQuick ? 0.1 : 0.005)),
      },
      {
        line: `SRM: a fifth of the candidate's subjects lost at 50 % is found within ${subjects} subjects in 95 % of runs`,
        seen: rows.at(-1)![2]!,
        holds: Number.parseFloat(rows.at(-1)![2]!) >= 95,
      },
    ],
  }
}

function alarmAt(split: number, kept: number, subjects: number, random: Random): number | null {
  const share = split / 100
  let candidate = 0
  for (let n = 0; n < subjects;) {
    const isCandidate = random() < share
    if (isCandidate && kept < 1 && random() > kept) continue
    n++
    candidate += Number(isCandidate)
    const of = (x: number, p: number) => (x === 0 ? 0 : x * Math.log(x / (n * p)))
    if (of(candidate, share) + of(n - candidate, 1 - share) < LEAST_LOG_E) continue
    const one = { epoch: 1, stage: '', percent: split, n, candidate, expected: n * share }
    if (splitReport([one]).mismatch) return n
  }
  return null
}
