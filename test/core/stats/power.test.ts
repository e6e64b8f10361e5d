/** Sample sizes, detectable effects and durations against reference cases (mpmath, R). */
import { describe, expect, it } from 'vitest'
import {
  durationDays,
  mdeProportions,
  sampleSizeProportions,
  type SampleSizeInputs,
  upperNormalQuantile,
} from '../../../src/core/stats/power.ts'
import vectors from '../../vectors/power.json' with { type: 'json' }

interface Case {
  id: string
  method: string
  inputs: unknown
  expected: Record<string, number>
}

const METHODS: Record<string, (inputs: never) => object | null> = {
  sample_size_proportions: (inputs: SampleSizeInputs) => sampleSizeProportions(inputs),
  mde_proportions: (inputs: Parameters<typeof mdeProportions>[0]) => mdeProportions(inputs),
  duration_days: (inputs: { total_sample: number; daily_eligible: number; traffic_share: number }) =>
    durationDays(inputs.total_sample, inputs.daily_eligible, inputs.traffic_share),
}
const COUNTS = ['n1', 'n2', 'total', 'days']

describe('power', () => {
  it('has reference cases of all three methods', () => {
    const methods = new Set((vectors as Case[]).map((c) => c.method))
    expect([...methods].sort()).toEqual(Object.keys(METHODS).sort())
  })

  for (const { id, method, inputs, expected } of vectors as Case[]) {
    it(`agrees with reference case ${id} of ${method}`, () => {
      const got = METHODS[method]!(inputs as never) as Record<string, number>
      expect(Object.keys(got).sort()).toEqual(Object.keys(expected).sort())
      for (const [key, want] of Object.entries(expected)) {
        if (COUNTS.includes(key)) expect(got[key], key).toBe(want)
        else expect(Math.abs(got[key]! - want), key).toBeLessThanOrEqual(1e-9 * Math.abs(want))
      }
    })
  }

  it('knows the quantiles in both tails', () => {
    expect(upperNormalQuantile(0.025)).toBeCloseTo(1.959963984540054, 13)
    expect(upperNormalQuantile(0.8)).toBeCloseTo(-0.8416212335729143, 13)
    expect(upperNormalQuantile(1e-10)).toBeCloseTo(6.361340902404056, 12)
  })

  it('answers null where no rate is left above control', () => {
    expect(mdeProportions({ p1: 0.99, n1: 50, n2: 50, alpha: 0.05, power: 0.8, alternative: 'two-sided' })).toBeNull()
  })

  it('refuses a probability outside of 0 and 1', () => {
    expect(() => upperNormalQuantile(0)).toThrow(RangeError)
  })
})
