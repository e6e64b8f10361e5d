/** Whether values are even on [0, 1]: Kolmogorov's distance, and its p-value by Stephens' correction of the limit (1970). */

export function kolmogorov(values: readonly number[]): { distance: number; p_value: number } {
  const n = values.length
  const sorted = values.toSorted((a, b) => a - b)
  const distance = sorted.reduce((most, value, k) => Math.max(most, (k + 1) / n - value, value - k / n), 0)
  const root = Math.sqrt(n)
  return { distance, p_value: upperTail((root + 0.12 + 0.11 / root) * distance) }
}

/** Q(λ) = 2·Σ (−1)^(k−1)·exp(−2k²λ²). */
function upperTail(lambda: number): number {
  if (lambda < 0.2) return 1
  let sum = 0
  for (let k = 1; k <= 100; k++) {
    const term = Math.exp(-2 * k * k * lambda * lambda)
    sum += k % 2 === 1 ? term : -term
    if (term < 1e-16) break
  }
  return Math.min(1, Math.max(0, 2 * sum))
}
