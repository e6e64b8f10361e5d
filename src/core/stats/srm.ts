/** Sample-ratio mismatch: whether the arms got the shares of subjects that they were dealt. */
import { byArm } from '../arm.ts'
import betaln from '@stdlib/math-base-special-betaln'
import { chi2Sf } from './distributions.ts'

/** Below this a split is broken rather than unlucky (GrowthBook's and Microsoft's threshold). */
export const SRM_ALPHA = 0.001

/**
 * Evidence against the dealt shares that may be read after every subject: Dirichlet-multinomial against multinomial
 * (Lindon & Malek, arXiv 2011.03567; optimizely/ssrm). log e = ln[B(α+n)/B(α)] − Σ nᵢ·ln θᵢ with α = concentration·θ.
 * While the shares are as dealt, e ever reaches 1/p with a chance of at most p.
 */
export function sequentialSplit(observed: readonly number[], weights: readonly number[], concentration: number) {
  const scale = weights.reduce((sum, w) => sum + w, 0)
  const theta = weights.map((w) => w / scale)
  const alpha = theta.map((share) => concentration * share)
  const log_e =
    logBeta(alpha.map((a, i) => a + observed[i]!)) -
    logBeta(alpha) -
    observed.reduce((sum, n, i) => sum + n * Math.log(theta[i]!), 0)
  return { log_e, p_value: Math.min(1, Math.exp(-log_e)) }
}

/** ln of the beta function of several values, as a chain of two each. */
function logBeta(values: readonly number[]): number {
  let [sum, log] = [values[0]!, 0]
  for (const value of values.slice(1)) {
    log += betaln(sum, value)
    sum += value
  }
  return log
}

/** Pearson's chi-square, for a single look. `weights` on any scale. */
export function pearson(observed: readonly number[], weights: readonly number[]) {
  const total = observed.reduce((sum, n) => sum + n, 0)
  const scale = weights.reduce((sum, w) => sum + w, 0)
  const expected = weights.map((w) => (total * w) / scale)
  const chi2 = observed.reduce((sum, n, i) => sum + (n - expected[i]!) ** 2 / expected[i]!, 0)
  const df = observed.length - 1
  const p = total === 0 ? 1 : chi2Sf(chi2, df)
  return { expected, chi2: total === 0 ? 0 : chi2, df, p_value: p, mismatch_at_0_001: p < SRM_ALPHA }
}

/** Whether two arms' traffic is spread over the same buckets alike: chi-square of homogeneity, sparse buckets joined. */
export function homogeneity(buckets: readonly { control: number; candidate: number }[]): { p: number; df: number } {
  const summed = (its: typeof buckets) => byArm((arm) => its.reduce((sum, b) => sum + b[arm], 0))
  const { control, candidate } = summed(buckets)
  const all = control + candidate
  const least = Math.min(control, candidate)
  // The rule of five: an expected count below it makes the approximation too eager.
  const isSparse = (b: { control: number; candidate: number }) => ((b.control + b.candidate) * least) / all < 5
  const rest = summed(buckets.filter(isSparse))
  const cells = [...buckets.filter((b) => !isSparse(b)), ...(rest.control + rest.candidate > 0 ? [rest] : [])]
  if (all === 0 || least === 0 || cells.length < 2) return { p: 1, df: 0 }
  let chi2 = 0
  for (const cell of cells) {
    const n = cell.control + cell.candidate
    chi2 += (cell.control - (n * control) / all) ** 2 / ((n * control) / all)
    chi2 += (cell.candidate - (n * candidate) / all) ** 2 / ((n * candidate) / all)
  }
  return { p: chi2Sf(chi2, cells.length - 1), df: cells.length - 1 }
}
