/** Where a condition begins to hold that does not hold below and does above: found by halving, since nothing solves it. */

/** `low` and `high` with the place between them, halved so many times. */
export function halved(low: number, high: number, times: number, holds: (at: number) => boolean) {
  for (let i = 0; i < times; i++) {
    const middle = (low + high) / 2
    if (holds(middle)) high = middle
    else low = middle
  }
  return { low, high, middle: (low + high) / 2 }
}

/** The first number from `least` on at which it holds, to the last digits; null beyond about `most`. */
export function firstFrom(least: number, most: number, holds: (at: number) => boolean): number | null {
  let [low, high] = [least, least]
  for (; !holds(high); [low, high] = [high, 2 * high]) if (high > most) return null
  return halved(low, high, 50, holds).high
}
