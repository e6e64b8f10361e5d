/**
 * What the A/B report's figures are worth: false decisions when looked at after every ten subjects, coverage of its
 * intervals, power at the planned sample, the split's test. The judging is core's own.
 *
 *   npm run bench:stats -- [--quick] [--seed 1] [--runs 1000] [--only aa,coverage,power,srm,uniform,signals,pairs,history,selfcheck]
 */
import { parseArgs } from 'node:util'
import { primaryOutcome } from '../src/core/decision.ts'
import type { ExperimentPlan, MetricPlan } from '../src/core/experiment.ts'
import { armSums, cutFor, isSparse, sumsOf } from '../src/core/metric-sums.ts'
import { historyReport } from '../src/core/report-history.ts'
import { pairReports } from '../src/core/report-pairs.ts'
import { metricReport, SEQUENTIAL_SHARE } from '../src/core/report-metric.ts'
import { readiness } from '../src/core/report-readiness.ts'
import { PARTS, selfCheck } from '../src/core/self-check.ts'
import { splitReport } from '../src/core/report-split.ts'
import { openMonitor } from '../src/core/guardrails/index.ts'
import { signal, type SignalGuardrail } from '../src/core/guardrails/signal.ts'
import { noMoments, withValue } from '../src/core/stats/moments.ts'
import { drawNormal, drawPoisson, type Random, seededRandom } from '../src/core/stats/sampling.ts'
import { type Shape, SHAPES, Sums } from './stats-draws.ts'
import { table } from './table.ts'
import { wilsonInterval } from '../src/core/stats/proportions.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1000' },
    only: { type: 'string', default: 'aa,coverage,power,srm,uniform,signals,pairs,history,selfcheck' },
  },
})
const runs = values.quick ? 60 : Number(values.runs)
const seed = Number(values.seed)
const PLAN: ExperimentPlan = { minDays: 7, alpha: 0.05, power: 0.8, maxCostIncrease: 0.2, pairMde: 0.05, exclude: [] }
/** Candidate's percent. */
const SPLITS = [50, 20, 5, 1]
const planOf = ({ kind }: Shape): MetricPlan => ({ name: 'm', kind, role: 'primary', direction: 'increase' })

const TABLES: Record<string, () => string> = { aa, coverage, power, srm, uniform, signals, pairs, history, selfcheck }
for (const name of values.only.split(',')) {
  const started = Date.now()
  console.log(`\n${TABLES[name]!()}\n(${name}: ${runs} runs a cell, ${Math.round((Date.now() - started) / 1000)} s)`)
}

/** In percent, with the 95 % Wilson interval. */
function percent(x: number, n: number): string {
  const { low, high } = wilsonInterval({ x, n })
  const text = (p: number) => (100 * p).toFixed(1)
  return `${text(x / n)} (${text(low)} to ${text(high)})`
}

/** Equal arms, up to a thousand subjects of the candidate's: any decision is false. */
function aa(): string {
  const rows = SHAPES.flatMap((shape, i) =>
    SPLITS.map((split, j) => {
      const random = seededRandom(seed * 1000 + 10 * i + j)
      const candidates = values.quick ? 300 : 1000
      const counts = { early: 0, rollback: 0, fixed: 0, all: 0 }
      for (let run = 0; run < runs; run++) {
        const { early, rollback, fixed } = oneRun(shape, split / 100, Math.round((100 / split) * candidates), random)
        counts.early += early ? 1 : 0
        counts.rollback += rollback ? 1 : 0
        counts.fixed += fixed ? 1 : 0
        counts.all += early || fixed ? 1 : 0
      }
      const { early, rollback, fixed, all } = counts
      return [
        shape.name,
        `${100 - split}:${split}`,
        ...[early, rollback, fixed, all].map((count) => percent(count, runs)),
      ]
    }),
  )
  return table(['metric', 'split', 'early %', 'of it rollback %', 'at the end %', 'any %'], rows)
}

