/** What stands beside the metrics: signals, shadow pairs, values from before, control against itself. */
import type { MetricPlan } from '../src/core/experiment.ts'
import { openMonitor } from '../src/core/guardrails/index.ts'
import { signal, type SignalGuardrail } from '../src/core/guardrails/signal.ts'
import { sumsOf } from '../src/core/metric-sums.ts'
import { historyReport } from '../src/core/report/history.ts'
import { metricReport } from '../src/core/report/metric.ts'
import { pairReports } from '../src/core/report/pairs.ts'
import { PARTS, selfCheck } from '../src/core/self-check.ts'
import { noMoments, withValue } from '../src/core/stats/moments.ts'
import { drawNormal, drawPoisson, type Random, seededRandom } from '../src/core/stats/sampling.ts'
import { bucketOf } from '../src/core/stats/winsorise.ts'
import { Population, SHAPES, Sums } from './stats-draws.ts'
import { mayBeAtMost, type Part, percent, PLAN, planOf, type Sizes } from './stats-part.ts'

const SIGNAL: SignalGuardrail = {
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

/** Signal guardrails judged after every value, of arms that are equal, at their limit, and over it. */
export function signals({ runs, seed, isQuick }: Sizes): Part {
  const cases = [
    ['normal, CV 0.5', 1],
    ['normal, CV 0.5', 1.05],
    ['normal, CV 0.5', 1.15],
    ['lognormal 1', 1],
    ['lognormal 1', 1.05],
    ['lognormal 1', 1.3],
  ] as const
  const healthy: number[] = []
  const rows = cases.map(([shape, times], i) => {
    const random = seededRandom(seed * 1000 + 900 + i)
    const draw = () => (shape === 'lognormal 1' ? Math.exp(drawNormal(random)) : 1 + 0.5 * drawNormal(random))
    const at: number[] = []
    for (let run = 0; run < runs; run++) {
      let [candidate, control] = [noMoments(), noMoments()]
      for (let n = 1; n <= (isQuick ? 1000 : 5000); n++) {
        candidate = withValue(candidate, times * draw())
        control = withValue(control, draw())
        const finding = signal.assess(SIGNAL, openMonitor(), {
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
    if (times <= 1.05) healthy.push(at.length)
    const median = at.sort((a, b) => a - b)[Math.floor(runs / 2)] ?? '–'
    return [shape, `control × ${times}`, percent(at.length, runs), String(median)]
  })
  return {
    head: ['signal, limit control + 5 %', 'candidate', 'breach at some time %', 'median values an arm'],
    rows,
    verdicts: [
      {
        line: `signals: a breach at or within the limit in at most ${100 * SIGNAL.alpha} % of runs`,
        seen: healthy.map((x) => percent(x, runs)).join('; '),
        holds: mayBeAtMost(healthy, runs, SIGNAL.alpha),
      },
    ],
  }
}

/** The e-value of a look is below exp(t²/2): a smaller t² can't make it twenty, so that the report need not be asked. */
const LEAST_T2 = 5.9

/** Shadow pairs read after every pair up to a thousand: of equal arms each outcome but `alike` is false. */
export function pairs({ runs, seed, isQuick }: Sizes): Part {
  const most = isQuick ? 200 : 1000
  const differences: [string, (random: Random) => number][] = [
    ['normal', drawNormal],
    ['of two lognormal σ 1', (random) => Math.exp(drawNormal(random)) - Math.exp(drawNormal(random))],
    ['lognormal σ 1, mean 0', (random) => Math.exp(drawNormal(random)) - Math.exp(0.5)],
    ['most equal, ± 1', (random) => (random() < 0.9 ? 0 : random() < 0.5 ? 1 : -1)],
  ]
  const wrong: number[] = []
  const held: number[] = []
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
          if (isDecided || n < 20 || !(sums.mean ** 2 * n > LEAST_T2 * (sums.m2 / (n - 1)))) continue
          const [report] = pairReports([sums], PLAN)
          isDecided = report!.outcome === 'better' || report!.outcome === 'worse'
          if (isDecided) at.push(n)
        }
        const { difference } = pairReports([sums], PLAN)[0]!
        if (difference!.low <= effect && effect <= difference!.high) high++
      }
      if (effect === 0) wrong.push(at.length)
      held.push(runs - high)
      const median = at.length * 2 > runs ? at.sort((a, b) => a - b)[Math.floor(runs / 2)] : null
      return [name, String(effect), percent(at.length, runs), String(median ?? '–'), percent(high, runs)]
    }),
  )
  return {
    head: ['differences', 'their mean', 'shown at some time %', 'median pairs', '95 % interval holds it %'],
    rows,
    verdicts: [
      {
        line: `pairs: a difference that is not there in at most ${100 * PLAN.alpha} % of runs, at any time`,
        seen: wrong.map((x) => percent(x, runs)).join('; '),
        holds: mayBeAtMost(wrong, runs, PLAN.alpha),
      },
      {
        line: 'pairs: the 95 % interval misses in at most 7 % of runs',
        seen: `at most ${percent(Math.max(...held), runs)}`,
        holds: mayBeAtMost(held, runs, 0.07),
      },
    ],
  }
}

