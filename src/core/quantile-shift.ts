/**
 * A quantile of both arms compared. Tested is how many of each arm are above the quantile of both together: where the arms
 * are alike those shares are, whatever the shape, while a quantile itself is not normal where values leave a gap.
 */
import type { ArmSums } from './experiment.ts'
import { FEWEST_ACTIVE, fewestActive } from './metric-sums.ts'
import { hybridDifference, hybridLift } from './stats/hybrid-interval.ts'
import { countAbove, quantileOf, scaled, spreadOf } from './stats/spread.ts'

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