function oneRun(shape: Shape, share: number, subjects: number, random: Random) {
  const sums = new Sums(shape.kind)
  const plan = planOf(shape)
  // Ten thousand looks are as many as ten subjects each; larger runs are looked at as often.
  const pace = Math.max(10, Math.round(subjects / 2000))
  for (let n = 1; n <= subjects; n++) {
    sums.add(random() < share ? 'candidate' : 'control', shape.draw(random, 1))
    if (n % pace !== 0) continue
    const arms = sumsOf(sums, plan)
    if (isSparse(shape.kind, arms)) continue
    const outcome = primaryOutcome(withOwnP(metricReport(plan, arms, null, PLAN, null)), PLAN.alpha)
    if (outcome !== 'open') return { early: true, rollback: outcome === 'worse', fixed: false }
  }
  const arms = sumsOf(sums, plan)
  const isReadable = shape.kind === 'proportion' || !isSparse(shape.kind, arms)
  const last = withOwnP(metricReport(plan, arms, arms, PLAN, null))
  return { early: false, rollback: false, fixed: isReadable && primaryOutcome(last, PLAN.alpha) !== 'open' }
}

/** A family of one metric. */
function withOwnP(report: ReturnType<typeof metricReport>): ReturnType<typeof metricReport> {
  const { test, always_valid: anytime } = report
  return {
    ...report,
    test: test && { ...test, p_adjusted: test.p_value },
    always_valid: anytime && { ...anytime, p_adjusted: anytime.p_value },
  }
}

/** How often the shown intervals hold the lift of the values that they are of: of arms that are 10 % apart. */
function coverage(): string {
  const sizes = values.quick ? [5, 30, 300] : [5, 10, 30, 100, 300, 1000, 10_000, 100_000]
  const rows = SHAPES.flatMap((shape, i) => {
    const many = population(shape)
    return sizes.map((size, j) => {
      const random = seededRandom(seed * 1000 + 200 + 10 * i + j)
      const plan = planOf(shape)
      const count = { absolute: 0, relative: 0, anyAbsolute: 0, anyRelative: 0 }
      const tries = size > 1000 ? Math.max(Math.min(runs, 200), Math.round((runs * 2000) / size)) : runs
      for (let run = 0; run < tries; run++) {
        const sums = new Sums(shape.kind)
        for (let n = 0; n < size; n++) {
          sums.add('control', shape.draw(random, 1))
          sums.add('candidate', shape.draw(random, 1.1))
        }
        const { absolute, relative } = metricReport(plan, sumsOf(sums, plan), null, PLAN, null)
        // What is estimated are the means of values that are cut where this run cuts them.
        const { absolute: diff, relative: lift } = metricReport(
          plan,
          armSums(many.days, cutFor(sums.days, plan), plan),
          null,
          PLAN,
          null,
        )
        count.anyAbsolute += absolute ? 1 : 0
        count.anyRelative += relative ? 1 : 0
        if (absolute && absolute.low <= diff!.lift && diff!.lift <= absolute.high) count.absolute++
        if (relative && relative.low <= lift!.lift && lift!.lift <= relative.high) count.relative++
      }
      return [
        shape.name,
        String(size),
        percent(count.absolute, Math.max(1, count.anyAbsolute)),
        percent(count.relative, Math.max(1, count.anyRelative)),
        String(count.anyRelative),
      ]
    })
  })
  return table(['metric', 'subjects an arm', 'absolute %', 'relative %', 'runs with a lift'], rows)
}