/** Lifts adjusted by values from before, of equal arms: how much narrower, and how often an interval misses 0. */
export function history({ runs, seed, isQuick }: Sizes): Part {
  const size = isQuick ? 400 : 4000
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
  const misses: number[] = []
  const rows = habits.flatMap(([name, kind, draw], i) =>
    [50, 5].map((split, j) => {
      const random = seededRandom(seed * 1000 + 980 + 10 * i + j)
      const plan = planOf({ kind })
      let [missed, raw, reduction] = [0, 0, 0]
      for (let run = 0; run < runs; run++) {
        const [days, before] = [new Sums(), new Sums()]
        for (let n = 0; n < size; n++) {
          const arm = random() < split / 100 ? 'candidate' : 'control'
          const { y, x } = draw(random)
          days.add(arm, bucketOf(y), y, 1)
          // Every fifth subject is new.
          if (random() < 0.8) before.add(arm, bucketOf(y), y, x)
        }
        const report = historyReport({ now: 0, days: days.days, before: before.days }, plan)
        const { absolute } = metricReport(plan, sumsOf(days, plan), null, PLAN, null)
        if (report?.absolute && (report.absolute.low > 0 || report.absolute.high < 0)) missed++
        if (absolute && (absolute.low > 0 || absolute.high < 0)) raw++
        reduction += report?.variance_reduction ?? 0
      }
      misses.push(missed)
      const less = `${((100 * reduction) / runs).toFixed(0)} %`
      return [name, `${100 - split}:${split}`, less, percent(missed, runs), percent(raw, runs)]
    }),
  )
  return {
    head: ['metric', 'split', 'variance gone', 'interval misses 0 %', 'the raw one %'],
    rows,
    verdicts: [
      {
        line: 'values from before: the 95 % interval misses in at most 5 % of runs, and a point',
        seen: misses.map((x) => percent(x, runs)).join('; '),
        holds: mayBeAtMost(misses, runs, 0.06),
      },
    ],
  }
}

/** Control against itself, of independent subjects: sets of them, each split a thousand times. */
export function selfcheck({ runs, seed, isQuick }: Sizes): Part {
  const size = isQuick ? 4000 : 20_000
  let allTooMany = 0
  const rows = SHAPES.map((shape, i) => {
    const random = seededRandom(seed * 1000 + 990 + i)
    const population = new Population(shape)
    const alarms: number[] = []
    let tooMany = 0
    for (let set = 0; set < runs; set++) {
      const parts = Array.from({ length: PARTS }, (_, part) => ({ part, n: 0, y: 0, yy: 0, x: 0, xx: 0, xy: 0 }))
      for (let n = 0; n < size; n++) {
        const at = parts[Math.floor(random() * PARTS)]!
        population.draw(random, (_, y, x) => {
          at.n++
          at.y += y
          at.yy += y * y
          at.x += x
          at.xx += x * x
          at.xy += x * y
        })
      }
      const check = selfCheck(planOf(shape), parts, 50, PLAN, set)!
      alarms.push(check.false_alarms)
      tooMany += check.status === 'too_many' ? 1 : 0
    }
    allTooMany += tooMany
    alarms.sort((a, b) => a - b)
    return [
      shape.name,
      `${alarms[0]} to ${alarms.at(-1)}`,
      String(alarms[Math.floor(runs / 2)]),
      `${tooMany} of ${runs}`,
    ]
  })
  return {
    head: ['metric', 'false alarms of 1,000', 'median', 'too_many'],
    rows,
    verdicts: [
      {
        line: 'self-check: independent subjects are called too_many in at most 5 % of sets',
        seen: percent(allTooMany, SHAPES.length * runs),
        holds: mayBeAtMost([allTooMany], SHAPES.length * runs, 0.05),
      },
    ],
  }
}
