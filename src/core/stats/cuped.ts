/**
 * CUPED: what a subject did before the experiment explains part of what it does during it, and is taken off (Deng, Xu,
 * Kohavi, Walker 2013). One factor θ for both arms, so that the difference stays unbiased; then Welch's t.
 */
import { welchT } from './means.ts'
import { mergedPairs, type PairMoments } from './moments.ts'

/** `y` is the metric and `x` its value before, of each subject. θ = cov(x, y) / var(x) over both arms together. */
export function cuped(control: PairMoments, candidate: PairMoments, confidence: number) {
  const both = mergedPairs(control, candidate)
  const theta = both.m2X > 0 ? both.cxy / both.m2X : 0
  const [c, t] = [adjusted(control, theta), adjusted(candidate, theta)]
  const welch = welchT(c, t, 'two-sided', confidence)
  const raw = welchT(adjusted(control, 0), adjusted(candidate, 0), 'two-sided', confidence)
  return {
    ...welch,
    theta,
    mean_control: c.mean,
    mean_treatment: t.mean,
    var_control: c.m2 / (c.n - 1),
    var_treatment: t.m2 / (t.n - 1),
    /** Share of the variance that is gone: so many fewer subjects are needed. */
    variance_reduction: raw.se > 0 ? 1 - (welch.se / raw.se) ** 2 : 0,
  }
}

function adjusted({ n, meanY, meanX, m2Y, m2X, cxy }: PairMoments, theta: number) {
  return { n, mean: meanY - theta * meanX, m2: Math.max(0, m2Y - 2 * theta * cxy + theta ** 2 * m2X) }
}