/** The fixed test at the sample that was planned for what is there. */
function power(): string {
  const lift = 1.1
  const rows = SHAPES.flatMap((shape, i) =>
    [50, 5].map((split, j) => {
      const random = seededRandom(seed * 1000 + 400 + 10 * i + j)
      const plan = planOf(shape)
      const { control: n1, candidate: n2 } = plannedSample(shape, lift, split)
      let shown = 0
      let early = 0
      const tries = Math.max(20, Math.min(runs, Math.round((runs * 20_000) / (n1 + n2))))
      for (let run = 0; run < tries; run++) {
        const sums = new Sums(shape.kind)
        for (let n = 0; n < n1; n++) sums.add('control', shape.draw(random, 1))
        for (let n = 0; n < n2; n++) sums.add('candidate', shape.draw(random, lift))
        const arms = sumsOf(sums, plan)
        const report = withOwnP(metricReport(plan, arms, arms, PLAN, null))
        if (primaryOutcome(report, PLAN.alpha) === 'better') shown++
        if ((report.always_valid?.p_value ?? 1) < PLAN.alpha * SEQUENTIAL_SHARE) early++
      }
      return [shape.name, `${100 - split}:${split}`, `${n1} + ${n2}`, percent(shown, tries), percent(early, tries)]
    }),
  )
  return table(['metric', 'split', 'planned', 'shown at the end % (planned 80)', 'by the sequence there %'], rows)
}

/** So many subjects that they stand for all. */
function population(shape: Shape): Sums {
  const random = seededRandom(11)
  const all = new Sums(shape.kind)
  for (let n = 0; n < (values.quick ? 100_000 : 1_000_000); n++) {
    all.add('control', shape.draw(random, 1))
    all.add('candidate', shape.draw(random, 1.1))
  }
  return all
}

/** By control's figures from a large pilot, as a running report has them. */
function plannedSample(shape: Shape, lift: number, percent: number) {
  const random = seededRandom(7)
  const pilot = new Sums(shape.kind)
  for (let n = 0; n < 100_000; n++)
    for (const arm of ['control', 'candidate'] as const) pilot.add(arm, shape.draw(random, 1))
  const plan = { ...planOf(shape), mde: lift - 1 }
  const evidence = { now: 0, sinceMs: 0, untilMs: null, fixed: null, percent }
  return readiness(evidence, [plan], PLAN, () => sumsOf(pilot, plan)).planned!
}

/** Healthy splits looked at after each of 10,000 subjects, and broken ones. */
function srm(): string {
  const subjects = values.quick ? 2000 : 10_000
  const rows = [
    ...[1, 5, 20, 50].map((split) => [split, 1] as const),
    ...[5, 50].flatMap((split) => [0.9, 0.8].map((kept) => [split, kept] as const)),
  ].map(([split, kept], i) => {
    const random = seededRandom(seed * 1000 + 600 + i)
    const at: number[] = []
    for (let run = 0; run < runs; run++) {
      let [n, candidate] = [0, 0]
      const share = split / 100
      while (n < subjects) {
        const isCandidate = random() < share
        if (isCandidate && random() > kept) continue
        n++
        candidate += isCandidate ? 1 : 0
        const one = { epoch: 1, stage: '', percent: split, n, candidate, expected: n * share }
        if (splitReport([one]).mismatch) {
          at.push(n)
          break
        }
      }
    }
    const median = at.sort((a, b) => a - b)[Math.floor(runs / 2)]
    return [
      `${split} %`,
      kept === 1 ? 'none' : `${Math.round(100 * (1 - kept))} %`,
      percent(at.length, runs),
      String(median ?? '–'),
    ]
  })
  return table(['candidate', 'of it lost', 'alarm at some time %', 'median subjects'], rows)
}

/** Fixed tests of equal arms: the largest distance of their p-values' distribution from the even one. */
function uniform(): string {
  const size = values.quick ? 200 : 2000
  const rows = SHAPES.map((shape, i) => {
    const random = seededRandom(seed * 1000 + 800 + i)
    const plan = planOf(shape)
    const p: number[] = []
    for (let run = 0; run < runs; run++) {
      const sums = new Sums(shape.kind)
      for (let n = 0; n < size; n++) {
        sums.add('control', shape.draw(random, 1))
        sums.add('candidate', shape.draw(random, 1))
      }
      const arms = sumsOf(sums, plan)
      p.push(metricReport(plan, arms, arms, PLAN, null).test!.p_value)
    }
    p.sort((a, b) => a - b)
    const distance = Math.max(...p.map((value, k) => Math.max((k + 1) / runs - value, value - k / runs)))
    const below = p.filter((value) => value < 0.04).length
    return [shape.name, distance.toFixed(3), (1.36 / Math.sqrt(runs)).toFixed(3), percent(below, runs)]
  })
  return table(['metric', 'KS distance', 'bound at 5 %', 'p below .04 %'], rows)
}

