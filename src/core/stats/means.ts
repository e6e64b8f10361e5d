/** Means of two arms by Welch's t: no equal variances assumed. One look each. */
import { pValue, tSf, upperTQuantile } from './distributions.ts'
import { type Better, marginContrast, meanEstimate } from './estimates.ts'
import { type Moments, varianceOf } from './moments.ts'
import type { Alternative } from './power.ts'

/** Welch–Satterthwaite; `scale` is the factor on control's mean in the contrast that is tested. */
export function degrees(control: Moments, candidate: Moments, scale = 1): number {
  const c = (scale ** 2 * varianceOf(control)) / control.n
  const t = varianceOf(candidate) / candidate.n
  return (c + t) ** 2 / (c ** 2 / (control.n - 1) + t ** 2 / (candidate.n - 1))
}

/** The interval is two-sided whatever the test's side. Without any spread there is nothing to judge by: p 1, no t. */
export function welchT(control: Moments, candidate: Moments, alternative: Alternative, confidence: number) {
  const diff = candidate.mean - control.mean
  const se = Math.sqrt(varianceOf(control) / control.n + varianceOf(candidate) / candidate.n)
  if (!(se > 0)) return { diff, se: 0, t: null, df: null, p_value: 1, ci_low: diff, ci_high: diff }
  const df = degrees(control, candidate)
  const t = diff / se
  const half = upperTQuantile((1 - confidence) / 2, df) * se
  const p = pValue(t, alternative, (value) => tSf(value, df))
  return { diff, se, t, df, p_value: p, ci_low: diff - half, ci_high: diff + half }
}

/** One-sided Welch t against a margin; a relative one is a share of control's mean, and counts its noise too. */
export function nonInferiorMeans(
  control: Moments,
  candidate: Moments,
  margin: number,
  type: 'absolute' | 'relative',
  better: Better,
  alpha: number,
) {
  const [c, t] = [meanEstimate(control), meanEstimate(candidate)]
  const { estimate, se, scale } = marginContrast(c, t, margin, type, better)
  const df = degrees(control, candidate, scale)
  const statistic = estimate / se
  const p = tSf(better === 'higher_is_better' ? statistic : -statistic, df)
  return { estimate, se, t: statistic, df, p_value: p, non_inferior: p < alpha }
}
