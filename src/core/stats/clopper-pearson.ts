/**
 * The exact interval of a rate (Clopper & Pearson 1934): the rates at which as many events, or as few, would still have
 * had a chance of half of what is left. It never covers less than it says, and often more; Wilson's is the one to show.
 */
import betainc from '@stdlib/math-base-special-betainc'
import type { Share } from './proportions.ts'

/** Exactly 0 at x = 0 and 1 at x = n. */
export function clopperPearson({ x, n }: Share, confidence: number): { low: number; high: number } {
  const tail = (1 - confidence) / 2
  return {
    low: x === 0 ? 0 : whereRising((p) => betainc(p, x, n - x + 1, true, false) - tail),
    high: x === n ? 1 : whereRising((p) => tail - betainc(p, x + 1, n - x, true, true)),
  }
}

/** The root of a rising function on (0, 1), halved down to the last digits, of tiny roots too. */
function whereRising(f: (p: number) => number): number {
  let [low, high] = [0, 1]
  for (let step = 0; step < 200 && high - low > 4e-16 * high; step++) {
    const middle = low === 0 && high < 1e-3 ? high / 16 : (low + high) / 2
    if (f(middle) < 0) low = middle
    else high = middle
  }
  return (low + high) / 2
}
