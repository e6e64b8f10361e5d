import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { binomialTail, wilsonInterval, worseThanControl } from '../../../src/core/stats/proportions.ts'
import vectors from '../../vectors/wilson.json' with { type: 'json' }

const Z: Record<string, number> = {
  0.8: 1.2815515655446004,
  0.9: 1.6448536269514722,
  0.95: 1.959963984540054,
  0.99: 2.5758293035489004,
  0.999: 3.290526731491926,
}

/** The same tail by adding up. */
function summed(x: number, n: number, p: number): number {
  let term = (1 - p) ** n
  let below = 0
  for (let k = 0; k < x; k++) {
    below += term
    term *= ((n - k) / (k + 1)) * (p / (1 - p))
  }
  return 1 - below
}

describe('the binomial tail', () => {
  it('is what adding up gives', () => {
    fc.assert(
      fc.property(
        fc.nat(60),
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 0.001, max: 0.9, noNaN: true }),
        (x, n, p) => {
          expect(binomialTail(Math.min(x, n), n, p)).toBeCloseTo(summed(Math.min(x, n), n, p), 10)
        },
      ),
    )
  })

  it('knows its ends', () => {
    expect([
      binomialTail(0, 10, 0.1),
      binomialTail(11, 10, 0.1),
      binomialTail(3, 10, 0),
      binomialTail(3, 10, 1),
    ]).toEqual([1, 0, 0, 1])
  })
})

it('a candidate is compared with control by its share of all events', () => {
  expect(worseThanControl({ x: 5, n: 100 }, { x: 0, n: 9900 })).toBeCloseTo(0.01 ** 5, 15)
  expect(worseThanControl({ x: 50, n: 1000 }, { x: 50, n: 1000 })).toBeGreaterThan(0.5)
  expect(worseThanControl({ x: 30, n: 1000 }, { x: 10, n: 1000 }, 1)).toBeLessThan(0.01)
  expect(worseThanControl({ x: 30, n: 1000 }, { x: 10, n: 1000 }, 3)).toBeGreaterThan(0.5)
})

describe('Wilson’s interval', () => {
  test.each(vectors.map(({ id, inputs, expected }) => [id, inputs, expected] as const))('%s', (_, inputs, expected) => {
    const { low, high } = wilsonInterval(inputs, Z[inputs.confidence]!)
    expect(Math.abs(low - expected.low)).toBeLessThanOrEqual(1e-9 * expected.low)
    expect(Math.abs(high - expected.high)).toBeLessThanOrEqual(1e-9 * expected.high)
  })
})
