import { describe, expect, it } from 'vitest'
import { logEvidence, noRestarts, type Restarts, takenIn } from '../../../src/core/stats/restarts.ts'
import { seededRandom } from '../../../src/core/stats/sampling.ts'
import { gainsAbove, gainsOver, ODDS } from '../../../src/core/stats/two-streams.ts'

/** P(X = x) for X ~ Binomial(n, p). */
function binomial(n: number, p: number): number[] {
  const probabilities = [(1 - p) ** n]
  for (let x = 1; x <= n; x++) probabilities.push((probabilities[x - 1]! * (n - x + 1) * p) / (x * (1 - p)))
  return probabilities
}

describe('an e-variable', () => {
  const mean = (n: number, controlN: number, p: number, controlP: number, margin: number) =>
    ODDS.map((_, i) =>
      binomial(n, p)
        .flatMap((a, x) => binomial(controlN, controlP).map((b, controlX) => ({ probability: a * b, x, controlX })))
        .reduce(
          (sum, { probability, x, controlX }) =>
            sum + probability * Math.exp(gainsOver({ x, n }, { x: controlX, n: controlN }, 0.02, margin)[i]!),
          0,
        ),
    )

  it.each([
    [1, 1, 0.01, 0],
    [3, 17, 0.005, 0],
    [10, 5, 0.3, 0],
    [6, 30, 0.7, 0],
    [8, 12, 0.02, 0.05],
    [12, 8, 0.2, 0.05],
  ])(
    'for two streams of %i and %i has a mean of at most 1 at rate %f, plus a margin of %f',
    (n, controlN, p, margin) => {
      for (const e of mean(n, controlN, p + margin, p, margin)) expect(e).toBeLessThanOrEqual(1 + 1e-9)
      for (const e of mean(n, controlN, p / 2 + margin, p, margin)) expect(e).toBeLessThanOrEqual(1 + 1e-9)
    },
  )

  it('for a limit has a mean of exactly 1 at the limit', () => {
    for (const i of ODDS.keys()) {
      const e = binomial(20, 0.03).reduce((sum, p, x) => sum + p * Math.exp(gainsAbove({ x, n: 20 }, 0.03)[i]!), 0)
      expect(e).toBeCloseTo(1, 9)
    }
  })
})

describe('restarts', () => {
  it('have weights that sum to one, however many there are', () => {
    let state = noRestarts(2)
    expect(logEvidence(state)).toBeCloseTo(0, 12)
    for (let i = 0; i < 5000; i++) state = takenIn(state, [0, 0], 1 + (i % 3))
    expect(logEvidence(state)).toBeCloseTo(0, 9)
  })

  it('are the sum over each start, written out', () => {
    const gains = [0.3, -1, 2, 0.7]
    let state: Restarts = noRestarts(1)
    const left = (windows: number) => (0.5 * 5000) / (5000 + windows)
    let sum = left(gains.length)
    for (const [i, gain] of gains.entries()) {
      state = takenIn(state, [gain], 1)
      const weight = i === 0 ? 0.5 + left(0) - left(1) : left(i) - left(i + 1)
      sum += weight * Math.exp(gains.slice(i).reduce((a, b) => a + b, 0))
    }
    expect(logEvidence(state)).toBeCloseTo(Math.log(sum), 12)
  })
})

describe('restarts with failures that end late', () => {
  const random = seededRandom(5)
  const windows = Array.from({ length: 300 }, () => [random() - 0.5, 2 * random() - 1.2])

  it('are kept in a few groups', () => {
    const state = windows.reduce((soFar, gains) => takenIn(soFar, gains, 1), noRestarts(2))
    expect(state.groups.length).toBeLessThan(2 * Math.log2(windows.length) + 2)
  })

  it('never have a failure count in what began after its submit, and always in what began well before', () => {
    const left = (w: number) => (0.5 * 5000) / (5000 + w)
    const LATE = 2
    /** ln of the sum over each start, written out; a failure of that age counts where `counts` says so. */
    const written = (counts: (ageWindows: number, began: number, window: number) => boolean) => {
      let sum = left(windows.length)
      for (let began = 0; began <= windows.length; began++) {
        const weight = began === 0 ? 0.5 : left(began - 1) - left(began)
        const from = Math.max(0, began - 1)
        const total = windows.slice(from).reduce((all, [gain], i) => {
          const isLate = (from + i) % 7 === 6
          return all + gain! + (isLate && (began === 0 || counts(8, from, from + i)) ? LATE : 0)
        }, 0)
        sum += weight * Math.exp(total)
      }
      return Math.log(sum)
    }
    let state = noRestarts(1)
    for (const [i, [gain]] of windows.entries()) {
      const late = i % 7 === 6 ? [{ ageWindows: 8, gains: [LATE] }] : []
      state = takenIn(state, [gain! + (late.length === 0 ? 0 : LATE)], 1, late)
    }
    const exact = written((age, began, window) => window - began >= age)
    const careful = written((age, began, window) => window - began >= 4 * age)
    expect(logEvidence(state)).toBeLessThanOrEqual(exact + 1e-9)
    expect(logEvidence(state)).toBeGreaterThanOrEqual(careful)
  })
})
