import { describe, expect, it, test } from 'vitest'
import { drawBinomial, drawPoisson, seededRandom } from '../../../src/core/stats/sampling.ts'

const DRAWS = 40_000

function moments(draw: () => number): { mean: number; variance: number; least: number } {
  const values = Array.from({ length: DRAWS }, draw)
  const mean = values.reduce((a, b) => a + b, 0) / DRAWS
  return { mean, variance: values.reduce((a, b) => a + (b - mean) ** 2, 0) / DRAWS, least: Math.min(...values) }
}

/** Within five standard errors of the mean, and 6 % of the variance. */
function expectMoments(got: ReturnType<typeof moments>, mean: number, variance: number): void {
  expect(Math.abs(got.mean - mean)).toBeLessThanOrEqual(5 * Math.sqrt(variance / DRAWS))
  expect(Math.abs(got.variance / variance - 1)).toBeLessThan(0.06)
  expect(got.least).toBeGreaterThanOrEqual(0)
}

describe('draws have the moments of their distribution', () => {
  test.each([0.1, 0.7, 9.9, 10, 53, 10_000])('Poisson %d', (mean) => {
    const random = seededRandom(1)
    expectMoments(
      moments(() => drawPoisson(mean, random)),
      mean,
      mean,
    )
  })

  test.each([
    [1, 0.3],
    [20, 0.01],
    [60, 0.005],
    [3000, 0.005],
    [10_000, 0.005],
    [40, 0.9],
    [500, 0.5],
  ] as const)('binomial %d, %d', (n, p) => {
    const random = seededRandom(2)
    expectMoments(
      moments(() => drawBinomial(n, p, random)),
      n * p,
      n * p * (1 - p),
    )
  })
})

it('ends of the range need no luck', () => {
  const random = seededRandom(3)
  expect([
    drawBinomial(0, 0.5, random),
    drawBinomial(9, 0, random),
    drawBinomial(9, 1, random),
    drawPoisson(0, random),
  ]).toEqual([0, 0, 9, 0])
})

it('equal seeds give equal runs', () => {
  const [a, b, c] = [seededRandom(4), seededRandom(4), seededRandom(5)]
  const run = (random: () => number): number[] => Array.from({ length: 5 }, random)
  const first = run(a)
  expect(run(b)).toEqual(first)
  expect(run(c)).not.toEqual(first)
})
