/**
 * An arm's estimate with its variance, whatever kind the metric is, and what follows for two arms: difference, lift,
 * non-inferiority. All of it is approximately normal; tests that are exact for a kind stand with that kind.
 */
import { intervalZ, normalSf } from './distributions.ts'
import { type Moments, type PairMoments, varianceOf } from './moments.ts'
import type { Share } from './proportions.ts'
import type { Interval } from './hybrid-interval.ts'

/** `variance` is that of the estimate itself, not of a unit. */
export interface Estimate {
  n: number
  value: number
  variance: number
}

export function shareEstimate({ x, n }: Share): Estimate {
  const value = n > 0 ? x / n : 0
  return { n, value, variance: n > 0 ? (value * (1 - value)) / n : 0 }
}

export function meanEstimate(moments: Moments): Estimate {
  return { n: moments.n, value: moments.mean, variance: moments.n > 0 ? varianceOf(moments) / moments.n : 0 }
}

/**
 * Σy/Σx over units: the delta method on per-unit sums, (v_y/x̄² + v_x·ȳ²/x̄⁴ − 2c·ȳ/x̄³)/n with n − 1 moments (Deng,
 * Knoblich, Lu 2018). Null while x is nothing but zeros.
 */
export function ratioEstimate({ n, meanY, meanX, m2Y, m2X, cxy }: PairMoments): Estimate | null {
  if (n < 2 || meanX === 0) return null
  const [vy, vx, c] = [m2Y / (n - 1), m2X / (n - 1), cxy / (n - 1)]
  const variance = (vy / meanX ** 2 + (vx * meanY ** 2) / meanX ** 4 - (2 * c * meanY) / meanX ** 3) / n
  return { n, value: meanY / meanX, variance: Math.max(0, variance) }
}

export function difference(control: Estimate, candidate: Estimate, confidence: number) {
  const diff = candidate.value - control.value
  const se = Math.sqrt(control.variance + candidate.variance)
  const half = intervalZ(confidence) * se
  return { diff, se, low: diff - half, high: diff + half }
}

/**
 * The standard error of the difference that a test divides by: with one variance for both arms, as the null hypothesis
 * has it, or each its own, whichever is larger. A small arm that misses the large values of a skewed metric has a low
 * mean and a low variance together; by its own variance alone that looks like proof.
 */
export function testSe(control: Estimate, candidate: Estimate): number {
  const own = control.variance + candidate.variance
  const [dfC, dfT] = [control.n - 1, candidate.n - 1]
  if (dfC + dfT <= 0) return Math.sqrt(own)
  const unit = (dfC * control.variance * control.n + dfT * candidate.variance * candidate.n) / (dfC + dfT)
  return Math.sqrt(Math.max(own, unit * (1 / control.n + 1 / candidate.n)))
}

/** candidate/control − 1; variance v_t/c² + t²·v_c/c⁴. Null at a control of 0, where there is no lift. */
export function relativeLift(
  control: Estimate,
  candidate: Estimate,
  confidence: number,
): (Interval & { lift: number; se: number }) | null {
  const [c, t] = [control.value, candidate.value]
  if (c === 0) return null
  const lift = t / c - 1
  // Standard errors before squares: the fourth power of a small control's mean would be 0.
  const se = Math.hypot(Math.sqrt(candidate.variance) / c, ((t / c) * Math.sqrt(control.variance)) / c)
  const half = intervalZ(confidence) * se
  return { lift, se, low: lift - half, high: lift + half }
}

export type Better = 'higher_is_better' | 'lower_is_better'

/**
 * How far the candidate is inside the margin: t − c ± margin, or with a relative margin t − (1 ∓ margin)·c, whose
 * variance counts control's noise too. Above 0 is inside for `higher_is_better`, below 0 for `lower_is_better`.
 */
export function marginContrast(
  control: Estimate,
  candidate: Estimate,
  margin: number,
  type: 'absolute' | 'relative',
  better: Better,
): { estimate: number; se: number; scale: number } {
  const sign = better === 'higher_is_better' ? 1 : -1
  // A metric may be negative; the tolerance is then a share of its size.
  const scale = type === 'relative' ? 1 - sign * margin * Math.sign(control.value || 1) : 1
  const shift = type === 'relative' ? 0 : sign * margin
  return {
    estimate: candidate.value - scale * control.value + shift,
    se: Math.sqrt(candidate.variance + scale ** 2 * control.variance),
    scale,
  }
}

/** One-sided test against the margin. "Not significantly worse" would not do: it is met by having no data. */
export function nonInferiority(
  control: Estimate,
  candidate: Estimate,
  margin: number,
  type: 'absolute' | 'relative',
  better: Better,
  alpha: number,
) {
  const { estimate, se } = marginContrast(control, candidate, margin, type, better)
  const z = se === 0 ? null : estimate / se
  const p = z === null ? 1 : normalSf(better === 'higher_is_better' ? z : -z)
  return { estimate, se, z, p_value: p, non_inferior: p < alpha }
}