/** Signal guardrails judged after every value, of arms that are equal, at their limit, and over it. */
function signals(): string {
  const guardrail = signalRule()
  const cases = [
    ['normal, CV 0.5', 1],
    ['normal, CV 0.5', 1.05],
    ['normal, CV 0.5', 1.15],
    ['lognormal 1', 1],
    ['lognormal 1', 1.05],
    ['lognormal 1', 1.3],
  ] as const
  const rows = cases.map(([shape, times], i) => {
    const random = seededRandom(seed * 1000 + 900 + i)
    const draw = () => (shape === 'lognormal 1' ? Math.exp(drawNormal(random)) : 1 + 0.5 * drawNormal(random))
    const at: number[] = []
    for (let run = 0; run < runs; run++) {
      let [candidate, control] = [noMoments(), noMoments()]
      for (let n = 1; n <= (values.quick ? 1000 : 5000); n++) {
        candidate = withValue(candidate, times * draw())
        control = withValue(control, draw())
        const finding = signal.assess(guardrail, openMonitor(), {
          now: 0,
          clockStartedAt: 0,
          recent: null,
          signals: { candidate, control },
        })
        if (finding.status !== 'breach') continue
        at.push(n)
        break
      }
    }
    const median = at.sort((a, b) => a - b)[Math.floor(runs / 2)]
    return [shape, `control × ${times}`, percent(at.length, runs), String(median ?? '–')]
  })
  return table(['signal, limit control + 5 %', 'candidate', 'breach at some time %', 'median values an arm'], rows)
}

/** Shadow pairs read after every pair, from 100 on after every fifth, up to a thousand: of equal arms each outcome but `alike` is false. */
function pairs(): string {
  const most = values.quick ? 200 : 1000
  const differences: [string, (random: Random) => number][] = [
    ['normal', drawNormal],
    ['of two lognormal σ 1', (random) => Math.exp(drawNormal(random)) - Math.exp(drawNormal(random))],
    ['lognormal σ 1, mean 0', (random) => Math.exp(drawNormal(random)) - Math.exp(0.5)],
    ['most equal, ± 1', (random) => (random() < 0.9 ? 0 : random() < 0.5 ? 1 : -1)],
  ]
  const rows = differences.flatMap(([name, draw], i) =>
    [0, 0.3].map((effect, j) => {
      const random = seededRandom(seed * 1000 + 950 + 10 * i + j)
      const at: number[] = []
      let high = 0
      for (let run = 0; run < runs; run++) {
        let sums = { ...noMoments(), metric: 'm', control: 1, candidate: 1, higher: 0, lower: 0 }
        let isDecided = false
        for (let n = 1; n <= most; n++) {
          const difference = draw(random) + effect
          sums = { ...sums, ...withValue(sums, difference) }
          if (isDecided || n < 20 || (n > 100 && n % 5 !== 0)) continue
          const [report] = pairReports([sums], PLAN)
          isDecided = report!.outcome === 'better' || report!.outcome === 'worse'
          if (isDecided) at.push(n)
        }
        const { difference } = pairReports([sums], PLAN)[0]!
        if (difference!.low <= effect && effect <= difference!.high) high++
      }
      const median = at.length * 2 > runs ? at.sort((a, b) => a - b)[Math.floor(runs / 2)] : null
      return [name, String(effect), percent(at.length, runs), String(median ?? '–'), percent(high, runs)]
    }),
  )
  return table(['differences', 'their mean', 'shown at some time %', 'median pairs', '95 % interval holds it %'], rows)
}

