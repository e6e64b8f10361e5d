/** A split's test: each epoch for itself, at every look, and not by a handful of subjects. */
import { expect, it } from 'vitest'
import { splitReport } from '../../../src/core/report/split.ts'

const epoch = (number: number, percent: number, n: number, candidate: number) => ({
  epoch: number,
  stage: `canary-${percent}`,
  percent,
  n,
  candidate,
  expected: (n * percent) / 100,
})

it('a first subject that is dealt to a small arm is no broken split', () => {
  expect(splitReport([epoch(1, 5, 1, 1)])).toMatchObject({ mismatch: false, p_value: 1 })
  // From eight expected on it is judged; all of them missing is no chance.
  expect(splitReport([epoch(1, 5, 159, 159)]).mismatch).toBe(false)
  expect(splitReport([epoch(1, 5, 160, 160)]).mismatch).toBe(true)
})

it('opposite breaks in two epochs do not cancel', () => {
  const both = splitReport([epoch(1, 50, 10_000, 4500), epoch(2, 50, 10_000, 5500)])
  expect(both.observed).toEqual(both.expected)
  expect(both.mismatch).toBe(true)
  expect(both.chi2).toBeCloseTo(200, 9)
})

it('has the e-value of the Dirichlet-multinomial test by epoch, weighed so that their number may grow', () => {
  // ln e of 22,736 and 1,343 at 95:5 is 5.316, 6.184 and 5.174 with concentrations of 100, 1,000 and 10,000.
  const { epochs, p_value } = splitReport([epoch(1, 5, 24_079, 1343)])
  const alone = -Math.log(epochs[0]!.p_value)
  expect(alone).toBeCloseTo(5.66413918, 7)
  expect(p_value).toBeCloseTo(1 / (Math.exp(alone) / 2 + 1 / 2), 12)
})
