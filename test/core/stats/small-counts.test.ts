/** Exact figures for few events: Fisher's test as R has it, and an interval where the logarithm's has no width. */
import { expect, it, test } from 'vitest'
import { fisherExact } from '../../../src/core/stats/fisher.ts'
import { ratioInterval } from '../../../src/core/stats/two-proportions.ts'

// R: fisher.test(matrix(c(x_t, n_t - x_t, x_c, n_c - x_c), 2))$p.value
test.each([
  [{ x: 0, n: 3 }, { x: 3, n: 3 }, 0.1],
  [{ x: 5, n: 30 }, { x: 0, n: 30 }, 0.052185548617305996],
  [{ x: 1, n: 6 }, { x: 8, n: 10 }, 0.034965034965034975],
  [{ x: 12, n: 10_000 }, { x: 3, n: 193 }, 0.0025709173673245287],
  [{ x: 0, n: 5 }, { x: 0, n: 9 }, 1],
])('Fisher’s test of %o against %o', (control, candidate, p) => {
  expect(fisherExact(control, candidate) / p).toBeCloseTo(1, 9)
  expect(fisherExact(candidate, control) / p).toBeCloseTo(1, 9)
})

it('a share of nobody has a lift with a width', () => {
  const lift = ratioInterval({ x: 5, n: 30 }, { x: 0, n: 30 }, 0.95)
  expect(lift).toMatchObject({ lift: -1, low: -1 })
  expect(lift?.high).toBeCloseTo(0.8219426567604593 - 1, 12)
  const all = ratioInterval({ x: 3, n: 3 }, { x: 3, n: 3 }, 0.95)
  expect(all?.low).toBeCloseTo(0.4385029682449545 - 1, 12)
  expect(all?.high).toBeCloseTo(2.2804862735647085 - 1, 12)
  expect(ratioInterval({ x: 0, n: 30 }, { x: 5, n: 30 }, 0.95)).toBeNull()
})
