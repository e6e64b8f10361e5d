/** Reports read once: coverage of the intervals shown, power at the planned sample. */
import { primaryOutcome } from '../src/core/decision.ts'
import type { MetricPlan } from '../src/core/experiment.ts'
import { armSums, cutFor, sumsOf } from '../src/core/metric-sums.ts'
import { metricReport, type MetricReport } from '../src/core/report/metric.ts'
import { pairReports } from '../src/core/report/pairs.ts'
import { readiness } from '../src/core/report/readiness.ts'
import { noMoments, noPairs, withValue } from '../src/core/stats/moments.ts'
import { drawNormal, type Random, seededRandom } from '../src/core/stats/sampling.ts'
import { ALL, Population, type Shape, SHAPES, Sums } from './stats-draws.ts'
import { HELD, isOffPower, LIFT, type Part, percent, PLAN, planOf, type Sizes, SLACK, withOwnP } from './stats-part.ts'

/** Candidate's percent. */
const SPLITS = [50, 5]
/** Subjects with a value an arm, below which a lift or one arm's mean is not to be believed; more of a very skewed one. */
const ENOUGH = 50
const ENOUGH_SKEWED = 300

/** How often the shown intervals hold what they are of: of arms that are 10 % apart. */
export function coverage({ runs, seed, isQuick }: Sizes): Part {
  const sizes = isQuick ? [5, 30, 300] : [5, 10, 30, 100, 300, 1000, 10_000, 100_000]
  const short: Record<'difference' | 'others', string[]> = { difference: [], others: [] }
  const rows = SHAPES.flatMap((shape, i) => {
    const plan = planOf(shape)
    const [control, candidate] = [new Population(shape), new Population(shape, LIFT)]
    const all = new Sums()
    control.addAllTo(all, 'control')
    candidate.addAllTo(all, 'candidate')
    const active =
      shape.kind === 'proportion' ? Infinity : armSums(all.days, cutFor(all.days, plan), plan).control.active! / ALL
    const enough = shape.name.endsWith('lognormal 2') ? ENOUGH_SKEWED : ENOUGH
    const truths = new Map<number, MetricReport>()
    return sizes.map((size, j) => {
      const random = seededRandom(seed * 1000 + 200 + 10 * i + j)
      const held = { control: 0, absolute: 0, relative: 0 }
      const shown = { control: 0, absolute: 0, relative: 0 }
      for (let run = 0; run < runs; run++) {
        const sums = new Sums()
        control.addTo(sums, 'control', size, random)
        candidate.addTo(sums, 'candidate', size, random)
        const { days } = sums
        // What is estimated are the means of values that are cut where this run cuts them.
        const cut = cutFor(days, plan)
        let truth = truths.get(cut.high)
        if (!truth) truths.set(cut.high, (truth = metricReport(plan, armSums(all.days, cut, plan), null, PLAN, null)))
        const seen = metricReport(plan, armSums(days, cut, plan), null, PLAN, null)
        const compared = [
          ['control', seen.control.interval, truth.control.estimate],
          ['absolute', seen.absolute, truth.absolute!.lift],
          ['relative', seen.relative, truth.relative!.lift],
        ] as const
        for (const [of, interval, value] of compared) {
          if (!interval) continue
          shown[of]++
          if (interval.low <= value! && value! <= interval.high) held[of]++
        }
      }
      const figures = (['control', 'absolute', 'relative'] as const).map((of) => {
        const rate = held[of] / shown[of]
        const text = `${of} of ${shape.name} at ${size}: ${percent(held[of], shown[of])}`
        if (rate < HELD - SLACK && of === 'absolute') short.difference.push(text)
        if (rate < HELD - SLACK && of !== 'absolute' && size * active >= enough) short.others.push(text)
        return shown[of] === 0 ? '–' : percent(held[of], shown[of])
      })
      return [shape.name, String(size), ...figures]
    })
  })
  return {
    head: ['metric', 'subjects an arm', 'control alone %', 'difference %', 'lift %'],
    rows,
    verdicts: [
      {
        line: `95 % intervals of differences hold in at least ${100 * (HELD - SLACK)} % of runs at every n`,
        seen: short.difference.join('; ') || 'all',
        holds: short.difference.length === 0,
      },
      {
        line: `those of lifts and of one arm too: of shares at every n, else from ${ENOUGH} subjects with a value on, of lognormal σ 2 from ${ENOUGH_SKEWED}`,
        seen: short.others.join('; ') || 'all',
        holds: short.others.length === 0,
      },
    ],
  }
}

