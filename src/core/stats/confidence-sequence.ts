/**
 * Asymptotic confidence sequence: an interval and a p-value that may be read at any time, as often as one likes
 * (Waudby-Smith et al., arXiv 2103.06476; the normal-mixture SPRT with r = τ²/V). Approximate below 50 events an arm.
 */
import type { Alternative } from './power.ts'

export interface SequenceInputs {
  estimate: number
  se: number
  /** Units of both arms together, so far. */
  n_total: number
  alpha: number
  /** Where the sequence is tightest; it has to be fixed before there is data. */
  n_star: number
  sides: Alternative
}

export function asymptoticSequence({ estimate, se, n_total, alpha, n_star, sides }: SequenceInputs) {
  const a = -2 * Math.log(sides === 'two-sided' ? alpha : 2 * alpha)
  const rho2 = (a + Math.log(a + 1)) / n_star
  const r = n_total * rho2
  const root = Math.sqrt(r + 1)
  const log = sides === 'two-sided' ? Math.log(root / alpha) : Math.log(1 + root / (2 * alpha))
  const halfwidth = se * Math.sqrt(((2 * (r + 1)) / r) * log)
  const z = estimate / se
  return {
    rho: Math.sqrt(rho2),
    halfwidth,
    low: sides === 'less' ? null : estimate - halfwidth,
    high: sides === 'greater' ? null : estimate + halfwidth,
    /** Only of the two-sided one. */
    p_value: sides === 'two-sided' ? Math.min(1, root * Math.exp((-r * z * z) / (2 * (r + 1)))) : null,
  }
}

/**
 * The same test by its mixing variance: the normal-mixture SPRT (Johari, Pekelis, Walsh, arXiv 1512.04922) with the
 * difference's `variance` V and prior N(0, τ²); log Λ = ½·ln(V/(V+τ²)) + τ²d²/(2V(V+τ²)).
 */
export function mixtureSprt(diff: number, variance: number, tau2: number): { log_lambda: number; p_value: number } {
  const log = 0.5 * Math.log(variance / (variance + tau2)) + (tau2 * diff ** 2) / (2 * variance * (variance + tau2))
  return { log_lambda: log, p_value: Math.min(1, Math.exp(-log)) }
}
