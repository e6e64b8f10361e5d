/** Exact tests and intervals for counts of events among trials, each for a single look. Sequential ones are elsewhere. */
import betainc from '@stdlib/math-base-special-betainc'
import { errorShare } from './sequential.ts'

/** P(X >= events) for X ~ Binomial(trials, p): the exact one-sided p-value against a rate of at most p. */
export function binomialTail(events: number, trials: number, p: number): number {
  if (events <= 0 || p >= 1) return 1
  if (events > trials || p <= 0) return 0
  return betainc(p, events, trials - events + 1, true, false)
}

/** Events among trials. */
export interface Share {
  x: number
  n: number
}

/**
 * One-sided p-value against "the candidate's rate is at most `ratio` × control's": given all events together, the
 * candidate's are binomial by its share of the trials. Exact for rare events, and on the careful side otherwise.
 */
export function worseThanControl(candidate: Share, control: Share, ratio = 1): number {
  const share = candidate.n / (candidate.n + control.n)
  return binomialTail(candidate.x, candidate.x + control.x, errorShare(share, ratio))
}

/** Wilson's score interval; `z` is the normal quantile, 1.96 for 95 %. Exactly 0 or 1 at the ends. */
export function wilsonInterval({ x, n }: Share, z = 1.959963984540054): { low: number; high: number } {
  const centre = x + (z * z) / 2
  const half = z * Math.sqrt((x * (n - x)) / n + (z * z) / 4)
  return {
    low: x === 0 ? 0 : (centre - half) / (n + z * z),
    high: x === n ? 1 : (centre + half) / (n + z * z),
  }
}

/**
 * The exact interval of a rate (Clopper & Pearson 1934): the rates at which as many events, or as few, would still have
 * had a chance of half of what is left. It never covers less than it says, and often more; Wilson's is the one to show.
 * Exactly 0 at x = 0 and 1 at x = n.
 */
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
