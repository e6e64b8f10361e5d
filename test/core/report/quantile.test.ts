/** Quantile metrics: read within a bucket, tested by ranks whatever the shape, and judged like other metrics. */
import { describe, expect, it } from 'vitest'
import type { DaySums, MetricPlan } from '../../../src/core/experiment.ts'
import { quantileSums, sumsOf } from '../../../src/core/metric-sums.ts'
import { metricReport } from '../../../src/core/report/metric.ts'
import { buildReport } from '../../../src/core/report/index.ts'
import { drawNormal, seededRandom } from '../../../src/core/stats/sampling.ts'
import { countAbove, quantileOf, spreadBucketOf, spreadOf } from '../../../src/core/stats/spread.ts'
import { DAY_MS, evidence, PLAN, START } from '../experiment-fixtures.ts'

const WAIT: MetricPlan = { name: 'wait', kind: 'quantile', quantile: 0.95, role: 'primary', direction: 'decrease' }
const MEDIAN: MetricPlan = { ...WAIT, quantile: 0.5 }

const spread = (values: readonly number[]) => spreadOf(values.map((value) => [spreadBucketOf(value), 1] as const))
const times = (n: number, value: number) => Array.from({ length: n }, () => value)
const upTo = (n: number, factor = 1) => Array.from({ length: n }, (_, i) => factor * (i + 1))

/** Both arms' values, all on one day. */
function rows(control: readonly number[], candidate: readonly number[], day = 0): DaySums[] {
  return (['control', 'candidate'] as const).flatMap((arm, i) =>
    spread([control, candidate][i]!).map(([bucket, n]) => ({
      ...{ metric: 'wait', arm, day: START / DAY_MS + day, bucket },
      moments: { n, meanY: 0, meanX: 0, m2Y: 0, m2X: 0, cxy: 0 },
    })),
  )
}

function reportOf(control: readonly number[], candidate: readonly number[], metric = WAIT, fixed = false) {
  const given = evidence({ days: rows(control, candidate) })
  const reading = fixed ? { atMs: given.now, metrics: { wait: sumsOf(given, metric) } } : null
  return buildReport({ ...given, fixed: reading }, [metric], PLAN)
}

describe('a spread', () => {
  it('tells any quantile to a percent, and the values at the ranks of its interval at most a bucket wider', () => {
    const thousand = spread(upTo(1000))
    for (const q of [0.1, 0.5, 0.95, 0.99]) {
      expect(quantileOf(thousand, q, 0).value / (1000 * q)).toBeGreaterThan(0.99)
      expect(quantileOf(thousand, q, 0).value / (1000 * q)).toBeLessThan(1.01)
    }
    // 0.5 ± 1.96·√(0.25/1000): ranks 469 and 531.
    const { low, high } = quantileOf(thousand, 0.5, 1.959963984540054)
    expect(low).toBeLessThanOrEqual(469.01)
    expect(low).toBeGreaterThan(469 / 1.011)
    expect(high).toBeGreaterThanOrEqual(530.98)
    expect(high).toBeLessThan(531 * 1.011)
  })

  it('takes zero, values below zero, and values of any size in bounded buckets', () => {
    const values = spread([-40, -20, 0, 0, 0, 20, 40])
    expect(quantileOf(values, 0.1, 0).value).toBeCloseTo(-40, -0.5)
    expect(quantileOf(values, 0.5, 0).value).toBe(0)
    expect(countAbove(values, 10)).toBe(2)
    expect(countAbove(values, -30)).toBe(6)
    const buckets = [1e-300, 1e-6, 1e12, 1e300, -1e300].map(spreadBucketOf)
    expect(Math.max(...buckets.map(Math.abs))).toBeLessThan(4200)
    expect(buckets[0]).toBe(1)
  })
})