/** Lifts adjusted by values from before, of equal arms: how much narrower, and how often an interval misses 0. */
function history(): string {
  const size = values.quick ? 400 : 4000
  const habits: [string, MetricPlan['kind'], (random: Random) => { y: number; x: number }][] = [
    [
      'share of about 50 %',
      'proportion',
      (random) => {
        const habit = random()
        return { y: Number(random() < habit), x: Number(random() < habit) }
      },
    ],
    [
      'mean, counts',
      'mean',
      (random) => {
        const habit = 2 * Math.exp(0.5 * drawNormal(random))
        return { y: drawPoisson(habit, random), x: drawPoisson(4 * habit, random) }
      },
    ],
    [
      'mean, lognormal 1',
      'mean',
      (random) => {
        const habit = 0.8 * drawNormal(random)
        return { y: Math.exp(habit + 0.6 * drawNormal(random)), x: Math.exp(habit + 0.6 * drawNormal(random)) }
      },
    ],
  ]
  const rows = habits.flatMap(([name, kind, draw], i) =>
    [50, 5].map((split, j) => {
      const random = seededRandom(seed * 1000 + 980 + 10 * i + j)
      const plan = planOf({ kind } as Shape)
      let [missed, raw, reduction] = [0, 0, 0]
      for (let run = 0; run < runs; run++) {
        const [days, before] = [new Sums(kind), new Sums(kind)]
        for (let n = 0; n < size; n++) {
          const arm = random() < split / 100 ? 'candidate' : 'control'
          const { y, x } = draw(random)
          days.add(arm, { y, x: 1 })
          // Every fifth subject is new.
          if (random() < 0.8) before.add(arm, { y, x })
        }
        const report = historyReport({ now: 0, days: days.days, before: before.days }, plan)
        const { absolute } = metricReport(plan, sumsOf(days, plan), null, PLAN, null)
        if (report?.absolute && (report.absolute.low > 0 || report.absolute.high < 0)) missed++
        if (absolute && (absolute.low > 0 || absolute.high < 0)) raw++
        reduction += report?.variance_reduction ?? 0
      }
      const less = `${((100 * reduction) / runs).toFixed(0)} %`
      return [name, `${100 - split}:${split}`, less, percent(missed, runs), percent(raw, runs)]
    }),
  )
  return table(['metric', 'split', 'variance gone', 'interval misses 0 %', 'the raw one %'], rows)
}

/** Control against itself, of independent subjects: sets of them, each split a thousand times. */
function selfcheck(): string {
  const sets = values.quick ? 10 : 60
  const rows = SHAPES.map((shape, i) => {
    const random = seededRandom(seed * 1000 + 990 + i)
    const alarms: number[] = []
    let tooMany = 0
    for (let set = 0; set < sets; set++) {
      const parts = Array.from({ length: PARTS }, (_, part) => ({ part, n: 0, y: 0, yy: 0, x: 0, xx: 0, xy: 0 }))
      for (let n = 0; n < 20_000; n++) {
        const { y, x } = shape.draw(random, 1)
        const at = parts[Math.floor(random() * PARTS)]!
        at.n++
        at.y += y
        at.yy += y * y
        at.x += x
        at.xx += x * x
        at.xy += x * y
      }
      const check = selfCheck(planOf(shape), parts, 50, PLAN, set)!
      alarms.push(check.false_alarms)
      tooMany += check.status === 'too_many' ? 1 : 0
    }
    alarms.sort((a, b) => a - b)
    return [
      shape.name,
      `${alarms[0]} to ${alarms.at(-1)}`,
      String(alarms[Math.floor(sets / 2)]),
      `${tooMany} of ${sets}`,
    ]
  })
  return table(['metric', 'false alarms of 1,000', 'median', 'too_many'], rows)
}

function signalRule(): SignalGuardrail {
  return {
    kind: 'signal',
    id: 'signal:fvd',
    metric: 'signal:fvd',
    operation: 'job',
    action: 'rollback',
    noData: 'hold',
    noDataGraceMs: 0,
    bothBad: 'hold',
    max: null,
    maxOverControl: 0.05,
    minSamples: 200,
    alpha: 0.01,
    literal: false,
  }
}
