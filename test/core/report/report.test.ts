import { describe, expect, it } from 'vitest'
import type { MetricPlan } from '../../../src/core/experiment.ts'
import { buildReport } from '../../../src/core/report/index.ts'
import { bucketOf } from '../../../src/core/stats/winsorise.ts'
import {
  atTheEnd,
  COMPLAINTS,
  counts,
  DAY_MS,
  evidence,
  PLAN,
  PLAY,
  seconds,
  share,
  START,
} from '../experiment-fixtures.ts'

const zeros = (n: number) => ({ ...share(0, n), meanX: 0 })

/** Every number anywhere in it. */
function figuresOf(value: unknown): number[] {
  if (typeof value === 'number') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(figuresOf) : []
}

describe('a report', () => {
  it('holds the figures of 67.2 % against 73.1 % of 12,000 each', () => {
    const [play] = buildReport(atTheEnd(), [PLAY], PLAN).metrics
    expect(play).toMatchObject({ control: { n: 12_000, estimate: 0.672 }, candidate: { estimate: 0.731 } })
    expect(play?.test).toMatchObject({ name: 'two_proportion_z', final: true })
    expect(play?.test?.statistic).toBeCloseTo(9.987151349759825, 9)
    expect(play!.test!.p_value / 1.7349598524804657e-23).toBeCloseTo(1, 8)
    expect(play?.absolute?.low).toBeCloseTo(0.04744542079, 9)
    expect(play?.relative?.lift).toBeCloseTo(0.0877976, 6)
    expect(play?.relative?.low).toBeCloseTo(0.0697897, 6)
    expect(play!.always_valid!.p_value).toBeGreaterThan(play!.test!.p_value)
  })

  it('marks its fixed tests as a preview until the planned end, and reads them from the end’s own data', () => {
    const preview = buildReport(evidence(), [PLAY], PLAN)
    expect(preview.metrics[0]?.test?.final).toBe(false)
    const { fixed } = atTheEnd()
    const later = evidence({ fixed, days: counts('play', share(9000, 12_000), share(9000, 12_000)) })
    const [play] = buildReport(later, [PLAY], PLAN).metrics
    expect(play?.test?.statistic).toBeCloseTo(9.987151349759825, 9)
    expect(play?.absolute?.lift).toBe(0)
  })

  it('adjusts the p-values of several primaries by Holm and leaves guardrails alone', () => {
    const second = { ...PLAY, name: 'export' }
    const days = [...evidence().days, ...counts('export', share(1300, 12_000), share(1400, 12_000))]
    const [play, complaints, exported] = buildReport(atTheEnd({ days }), [PLAY, COMPLAINTS, second], PLAN).metrics
    expect(play?.test?.p_adjusted).toBe(2 * play!.test!.p_value)
    expect(exported?.test?.p_adjusted).toBe(exported?.test?.p_value)
    expect(complaints?.test?.p_adjusted).toBeNull()
  })

  it('without a primary metric counts the subjects of either arm, and has none to read', () => {
    const none = evidence({ gpuSeconds: { control: seconds(60, 40), candidate: seconds(66, 38) } })
    const reports = [[], [{ ...PLAY, role: 'secondary' as const }]].map((metrics) => buildReport(none, metrics, PLAN))
    for (const { readiness, decision } of reports) {
      expect(readiness).toMatchObject({ sample: { control: 40, candidate: 38 }, sample_lacks: 'subjects', due: false })
      expect(decision.reasons[0]!.code).toBe('no_primary')
    }
  })

  it('leaves out who was not observed for as long as the metric takes, and counts them', () => {
    const late = { ...PLAY, observeDays: 3 }
    // At the end of the seventh day the last three are not over by three days.
    const days = [0, 1, 2, 3, 4, 5, 6].flatMap((day) =>
      counts('play', share(700, 1000), share(day < 4 ? 730 : 0, 1000), day),
    )
    const report = buildReport(evidence({ days }), [late], PLAN)
    expect(report.metrics[0]).toMatchObject({
      control: { n: 4000 },
      candidate: { n: 4000, estimate: 0.73 },
      observed: { days: 3, immature: { control: 3000, candidate: 3000 } },
    })
    expect(report.readiness.sample).toEqual({ control: 4000, candidate: 4000 })
    expect(report.series[0]?.points.length).toBe(4)
    const threeDaysOn = evidence({ days, now: evidence().now + 3 * DAY_MS })
    expect(buildReport(threeDaysOn, [late], PLAN).metrics[0]?.observed?.immature).toEqual({ control: 0, candidate: 0 })
    expect(buildReport(evidence({ days }), [PLAY], PLAN).metrics[0]).toMatchObject({
      control: { n: 7000 },
      observed: null,
    })
    // The sample is that of the metric which has fewest of those that the decision waits for.
    const other = { ...COMPLAINTS, name: 'other', observeDays: 1 }
    const both = [...days, ...[0, 5].flatMap((day) => counts('other', share(10, 1000), share(10, 1000), day))]
    expect(buildReport(evidence({ days: both }), [late, other], PLAN).readiness.sample.control).toBe(2000)
  })

  it('sums expected counts over epochs, so that a ramp is no mismatch and a broken epoch is one', () => {
    const ramp = [
      { epoch: 2, stage: 'canary-5', percent: 5, n: 10_000, candidate: 480, expected: 500 },
      { epoch: 3, stage: 'canary-50', percent: 50, n: 10_000, candidate: 5060, expected: 5000 },
    ]
    const fine = buildReport(evidence({ splits: ramp }), [PLAY], PLAN)
    expect(fine).toMatchObject({ valid: true, srm: { expected: { candidate: 5500 }, observed: { candidate: 5540 } } })
    const broken = ramp.map((split) => ({ ...split, candidate: split.candidate - 300 }))
    const report = buildReport(evidence({ splits: broken }), [PLAY], PLAN)
    expect(report).toMatchObject({ valid: false, srm: { mismatch: true }, decision: { decision: 'hold' } })
    expect(report.srm.epochs[0]?.p_value).toBeLessThan(1e-9)
  })

  it('plans for guardrail metrics too, since one that is no worse has to be shown to be so', () => {
    const { planned } = buildReport(evidence(), [PLAY, COMPLAINTS], PLAN).readiness
    // (1.7506861 + 0.8416212)² · 0.019 · 0.981 · (1.25² + 1) / 0.00475² = 14,226
    expect(planned).toEqual({ control: 14_226, candidate: 14_226 })
  })

  it('is read on whole weeks', () => {
    const due = (days: number) => buildReport(evidence({ now: START + days * DAY_MS }), [PLAY], PLAN).readiness.due
    expect([6.9, 7.5, 8, 13.9, 14, 14.9].map(due)).toEqual([false, true, false, false, true, true])
  })

  it('a mean of few subjects with a value is shown, but neither read early nor due', () => {
    const spend: MetricPlan = { name: 'spend', kind: 'mean', role: 'primary', direction: 'increase' }
    const payers = (n: number) => [
      ...counts('spend', zeros(1900), zeros(1900)).map((row) => ({ ...row, bucket: 0 })),
      ...counts('spend', { ...share(1, 1), n, m2Y: n }, { ...share(1, 1), n, m2Y: n }).map((row) => ({
        ...row,
        bucket: 93,
      })),
    ]
    const few = buildReport(evidence({ days: payers(49) }), [spend], PLAN)
    expect(few.metrics[0]).toMatchObject({ always_valid: null, control: { n: 1949 } })
    expect(few.readiness).toMatchObject({ planned_reached: false, sample_lacks: 'values', due: false })
    const enough = buildReport(evidence({ days: payers(50) }), [spend], PLAN)
    expect(enough.metrics[0]?.always_valid).not.toBeNull()
    expect(enough.readiness.due).toBe(true)
  })

  it('gives each arm an interval of its own, exact where events are few', () => {
    const arms = (control: number, candidate: number) =>
      buildReport(evidence({ days: counts('play', share(control, 10), share(candidate, 400)) }), [PLAY], PLAN)
        .metrics[0]!
    // Clopper and Pearson: 0 of 10; Wilson: 200 of 400.
    expect(arms(0, 200).control.interval).toEqual({ low: 0, high: expect.closeTo(0.3084971078187608, 12) })
    const z2 = 1.959963984540054 ** 2
    const half = (1.959963984540054 * Math.sqrt(100 + z2 / 4)) / (400 + z2)
    expect(arms(0, 200).candidate.interval?.low).toBeCloseTo(0.5 - half, 12)
    const spend: MetricPlan = { name: 'spend', kind: 'mean', role: 'primary', direction: 'increase' }
    const five = { ...share(1, 1), n: 5, m2Y: 4 }
    const [mean] = buildReport(evidence({ days: counts('spend', five, five) }), [spend], PLAN).metrics
    // t of 4 degrees is 2.776445; se = sqrt(1/5).
    expect(mean?.control.interval?.high).toBeCloseTo(1 + 2.776445105 * Math.sqrt(0.2), 8)
  })

  it('shows Student’s interval of a mean, and an exact test of few', () => {
    const spend: MetricPlan = { name: 'spend', kind: 'mean', role: 'primary', direction: 'increase' }
    const days = counts('spend', { ...share(1, 1), n: 5, m2Y: 4 }, { ...share(1, 1), n: 5, meanY: 2, m2Y: 4 })
    const [mean] = buildReport(evidence({ days }), [spend], PLAN).metrics
    // t of 8 degrees is 2.306004; se = sqrt(1/5 + 1/5).
    expect(mean?.absolute?.high).toBeCloseTo(1 + 2.306004135 * Math.sqrt(0.4), 8)
    const [few] = buildReport(evidence({ days: counts('play', share(3, 3), share(0, 3)) }), [PLAY], PLAN).metrics
    expect(few?.test).toMatchObject({ name: 'fisher_exact' })
    expect(few?.test?.p_value).toBeCloseTo(0.1, 12)
    expect(few?.relative?.high).toBeGreaterThan(-1)
  })

  it('stays readable beside sums that no number can hold, and says of the good metrics what it says without', () => {
    const spend = (name: string, kind: MetricPlan['kind']): MetricPlan => ({
      name,
      kind,
      role: 'primary',
      direction: 'increase',
    })
    const metrics = [spend('spend', 'mean'), spend('rate', 'ratio'), PLAY]
    const plain = (y: number) => ({ n: 6000, meanY: y, meanX: 2, m2Y: 6000, m2X: 600, cxy: 300 })
    const clean = [...evidence().days, ...metrics.slice(0, 2).flatMap(({ name }) => counts(name, plain(3), plain(3)))]
    const good = buildReport(atTheEnd({ days: clean }), metrics, PLAN)
    for (const size of [1e153, 1e155, 1e308, Infinity, NaN]) {
      const poison = { n: 1, meanY: size, meanX: 1, m2Y: size * size, m2X: 0, cxy: size }
      const bucket = Number.isFinite(size) ? bucketOf(size) : 9999
      const days = [
        ...clean,
        ...['spend', 'rate'].map((metric) => ({
          metric,
          arm: 'candidate' as const,
          day: START / DAY_MS,
          bucket,
          moments: poison,
        })),
      ]
      const seconds = { ...poison, meanX: 0.5 }
      const signals = [{ metric: 'fvd', arm: 'control' as const, n: 2, mean: size, m2: size * size, last: size }]
      const given = evidence({ days, gpuSeconds: { control: seconds, candidate: seconds }, signals })
      const report = buildReport(
        { ...atTheEnd({ days: clean }), ...given, fixed: atTheEnd({ days: clean }).fixed },
        metrics,
        PLAN,
      )
      expect(report.metrics[2]).toEqual(good.metrics[2])
      expect(report.readiness.planned).toEqual(good.readiness.planned)
      expect(figuresOf(report).filter((figure) => !Number.isFinite(figure))).toEqual([])
      const today = buildReport(given, metrics, PLAN)
      expect(figuresOf(today).filter((figure) => !Number.isFinite(figure))).toEqual([])
      expect(today.readiness.due).toBe(true)
    }
  })

  it('counts whole days less the excluded ones, and plans the sample from the hypothesis', () => {
    const { readiness } = buildReport(evidence({ now: START + 7.9 * DAY_MS }), [PLAY], PLAN)
    expect(readiness).toMatchObject({ days: 7, min_days: 7, planned_reached: true, sample_lacks: null, due: true })
    // p̄ = 0.69888: (2.0537489·√(2·p̄·0.30112) + 0.8416212·√(0.672·0.328 + 0.72576·0.27424))² / 0.05376² = 1219.6
    expect(readiness.planned).toEqual({ control: 1220, candidate: 1220 })
    const campaign = { fromMs: START + 2 * DAY_MS, toMs: START + 4 * DAY_MS, why: 'campaign' }
    const shorter = buildReport(evidence({ now: START + 7.9 * DAY_MS }), [PLAY], { ...PLAN, exclude: [campaign] })
    expect(shorter.readiness).toMatchObject({ days: 5, due: false })
  })

  it('tells what a finished video costs, with the failed ones paid for', () => {
    const half = { ...seconds(60), meanX: 0.5, m2X: 3000 }
    const { cost } = buildReport(evidence({ gpuSeconds: { control: seconds(60), candidate: half } }), [PLAY], PLAN)
    expect(cost).toMatchObject({ limit: 0.2, status: 'cost_exceeded' })
    expect(cost.control).toBeCloseTo(0.06, 12)
    expect(cost.candidate).toBeCloseTo(0.12, 12)
    expect(cost.relative?.lift).toBeCloseTo(1, 9)
    const unpriced = evidence({ costPerGpuSecond: { control: null, candidate: 0.001 } })
    expect(buildReport(unpriced, [PLAY], PLAN).cost.status).toBe('not_measured')
  })

  it('tells whether the candidate’s traffic is like all traffic', () => {
    const traits = [
      { trait: 'region', bucket: 'CN', control: 6100, candidate: 6200 },
      { trait: 'region', bucket: 'DE', control: 3900, candidate: 3800 },
      { trait: 'prompt', bucket: 'short', control: 5000, candidate: 6000 },
      { trait: 'prompt', bucket: 'long', control: 5000, candidate: 4000 },
      { trait: 'duration', bucket: 'unknown', control: 100, candidate: 100 },
    ]
    const { representativeness } = buildReport(evidence({ traits }), [PLAY], PLAN)
    expect(representativeness.map(({ trait, status }) => [trait, status])).toEqual([
      ['region', 'alike'],
      ['prompt', 'differs'],
      ['duration', 'unknown'],
    ])
    expect(representativeness[0]?.buckets[0]).toEqual({ bucket: 'CN', all: 0.615, candidate: 0.62 })
  })

  it('draws the lift by day with a band that narrows', () => {
    const days = [0, 1, 2].flatMap((day) => counts('play', share(2700, 4000), share(2900, 4000), day))
    const [series] = buildReport(evidence({ days }), [PLAY], PLAN).series
    expect(series?.points.map(({ day, n }) => [day, n])).toEqual([
      [START / DAY_MS, 8000],
      [START / DAY_MS + 1, 16_000],
      [START / DAY_MS + 2, 24_000],
    ])
    const widths = series!.points.map(({ low, high }) => high - low)
    expect(widths[2]!).toBeLessThan(widths[0]!)
  })

  it('ends the lift by day where the metric stands, with the same extremes cut', () => {
    const spend: MetricPlan = { name: 'spend', kind: 'mean', role: 'primary', direction: 'increase' }
    const row = (day: number, value: number, n: number) => {
      const of = (times: number) => ({ ...share(1, 1), n, meanY: times * value, m2Y: n * (value / 3) ** 2 })
      return counts('spend', of(1), of(1.1), day).map((each) => ({ ...each, bucket: bucketOf(each.moments.meanY) }))
    }
    const days = [0, 1, 2].flatMap((day) => [...row(day, 2 + day, 400), ...row(day, 9000, 1)])
    const report = buildReport(evidence({ days }), [spend], PLAN)
    expect(report.metrics[0]?.cut_at).toBeLessThan(10)
    const last = report.series[0]?.points[2]
    expect(last).toMatchObject({ n: 2406 })
    expect(last?.lift).toBeCloseTo(report.metrics[0]!.relative!.lift, 12)
    expect(last?.low).toBeCloseTo(report.metrics[0]!.always_valid!.relative!.low, 12)
  })

  it('is empty, not wrong, before anybody was exposed', () => {
    const nothing = evidence({ days: [], splits: [], percent: null, sinceMs: null })
    const report = buildReport(nothing, [PLAY, COMPLAINTS], PLAN)
    expect(report).toMatchObject({ valid: true, since: null, decision: { decision: 'continue' } })
    expect(report.metrics[0]).toMatchObject({ control: { n: 0, estimate: null }, relative: null, test: null })
  })
})