describe('a quantile metric', () => {
  it('is tested by who is above the common quantile: Mood’s median test where it is the median', () => {
    const control = [...times(220, 10), ...times(180, 20)]
    const candidate = [...times(180, 10), ...times(220, 20)]
    const [metric] = reportOf(control, candidate, MEDIAN).metrics
    // chisq.test(rbind(c(220, 180), c(180, 220)), correct = FALSE): X-squared = 8, p-value = 0.004677735.
    expect(metric!.test).toMatchObject({ name: 'common_quantile_z', df: null, final: false })
    expect(metric!.test!.statistic).toBeCloseTo(Math.sqrt(8), 9)
    expect(metric!.test!.p_value).toBeCloseTo(0.004677734981047, 12)
    expect(metric!.control.n).toBe(400)
  })

  it('shows the quantile of each arm, the difference and the lift with intervals from both', () => {
    const [metric] = reportOf(upTo(1000), upTo(1000, 1.2), { ...WAIT, quantile: 0.5 }).metrics
    expect(metric!.quantile).toBe(0.5)
    expect(metric!.control.estimate).toBeCloseTo(500, -0.7)
    expect(metric!.candidate.estimate).toBeCloseTo(600, -0.8)
    const [c, t] = [metric!.control, metric!.candidate]
    const square = (value: number) => value * value
    const low = Math.sqrt(square(t.estimate! - t.interval!.low) + square(c.interval!.high - c.estimate!))
    expect(metric!.absolute!.low).toBeCloseTo(t.estimate! - c.estimate! - low, 9)
    const high = Math.sqrt(
      square(Math.log(t.interval!.high / t.estimate!)) + square(Math.log(c.estimate! / c.interval!.low)),
    )
    expect(metric!.relative!.high).toBeCloseTo((t.estimate! / c.estimate!) * Math.exp(high) - 1, 9)
    expect(metric!.quantiles.map(({ quantile }) => quantile)).toEqual([0.9, 0.95, 0.99])
    expect(metric!.quantiles[1]!.relative!.lift).toBeCloseTo(0.2, 1)
  })

  it('finds as little between equal arms as it says, at a gap of the values and at uneven splits too', () => {
    const random = seededRandom(5)
    // The median is in the gap: there a quantile jumps from one heap to the other, and its standard error says nothing.
    const heaps = () => (random() < 0.5 ? 10 : 60) * Math.exp(0.2 * drawNormal(random))
    const lognormal = () => Math.exp(drawNormal(random))
    const draws = (n: number, draw: () => number) => quantileSums(spread(Array.from({ length: n }, draw)), 0.5)
    for (const draw of [heaps, lognormal])
      for (const [n, m] of [
        [300, 300],
        [1900, 100],
      ] as const) {
        let [found, missed] = [0, 0]
        for (let run = 0; run < 200; run++) {
          const sums = { control: draws(n, draw), candidate: draws(m, draw) }
          const { test, relative } = metricReport(MEDIAN, sums, null, PLAN, null)
          if (test!.p_value < 0.05) found++
          if (relative!.low > 0 || relative!.high < 0) missed++
        }
        // 10 expected, 2 to 20 in all but one of a thousand such tests; the intervals may be too wide, as they go out to the buckets' edges.
        expect(found).toBeGreaterThan(1)
        expect(found).toBeLessThan(21)
        expect(missed).toBeLessThan(21)
      }
  })

  it('decides like others: slower at the reading is a rollback, faster goes on, and so do the margins', () => {
    const decisionOf = (factor: number, metric: MetricPlan) => {
      const report = reportOf(upTo(4000), upTo(4000, factor), metric, true)
      return [report.decision.decision, report.metrics[0]!.non_inferiority?.status ?? null]
    }
    expect(decisionOf(1.3, { ...WAIT, mde: 0.1 })).toEqual(['rollback', null])
    expect(decisionOf(0.7, { ...WAIT, mde: 0.1 })).toEqual(['advance', null])
    expect(decisionOf(1, { ...WAIT, mde: 0.1 })).toEqual(['hold', null])
    const guardrail: MetricPlan = { ...WAIT, role: 'guardrail', margin: 0.1 }
    expect(decisionOf(1, guardrail)[1]).toBe('non_inferior')
    expect(decisionOf(1.095, guardrail)[1]).toBe('not_shown')
    expect(decisionOf(1.25, guardrail)[1]).toBe('worse')
    // Of a metric of which more is better the margin is on the other side.
    const more: MetricPlan = { ...guardrail, direction: 'increase' }
    expect(decisionOf(1, more)[1]).toBe('non_inferior')
    expect(decisionOf(0.8, more)[1]).toBe('worse')
  })

  it('calls no arm worse whose quantile is the same, as where most subjects have a value of 0', () => {
    const silent = (n: number) => [...times(n, 0), ...times(4000 - n, 5)]
    for (const direction of ['increase', 'decrease'] as const) {
      const { decision, metrics } = reportOf(silent(2800), silent(2300), { ...MEDIAN, direction })
      expect(metrics[0]!.absolute!.lift).toBe(0)
      expect(metrics[0]!.always_valid!.p_value).toBeLessThan(1e-6)
      expect(decision.decision).toBe('hold')
    }
  })

  it('says nothing with few subjects beyond it: no figure below five, nothing at any time below fifty', () => {
    const p99: MetricPlan = { ...WAIT, quantile: 0.99, mde: 0.1 }
    const [few] = reportOf(upTo(400), upTo(400), p99).metrics
    expect(few).toMatchObject({ control: { n: 400, estimate: null }, test: null, absolute: null, always_valid: null })
    expect(few!.quantiles.map(({ quantile }) => quantile)).toEqual([0.5, 0.9, 0.95])
    const [some] = reportOf(upTo(4000), upTo(4000), p99).metrics
    expect(some!.test).not.toBeNull()
    expect(some!.always_valid).toBeNull()
    expect(reportOf(upTo(4000), upTo(4000), p99).readiness.planned_reached).toBe(false)
    const tail = upTo(6000).map((value) => 6000 / value)
    const many = reportOf(tail, tail, p99)
    expect(many.metrics[0]!.always_valid).not.toBeNull()
    // What holds at any time is wider than what holds once.
    const { always_valid, relative } = many.metrics[0]!
    expect(always_valid!.relative!.low).toBeLessThan(relative!.low)
    expect(always_valid!.relative!.high).toBeGreaterThan(relative!.high)
    expect(many.series[0]!.points).toHaveLength(1)
  })

  it('plans what its own test sees of arms that are as far apart', () => {
    // Of values even from 0 to n and 10 % lower ones, 10/19 and 9/19 are above the median of both.
    const { planned } = reportOf(upTo(4000), upTo(4000), { ...MEDIAN, mde: 0.1 }).readiness
    const [p1, p2] = [10 / 19, 9 / 19]
    const z = { alpha: 2.0537489106, beta: 0.8416212336 }
    const expected = ((z.alpha * Math.sqrt(0.5) + z.beta * Math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))) / (p1 - p2)) ** 2
    expect(Math.abs(planned!.control / expected - 1)).toBeLessThan(0.01)
    expect(planned!.candidate).toBe(planned!.control)
  })

  it('plans for a margin that control’s values are moved by', () => {
    const guardrail = { ...MEDIAN, name: 'g', role: 'guardrail', margin: 0.1 } as const
    const days = ['wait', 'g'].flatMap((metric) => rows(upTo(4000), upTo(4000)).map((row) => ({ ...row, metric })))
    const easy = { ...MEDIAN, name: 'wait', mde: 0.5 }
    const { planned } = buildReport(evidence({ days }), [easy, guardrail], PLAN).readiness
    // Of values that are 11/10 as large, 11/21 are above the median of both, of the others 10/21.
    const [p1, p2] = [11 / 21, 10 / 21]
    const z = { alpha: 1.7506860713, beta: 0.8416212336 }
    const expected = ((z.alpha * Math.sqrt(0.5) + z.beta * Math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))) / (p1 - p2)) ** 2
    expect(Math.abs(planned!.control / expected - 1)).toBeLessThan(0.01)
  })

  it('reads days one by one and leaves out the immature', () => {
    const days = [...rows(upTo(500), upTo(500)), ...rows(upTo(500), upTo(500), 6)]
    const report = buildReport(evidence({ days }), [{ ...MEDIAN, observeDays: 3 }], PLAN)
    expect(report.metrics[0]).toMatchObject({ control: { n: 500 }, observed: { immature: { control: 500 } } })
    const all = buildReport(evidence({ days }), [MEDIAN], PLAN)
    expect(all.series[0]!.points.map(({ n }) => n)).toEqual([1000, 2000])
  })
})
