/** p-values of several metrics, adjusted for there being several. In the order given, capped at 1, monotone. */

/** Holm's step-down: the chance of any false claim, for the metrics that a decision rests on. */
export function holm(p: readonly number[]): number[] {
  let running = 0
  return adjusted(p, (sorted) =>
    sorted.map((value, i) => (running = Math.max(running, Math.min(1, (p.length - i) * value)))),
  )
}

/** Benjamini and Hochberg's step-up: the share of false claims among all, for metrics that are only looked at. */
export function benjaminiHochberg(p: readonly number[]): number[] {
  let running = 1
  return adjusted(p, (sorted) =>
    sorted
      .map((value, i) => [value, i] as const)
      .reverse()
      .map(([value, i]) => (running = Math.min(running, (p.length * value) / (i + 1))))
      .reverse(),
  )
}

function adjusted(p: readonly number[], adjust: (sorted: number[]) => number[]): number[] {
  const order = [...p.keys()].sort((a, b) => p[a]! - p[b]!)
  const values = adjust(order.map((at) => p[at]!))
  const result = [...p]
  for (const [rank, at] of order.entries()) result[at] = values[rank]!
  return result
}
