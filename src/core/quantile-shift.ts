/**
 * A quantile of both arms compared. Tested is how many of each arm are above the quantile of both together: where the arms
 * are alike those shares are, whatever the shape, while a quantile itself is not normal where values leave a gap.
 */
import type { ArmSums } from './experiment.ts'
import { FEWEST_ACTIVE, fewestActive } from './metric-sums.ts'
import { halved } from './stats/halving.ts'
import { hybridDifference, hybridLift } from './stats/hybrid-interval.ts'
import { countAbove, quantileOf, scaled, type Spread, spreadOf, subjectsOf } from './stats/spread.ts'

/**
 * Candidate − control in the share above the common quantile, with control's values `scale` times as large, and the
 * standard error of the pooled test (for medians Brown and Mood 1951). Null where an arm has too few beyond it.
 */
export function shareShift(sums: ArmSums, scale = 1): { diff: number; se: number; units: number } | null {
  const { control, candidate } = sums
  if (!control.quantile || !candidate.quantile || fewestActive(sums) < FEWEST_ACTIVE) return null
  const both = spreadOf([...scaled(control.quantile.spread, scale), ...candidate.quantile.spread])
  const common = quantileOf(both, candidate.quantile.q, 0).value
  const aboveControl = countAbove(control.quantile.spread, common / scale)
  const aboveCandidate = countAbove(candidate.quantile.spread, common)
  const units = control.n + candidate.n
  const share = (aboveControl + aboveCandidate) / units
  return {
    diff: aboveCandidate / candidate.n - aboveControl / control.n,
    se: Math.sqrt(share * (1 - share) * (1 / control.n + 1 / candidate.n)),
    units,
  }
}

/** Difference and lift, with intervals from those of both arms, each `z` standard errors of its ranks wide. */
export function quantileLifts(sums: ArmSums, z: number) {
  const { control, candidate } = sums
  if (!control.quantile || !candidate.quantile || fewestActive(sums) < FEWEST_ACTIVE) return null
  const ofControl = quantileOf(control.quantile.spread, control.quantile.q, z)
  const ofCandidate = quantileOf(candidate.quantile.spread, candidate.quantile.q, z)
  return { absolute: hybridDifference(ofControl, ofCandidate), relative: hybridLift(ofControl, ofCandidate) }
}

/**
 * What that test would see of arms that are alike but for a factor on the candidate's values, of which there are `ratio` as
 * many: the shares above their common quantile.
 */
export function sharesApart(spread: Spread, q: number, times: number, ratio: number): { p1: number; p2: number } {
  const n = subjectsOf(spread)
  const above = (value: number) => ({ p1: countAbove(spread, value) / n, p2: countAbove(spread, value / times) / n })
  const { value } = quantileOf(spread, q, 0)
  const isAbove = (at: number) => {
    const { p1, p2 } = above(at)
    return p1 + ratio * p2 <= (1 - q) * (1 + ratio)
  }
  return above(halved(Math.min(value, value * times), Math.max(value, value * times), 40, isAbove).middle)
}
