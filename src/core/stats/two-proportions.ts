/** Two shares compared: candidate minus control. Formulas and their limits: docs/statistics.md. One look each. */
import { intervalZ, normalSf, pValue } from './distributions.ts'
import { hybridDifference, type Interval } from './hybrid-interval.ts'
import type { Alternative } from './power.ts'
import { type Share, wilsonInterval } from './proportions.ts'

/** Pooled z test. Where nobody or everybody succeeded there is nothing to tell apart: z null, p 1. */
export function twoProportionZ(control: Share, candidate: Share, alternative: Alternative) {
  const diff = candidate.x / candidate.n - control.x / control.n
  const pooled = (control.x + candidate.x) / (control.n + candidate.n)
  if (pooled === 0 || pooled === 1) return { diff, pooled, se: 0, z: null, p_value: 1 }
  const se = Math.sqrt(pooled * (1 - pooled) * (1 / control.n + 1 / candidate.n))
  const z = diff / se
  return { diff, pooled, se, z, p_value: pValue(z, alternative, normalSf) }
}

/** Newcombe's hybrid of the two Wilson intervals: for small or zero counts, where Wald's is too short. */
export function newcombeInterval(control: Share, candidate: Share, confidence: number): Interval & { diff: number } {
  const z = intervalZ(confidence)
  const measured = (share: Share) => ({ value: share.x / share.n, ...wilsonInterval(share, z) })
  const { lift, low, high } = hybridDifference(measured(control), measured(candidate))
  return { diff: lift, low, high }
}

/** exp(ln(pt/pc) ± z·√((1−pt)/xt + (1−pc)/xc)) − 1: for sparse events (Katz). Null where an arm has none. */
export function logLiftInterval(
  control: Share,
  candidate: Share,
  confidence: number,
): (Interval & { lift: number; se_log: number }) | null {
  if (control.x === 0 || candidate.x === 0) return null
  const [c, t] = [control.x / control.n, candidate.x / candidate.n]
  const se = Math.sqrt((1 - t) / candidate.x + (1 - c) / control.x)
  const half = intervalZ(confidence) * se
  const log = Math.log(t / c)
  return { lift: t / c - 1, se_log: se, low: Math.expm1(log - half), high: Math.expm1(log + half) }
}

/**
 * Candidate's share over control's, less 1, where an arm has none or all: from Wilson's intervals of both (Donner & Zou
 * 2012). Null without an event of control's, where there is no ratio.
 */
export function ratioInterval(control: Share, candidate: Share, confidence: number) {
  if (control.x === 0) return null
  const z = intervalZ(confidence)
  const [c, t] = [control.x / control.n, candidate.x / candidate.n]
  const [ofC, ofT] = [wilsonInterval(control, z), wilsonInterval(candidate, z)]
  const bound = (ownT: number, ownC: number, sign: 1 | -1) => {
    const [a, b] = [ownT * (2 * t - ownT), ownC * (2 * c - ownC)]
    return (t * c + sign * Math.sqrt(Math.max(0, (t * c) ** 2 - a * b))) / b - 1
  }
  return { lift: t / c - 1, low: bound(ofT.low, ofC.high, -1), high: bound(ofT.high, ofC.low, 1) }
}
