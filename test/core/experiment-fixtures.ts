/** An experiment's evidence for tests: a seven-day run at 50 % with the product's own numbers, to be varied. */
import type { Evidence, ExperimentPlan, MetricPlan } from '../../src/core/experiment.ts'
import { sumsOf } from '../../src/core/metric-sums.ts'
import type { PairMoments } from '../../src/core/stats/moments.ts'

export const DAY_MS = 86_400_000
export const START = Date.parse('2026-11-02T00:00:00Z')
const FIRST_DAY = START / DAY_MS

export const PLAN: ExperimentPlan = {
  minDays: 7,
  alpha: 0.05,
  power: 0.8,
  maxCostIncrease: 0.2,
  pairMde: 0.05,
  exclude: [],
}
export const PLAY: MetricPlan = { name: 'play', kind: 'proportion', role: 'primary', direction: 'increase', mde: 0.08 }
export const COMPLAINTS: MetricPlan = {
  name: 'complaints',
  kind: 'proportion',
  role: 'guardrail',
  direction: 'decrease',
  margin: 0.25,
}

/** `x` of `n` subjects did it. */
export function share(x: number, n: number): PairMoments {
  const mean = x / n
  return { n, meanY: mean, meanX: 1, m2Y: n * mean * (1 - mean), m2X: 0, cxy: 0 }
}

/** Values of a pair of arms on the first day. */
export function counts(metric: string, control: PairMoments, candidate: PairMoments, day = 0): Evidence['days'] {
  return [
    { metric, arm: 'control', day: FIRST_DAY + day, bucket: 1, moments: control },
    { metric, arm: 'candidate', day: FIRST_DAY + day, bucket: 1, moments: candidate },
  ]
}

/** Seconds of subjects with one job each, all of which succeeded. */
export function seconds(mean: number, n = 12_000): PairMoments {
  return { n, meanY: mean, meanX: 1, m2Y: n * 25, m2X: 0, cxy: 0 }
}

export function evidence(over: Partial<Evidence> = {}): Evidence {
  return {
    release: 'r1',
    now: START + 7 * DAY_MS,
    stage: 'canary-50',
    percent: 50,
    sinceMs: START,
    untilMs: null,
    splits: [{ epoch: 3, stage: 'canary-50', percent: 50, n: 24_000, candidate: 12_000, expected: 12_000 }],
    crossed: 41,
    days: [
      ...counts('play', share(8064, 12_000), share(8772, 12_000)),
      ...counts('complaints', share(228, 12_000), share(219, 12_000)),
    ],
    before: [],
    strata: [],
    gpuSeconds: { control: seconds(60), candidate: seconds(66) },
    costPerGpuSecond: { control: 0.001, candidate: 0.001 },
    signals: [],
    pairs: [],
    traits: [],
    fixed: null,
    selfCheck: null,
    ...over,
  }
}

/** The same, as read at the planned end. */
export function atTheEnd(over: Partial<Evidence> = {}): Evidence {
  const given = evidence(over)
  const metrics: NonNullable<Evidence['fixed']>['metrics'] = {}
  for (const { metric } of given.days) metrics[metric] = sumsOf(given, { name: metric, kind: 'proportion' })
  return { ...given, fixed: { atMs: given.now, metrics } }
}
