/** Two values of each pair: Student's paired t and the sign test. One look each. */
import { pValue, tSf } from './distributions.ts'
import { type Moments, varianceOf } from './moments.ts'
import { binomialTail } from './proportions.ts'

/** Over the differences of the pairs. Without any spread there is nothing to judge by: p 1, no t. */
export function pairedT(differences: Moments): { se: number; t: number | null; p_value: number } {
  const { n, mean } = differences
  const se = n > 1 ? Math.sqrt(varianceOf(differences) / n) : 0
  const t = mean / se
  // Equal differences leave what rounding makes of them.
  if (!(se > 1e-14 * Math.abs(mean)) || !Number.isFinite(t)) return { se: 0, t: null, p_value: 1 }
  return { se, t, p_value: pValue(t, 'two-sided', (value) => tSf(value, n - 1)) }
}

/** Two-sided and exact, for which side is higher; pairs that are equal take no part (Dixon & Mood 1946). */
export function signTest(higher: number, lower: number): number {
  return Math.min(1, 2 * binomialTail(Math.max(higher, lower), higher + lower, 0.5))
}
