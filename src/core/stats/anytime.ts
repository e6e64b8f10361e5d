/**
 * What a report reads at any time: the mean of three normal-mixture e-values, each tightest at another sample, so that no
 * sample has to be guessed before there is data. A mean of e-values is one. See confidence-sequence.ts for a single one.
 */
import { normalSf } from './distributions.ts'
import { halved } from './halving.ts'

/** Units of both arms together at which one of the three is tightest: between them the loss is 9 to 16 %. */
const TIGHTEST_AT = [1_000, 10_000, 100_000]

/** r = n·ρ² of each: the prior's variance over the estimate's (Waudby-Smith et al., arXiv 2103.06476). */
function priors(units: number, alpha: number): number[] {
  const a = -2 * Math.log(alpha)
  return TIGHTEST_AT.map((at) => (units * (a + Math.log(a + 1))) / at)
}

/** ln of the sum of what these are logarithms of; summed from the largest, so that nothing overflows. */
export function logSum(logs: readonly number[]): number {
  const most = Math.max(...logs)
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0))
}

export function logMean(logs: readonly number[]): number {
  return logSum(logs) - Math.log(logs.length)
}

/** ln e against "the estimate is 0", for z = estimate / se over so many units. */
export function logETwoSided(z: number, units: number, alpha: number): number {
  return logMean(priors(units, alpha).map((r) => (r * z * z) / (2 * (r + 1)) - 0.5 * Math.log1p(r)))
}

/** ln e against "the estimate is at most 0": the same with the half of the prior that is above 0. */
export function logEAbove(z: number, units: number, alpha: number): number {
  return logMean(
    priors(units, 2 * alpha).map((r) => {
      const upper = normalSf(-z * Math.sqrt(r / (r + 1)))
      return Math.log(2 * upper) + (r * z * z) / (2 * (r + 1)) - 0.5 * Math.log1p(r)
    }),
  )
}

/** How many standard errors the interval reaches to either side, that holds at all times together. */
export function anytimeZ(units: number, alpha: number): number {
  let most = 2
  const crossed = (z: number) => logETwoSided(z, units, alpha) >= -Math.log(alpha)
  while (!crossed(most) && most < 1e6) most *= 2
  return halved(0, most, 50, crossed).high
}
