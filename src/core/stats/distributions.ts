/** Tails of the normal, Student and chi-square distributions. Each tail is computed as such, never as 1 − CDF. */
import betainc from '@stdlib/math-base-special-betainc'
import betaln from '@stdlib/math-base-special-betaln'
import erfc from '@stdlib/math-base-special-erfc'
import gammainc from '@stdlib/math-base-special-gammainc'
import { type Alternative, upperNormalQuantile } from './power.ts'

/** P(Z > z). */
export function normalSf(z: number): number {
  return 0.5 * erfc(z / Math.SQRT2)
}

/** P(T > t); `df` may be fractional. The argument of the incomplete beta function is the one that keeps its digits. */
export function tSf(t: number, df: number): number {
  if (t < 0) return 1 - tSf(-t, df)
  const t2 = t * t
  return t2 < df
    ? 0.5 * betainc(t2 / (df + t2), 0.5, df / 2, true, true)
    : 0.5 * betainc(df / (df + t2), df / 2, 0.5, true, false)
}

/**
 * t with upper tail `p`, 0 < p < 1. Newton's steps on ln P(T > e^u): concave in u, so that after the first step they
 * come down to the root from one side.
 */
export function upperTQuantile(p: number, df: number): number {
  if (p === 0.5) return 0
  if (p > 0.5) return -upperTQuantile(1 - p, df)
  const logNorm = -0.5 * Math.log(df) - betaln(0.5, df / 2)
  let t = upperNormalQuantile(p)
  for (let step = 0; step < 60; step++) {
    const tail = tSf(t, df)
    const density = Math.exp(logNorm - ((df + 1) / 2) * Math.log1p((t * t) / df))
    const move = (Math.log(tail / p) * tail) / (t * density)
    t *= Math.exp(move)
    if (Math.abs(move) < 1e-15) break
  }
  return t
}

/** P(X > x) of chi-square. */
export function chi2Sf(x: number, df: number): number {
  return x <= 0 ? 1 : gammainc(x / 2, df / 2, true, true)
}

/** The p-value of a statistic whose upper tail is `sf`, by the side that is asked for. */
export function pValue(statistic: number, alternative: Alternative, sf: (value: number) => number): number {
  if (alternative === 'two-sided') return Math.min(1, 2 * sf(Math.abs(statistic)))
  return sf(alternative === 'greater' ? statistic : -statistic)
}

/** z of a two-sided interval. */
export function intervalZ(confidence: number): number {
  return upperNormalQuantile((1 - confidence) / 2)
}
