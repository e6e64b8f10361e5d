/** The test tried on control itself: even p-values where it may be trusted, and too many alarms where it may not. */
import { describe, expect, it } from 'vitest'
import type { MetricPlan } from '../../src/core/experiment.ts'
import { PARTS, type PartSums, selfCheck, SPLITS } from '../../src/core/self-check.ts'
import { kolmogorov } from '../../src/core/stats/kolmogorov.ts'
import { drawNormal, seededRandom } from '../../src/core/stats/sampling.ts'
import { PLAN } from './experiment-fixtures.ts'

const MEAN: MetricPlan = { name: 'spend', kind: 'mean', role: 'primary', direction: 'increase' }

function partsOf(subjects: number, draw: (random: () => number, i: number) => number, seed = 1): PartSums[] {
  const random = seededRandom(seed)
  const parts = Array.from({ length: PARTS }, (_, part) => ({ part, n: 0, y: 0, yy: 0, x: 0, xx: 0, xy: 0 }))
  for (let i = 0; i < subjects; i++) {
    const y = draw(random, i)
    const at = parts[Math.floor(random() * PARTS)]!
    at.n++
    at.y += y
    at.yy += y * y
    at.x++
    at.xx++
    at.xy += y
  }
  return parts
}

describe('Kolmogorov’s distance', () => {
  it('is scipy’s, and its p-value close to the exact one', () => {
    // scipy.stats.kstest(…, 'uniform'): exact, 0.27054.
    const { distance, p_value } = kolmogorov([0.1, 0.2, 0.35, 0.6, 0.61, 0.7, 0.8, 0.81, 0.9, 0.99])
    expect(distance).toBeCloseTo(0.3, 12)
    expect(Math.abs(p_value - 0.27054)).toBeLessThan(0.02)
  })
})

describe('a self-check', () => {
  it('of independent subjects finds as many differences as it may, with even p-values', () => {
    for (const [kind, draw] of [
      ['mean', (random: () => number) => 1e6 + drawNormal(random)],
      ['proportion', (random: () => number) => Number(random() < 0.7)],
    ] as const) {
      const check = selfCheck({ ...MEAN, kind }, partsOf(40_000, draw), 50, PLAN, 3)!
      expect(check).toMatchObject({ subjects: 40_000, splits: SPLITS, status: 'as_expected' })
      expect(check.expected).toBeCloseTo(0.04, 12)
      expect(check.false_alarms).toBeGreaterThan(15)
      expect(check.false_alarms).toBeLessThan(70)
      expect(check.ks_distance).toBeLessThan(0.06)
    }
  })

  it('sees that subjects who are several people’s, or one person’s many, are not independent', () => {
    // Each part is one user under forty names: they all do the same.
    const habits = Array.from({ length: PARTS }, (_, i) => drawNormal(seededRandom(i + 1)))
    const parts = partsOf(40_000, () => 0).map((part, i) => {
      const y = habits[i]!
      return { ...part, y: part.n * y, yy: part.n * y * y, xy: part.n * y }
    })
    const check = selfCheck(MEAN, parts, 50, PLAN, 3)!
    expect(check.status).toBe('too_many')
    expect(check.false_alarms).toBeGreaterThan(600)
    expect(check.ks_p_value).toBeLessThan(1e-10)
  })

  it('splits as the experiment does, gives the same answer again, and none of few', () => {
    const parts = partsOf(20_000, (random) => Math.exp(drawNormal(random)))
    const check = selfCheck(MEAN, parts, 5, PLAN, 3)!
    expect(selfCheck(MEAN, parts, 5, PLAN, 3)).toEqual(check)
    expect(selfCheck(MEAN, parts, 5, PLAN, 4)!.false_alarms).not.toBe(check.false_alarms)
    expect(check.status).toBe('as_expected')
    expect(
      selfCheck(
        MEAN,
        partsOf(100, () => 1),
        50,
        PLAN,
        3,
      ),
    ).toBeNull()
  })
})