/** The readings at the samples that are planned: a lift shown, a guardrail metric shown within its margin, pairs. */
export function power({ runs, seed }: Sizes): Part {
  const rows: string[][] = []
  const off: string[] = []
  let furthest = 0
  const take = (what: string, shape: string, split: string, planned: string, shown: number) => {
    rows.push([what, shape, split, planned, percent(shown, runs)])
    if (isOffPower(shown, runs)) off.push(`${what}, ${shape}, ${split}: ${percent(shown, runs)}`)
    furthest = Math.max(furthest, Math.abs(shown / runs - PLAN.power))
  }
  for (const [i, shape] of SHAPES.entries())
    for (const [j, split] of SPLITS.entries()) {
      const name = `${100 - split}:${split}`
      const primary: MetricPlan = { ...planOf(shape), mde: LIFT - 1 }
      const lifted = { control: new Population(shape), candidate: new Population(shape, LIFT) }
      const a = planned([primary], shape, split)
      const better = (report: MetricReport) => primaryOutcome(withOwnP(report), PLAN.alpha) === 'better'
      const seeds = seed * 1000 + 400 + 20 * i + 2 * j
      take(
        'lift of 10 %',
        shape.name,
        name,
        planText(a),
        countOf(primary, lifted, a, runs, seededRandom(seeds), better),
      )
      const guardrail: MetricPlan = { ...planOf(shape), role: 'guardrail', direction: 'decrease', margin: LIFT - 1 }
      const alike = { control: lifted.control, candidate: lifted.control }
      const b = planned([EASY, guardrail], shape, split)
      const within = ({ non_inferiority }: MetricReport) => non_inferiority?.status === 'non_inferior'
      const passed = countOf(guardrail, alike, b, runs, seededRandom(seeds + 1), within)
      take('margin of 10 %', shape.name, name, planText(b), passed)
    }
  const { pairs, shown } = pairsShown(runs, seededRandom(seed * 1000 + 799))
  take('pairs, 5 %', 'normal, CV 0.25', 'pairs', String(pairs), shown)
  return {
    head: ['planned for', 'metric', 'split', 'planned', `shown % (planned ${100 * PLAN.power})`],
    rows,
    verdicts: [
      {
        line: `power at the planned sample within 2 points of ${100 * PLAN.power} %: proportions, means, ratios, margins, pairs; no cell's 95 % interval is outside`,
        seen: off.join('; ') || `all; furthest ${(100 * furthest).toFixed(1)} points`,
        holds: off.length === 0,
      },
    ],
  }
}

interface Sample {
  control: number
  candidate: number
}
const planText = ({ control, candidate }: Sample) => `${control} + ${candidate}`
/** A primary metric for which a few subjects are enough, so that the guardrail metric's are planned. */
const EASY: MetricPlan = { name: 'easy', kind: 'proportion', role: 'primary', direction: 'increase', mde: 0.9 }
const EASY_SHAPE: Shape = {
  name: 'easy',
  kind: 'proportion',
  groups: () => [
    { p: 0.5, x: 1, ys: Float64Array.of(0) },
    { p: 0.5, x: 1, ys: Float64Array.of(1) },
  ],
}

/** By control's figures, as a report with many subjects has them. */
function planned(metrics: MetricPlan[], shape: Shape, percentOf: number): Sample {
  const gpuSeconds = { control: noPairs(), candidate: noPairs() }
  const evidence = { now: 0, sinceMs: 0, untilMs: null, fixed: null, percent: percentOf, gpuSeconds }
  const of = (name: string) => {
    const all = new Sums()
    const population = new Population(name === 'easy' ? EASY_SHAPE : shape)
    for (const arm of ['control', 'candidate'] as const) population.addAllTo(all, arm)
    return sumsOf(all, name === 'easy' ? { ...EASY, name: 'm' } : planOf(shape))
  }
  return readiness(evidence, metrics, PLAN, of).planned!
}

function countOf(
  plan: MetricPlan,
  of: { control: Population; candidate: Population },
  sample: Sample,
  runs: number,
  random: Random,
  isShown: (report: MetricReport) => boolean,
): number {
  let shown = 0
  for (let run = 0; run < runs; run++) {
    const sums = new Sums()
    for (const arm of ['control', 'candidate'] as const) of[arm].addTo(sums, arm, sample[arm], random)
    const arms = sumsOf(sums, plan)
    if (isShown(metricReport(plan, arms, arms, PLAN, null))) shown++
  }
  return shown
}

/** Pairs that are planned show a difference of `pair_mde` by the sequence, read at that number. */
function pairsShown(runs: number, random: Random): { pairs: number; shown: number } {
  const [mean, deviation] = [1, 0.25]
  const effect = PLAN.pairMde * mean
  const of = (n: number, draw: (i: number) => number) => {
    let moments = noMoments()
    for (let i = 0; i < n; i++) moments = withValue(moments, draw(i))
    return pairReports([{ ...moments, metric: 'm', control: mean, candidate: mean, higher: 0, lower: 0 }], PLAN)[0]!
  }
  const pairs = of(1000, (i) => deviation * Math.sqrt(0.999) * (i % 2 === 0 ? 1 : -1)).planned!
  let shown = 0
  for (let run = 0; run < runs; run++)
    if (['better', 'worse'].includes(of(pairs, () => effect + deviation * drawNormal(random)).outcome)) shown++
  return { pairs, shown }
}
