/** Fisher's exact test of two shares: for so few events that no approximation holds. One look. */
import betaln from '@stdlib/math-base-special-betaln'
import type { Share } from './proportions.ts'

/** Relative slack when probabilities are called equal, as R's fisher.test has it. */
const SLACK = 1e-7

/**
 * Two-sided: the chance, with both margins given, of all tables that are no likelier than the one seen. A table's
 * chance is C(n_t, k)·C(n_c, X − k) / C(N, X). Costs as many steps as the smaller of X and n_t, N − X and n_c.
 */
export function fisherExact(control: Share, candidate: Share): number {
  const events = control.x + candidate.x
  const [low, high] = [Math.max(0, events - control.n), Math.min(events, candidate.n)]
  const logChance = (k: number) => logChoose(candidate.n, k) + logChoose(control.n, events - k)
  const seen = logChance(candidate.x)
  const logs = Array.from({ length: high - low + 1 }, (_, i) => logChance(low + i))
  const largest = logs.reduce((a, b) => Math.max(a, b), -Infinity)
  const sum = (some: readonly number[]) => some.reduce((total, log) => total + Math.exp(log - largest), 0)
  return Math.min(1, sum(logs.filter((log) => log <= seen + SLACK)) / sum(logs))
}

function logChoose(n: number, k: number): number {
  return -Math.log(n + 1) - betaln(k + 1, n - k + 1)
}
