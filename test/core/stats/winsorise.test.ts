/** Extremes are cut at one value for both arms, and a value that no number can hold takes only itself out. */
import { describe, expect, it } from 'vitest'
import { testSe } from '../../../src/core/stats/estimates.ts'
import { onePair } from '../../../src/core/stats/moments.ts'
import { type Bucketed, bucketOf, cutOf, edgeOf, winsorised } from '../../../src/core/stats/winsorise.ts'

const one = (y: number, x = 1): Bucketed => ({ bucket: bucketOf(y / x), moments: onePair(y, x) })
const times = (n: number, y: number): Bucketed[] => Array.from({ length: n }, () => one(y))

describe('buckets', () => {
  it('are those of size, with 0 apart and signs mirrored', () => {
    expect([bucketOf(0), bucketOf(-5) + bucketOf(5), bucketOf(1e-300)]).toEqual([0, 0, 1])
    for (const value of [1e-9, 0.003, 1, 1.24, 99.5, 1e12, 1e155]) {
      const bucket = bucketOf(value)
      expect(edgeOf(bucket)).toBeGreaterThanOrEqual(value * (1 - 1e-12))
      expect(edgeOf(bucket - 1)).toBeLessThanOrEqual(value * (1 + 1e-12))
    }
  })
})

describe('the largest hundredth of subjects with a value', () => {
  it('counts as the edge of what is left', () => {
    const rows = [...times(100, 0), ...times(198, 1), one(500), one(1e12)]
    const cut = cutOf(rows)
    expect(cut).toEqual({ low: -Infinity, high: bucketOf(1) })
    const { n, active, meanY } = winsorised(rows, cut, false)
    expect([n, active]).toEqual([300, 200])
    expect(meanY).toBeCloseTo((198 + 2 * edgeOf(bucketOf(1))) / 300, 12)
  })

  it('is one subject at least, and nobody among fewer than twenty', () => {
    expect(cutOf([...times(19, 1), one(1e9)]).high).toBe(bucketOf(1))
    expect(cutOf([...times(18, 1), one(1e9)]).high).toBe(Infinity)
  })

  it('is cut of negative values too, and of a ratio by its value for each event', () => {
    expect(cutOf([...times(30, -1), one(-1e9)])).toEqual({ low: bucketOf(-1), high: Infinity })
    const rows = [...Array.from({ length: 30 }, () => one(4, 2)), one(1e12, 2)]
    const { meanY, meanX } = winsorised(rows, cutOf(rows), true)
    expect(meanY).toBeCloseTo((30 * 4 + 2 * edgeOf(bucketOf(2))) / 31, 12)
    expect(meanX).toBe(2)
  })
})

it('sums that overflowed are left out', () => {
  const poison = { bucket: bucketOf(1e155), moments: { ...onePair(1e155, 1), n: 2, m2Y: Infinity } }
  const { n, meanY, m2Y } = winsorised([...times(10, 3), poison], { low: -Infinity, high: Infinity }, false)
  expect([n, meanY, m2Y]).toEqual([10, 3, 0])
})

it('the standard error of a test is the larger of both arms’ own and the pooled one', () => {
  // Own: 4/100 + 1/10 = .14; pooled: (99·4 + 9·1)/108 · (1/100 + 1/10) = .4125.
  const [control, small] = [
    { n: 100, value: 0, variance: 4 / 100 },
    { n: 10, value: 0, variance: 1 / 10 },
  ]
  expect(testSe(control, small)).toBeCloseTo(Math.sqrt(3.75 * 0.11), 12)
  expect(testSe(control, { ...small, variance: 9 / 10 })).toBeCloseTo(Math.sqrt(0.94), 12)
})
