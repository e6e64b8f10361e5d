/**
 * An e-process that forgets: the weighted sum of e-processes that begin anew at every window, so that evidence of a change
 * is not outweighed by all that was well before it (Shin, Ramdas & Rinaldo, arXiv 2203.03532, with weights that sum to
 * one). It decides nothing; callers compare.
 */

/** Plain data, the same size for ever. */
export interface Restarts {
  /** For each alternative, ln of the weighted sum of its e-processes begun so far. */
  sums: readonly number[]
  /** Windows taken in so far. */
  windows: number
}

/** The weight of what begins with the first window; the rest is spread over all later ones. */
const FIRST = 0.5
/** Half of the rest is for so many windows: three and a half days of one-minute windows. */
const HALF_AT = 5000

/** What is left for restarts after so many windows. */
function left(windows: number): number {
  return ((1 - FIRST) * HALF_AT) / (HALF_AT + windows)
}

export function noRestarts(alternatives: number): Restarts {
  return { sums: Array.from({ length: alternatives }, () => Math.log(FIRST)), windows: 0 }
}

/**
 * After more windows, of which `gains` has each alternative's log likelihood ratio against the null (an e-variable's
 * logarithm, given all before). All restarts at once: R ← (R + w)·e.
 */
export function takenIn({ sums, windows }: Restarts, gains: readonly number[], more: number): Restarts {
  const begun = Math.log(left(windows) - left(windows + more))
  return {
    sums: sums.map((sum, i) => logSum([sum, begun]) + gains[i]!),
    windows: windows + more,
  }
}

/** ln of the whole sum, its alternatives in equal parts: under the null it ever reaches ln(1/α) with probability at most α. */
export function logEvidence({ sums, windows }: Restarts): number {
  const begun = logSum(sums) - Math.log(sums.length)
  return logSum([begun, Math.log(left(windows))])
}

function logSum(logs: readonly number[]): number {
  const highest = Math.max(...logs)
  return highest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - highest), 0))
}
