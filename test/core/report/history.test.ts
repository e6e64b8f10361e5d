/** A lift adjusted by values from before: narrower, about the same place, and silent where the arms differed beforehand. */
import { describe, expect, it } from 'vitest'
import type { DaySums, MetricPlan } from '../../../src/core/experiment.ts'
import { historyReport } from '../../../src/core/report/history.ts'
import { cuped } from '../../../src/core/stats/cuped.ts'
import { mergedPairs, noPairs, onePair } from '../../../src/core/stats/moments.ts'
import { drawNormal, seededRandom } from '../../../src/core/stats/sampling.ts'
import { bucketOf } from '../../../src/core/stats/winsorise.ts'

const SPEND: MetricPlan = { name: 'spend', kind: 'mean', role: 'primary', direction: 'increase' }

/** Sums as ledgers keep them; some subjects are new and have no values from before. */
function drawn(n: number, effect: number, seed: number, { headStart = 0, everybody = false } = {}) {
  const random = seededRandom(seed)
  const rows = { days: new Map<string, DaySums>(), before: new Map<string, DaySums>() }
  const whole = { control: noPairs(), candidate: noPairs() }
  const add = (to: 'days' | 'before', arm: DaySums['arm'], y: number, x: number) => {
    const bucket = bucketOf(y)
    const key = `${arm}|${bucket}`
    const row = rows[to].get(key) ?? { metric: 'spend', arm, day: 0, bucket, moments: noPairs() }
    rows[to].set(key, { ...row, moments: mergedPairs(row.moments, onePair(y, x)) })
  }
  for (let i = 0; i < 2 * n; i++) {
    const arm = i % 2 === 0 ? 'control' : 'candidate'
    const habit = 10 + 3 * drawNormal(random)
    const y = habit + drawNormal(random) + (arm === 'candidate' ? effect : 0)
    const isNew = !everybody && random() < 0.3
    const x = isNew ? 0 : habit + drawNormal(random) + (arm === 'candidate' ? headStart : 0)
    add('days', arm, y, 1)
    if (!isNew) add('before', arm, y, x)
    whole[arm] = mergedPairs(whole[arm], onePair(y, x))
  }
  return { evidence: { now: 0, days: [...rows.days.values()], before: [...rows.before.values()] }, whole }
}

describe('a lift adjusted by history', () => {
  it('is that of the subjects one by one, without those that have none being left out', () => {
    // Fewer than 100 values: one is cut, so the difference is compared where nothing is.
    const { evidence, whole } = drawn(400, 0.5, 1)
    const report = historyReport(evidence, SPEND)!
    const uncut = cuped(whole.control, whole.candidate, 0.95)
    expect(report.theta).toBeCloseTo(uncut.theta, 1)
    expect(report.variance_reduction).toBeCloseTo(uncut.variance_reduction, 1)
    expect(report.absolute!.lift).toBeCloseTo(uncut.diff, 1)
    expect(report.subjects.control + report.subjects.candidate).toBeLessThan(800 * 0.8)
    expect(report.balance_p_value).toBeGreaterThan(0.001)
  })

  it('is as much narrower as the history explains, and holds the effect as often as it says', () => {
    const { evidence } = drawn(500, 0.5, 2, { everybody: true })
    const report = historyReport(evidence, SPEND)!
    expect(report.variance_reduction).toBeGreaterThan(0.7)
    let held = 0
    for (let run = 0; run < 300; run++) {
      const { absolute } = historyReport(drawn(100, 0.5, 1000 + run).evidence, SPEND)!
      held += absolute!.low <= 0.5 && 0.5 <= absolute!.high ? 1 : 0
    }
    expect(held / 300).toBeGreaterThan(0.915)
    expect(held / 300).toBeLessThan(0.985)
  })

  it('says nothing where the arms differed before anybody was exposed, of few, of ratios, and of nobody', () => {
    const { evidence } = drawn(400, 0, 3, { headStart: 4 })
    expect(historyReport(evidence, SPEND)).toMatchObject({ absolute: null, relative: null, p_value: null })
    expect(historyReport(evidence, SPEND)!.balance_p_value).toBeLessThan(0.001)
    expect(historyReport(drawn(20, 0, 4).evidence, SPEND)).toMatchObject({ absolute: null })
    expect(historyReport(evidence, { ...SPEND, kind: 'ratio' })).toBeNull()
    expect(historyReport({ ...evidence, before: [] }, SPEND)).toBeNull()
  })
})
