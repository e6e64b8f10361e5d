import { describe, expect, it } from 'vitest'
import { buildReport } from '../../src/core/report.ts'
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
} from './experiment-fixtures.ts'

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

  it('counts whole days less the excluded ones, and plans the sample from the hypothesis', () => {
    const { readiness } = buildReport(evidence({ now: START + 7.9 * DAY_MS }), [PLAY], PLAN)
    expect(readiness).toMatchObject({ days: 7, min_days: 7, planned_reached: true, due: true, excluded_now: null })
    // (2.0537489 + 0.8416212)² · (0.672·0.328 + 0.72576·0.27424) / 0.05376² = 1216.7
    expect(readiness.planned).toEqual({ control: 1217, candidate: 1217 })
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

  it('is empty, not wrong, before anybody was exposed', () => {
    const nothing = evidence({ days: [], splits: [], percent: null, sinceMs: null })
    const report = buildReport(nothing, [PLAY, COMPLAINTS], PLAN)
    expect(report).toMatchObject({ valid: true, since: null, decision: { decision: 'continue' } })
    expect(report.metrics[0]).toMatchObject({ control: { n: 0, estimate: null }, relative: null, test: null })
  })
})
