/**
 * An e-process that forgets: the weighted sum of e-processes that begin anew at every window, so that evidence of a change
 * is not outweighed by all that was well before it (Shin, Ramdas & Rinaldo, arXiv 2203.03532, with weights that sum to
 * one). Each counts the failures of those only that were submitted after it began: a failure may end when all that were
 * submitted with it are long counted, and would be among nothing there. So the restarts are kept apart by their age, in
 * groups that grow with it. It decides nothing; callers compare.
 */
import { inAgeGroups } from './age-groups.ts'
import { logSum } from './anytime.ts'

/** Plain data, of a size that grows with the logarithm of the windows. */
export interface Restarts {
  /** For each alternative, the gains of all windows. */
  gains: readonly number[]
  /** Oldest first. */
  groups: readonly Group[]
  /** Windows taken in so far. */
  windows: number
}

/** Restarts of about the same age. */
interface Group {
  size: number
  /** The window with which the youngest began. */
  begun: number
  /** For each alternative, ln of the weighted sum of its e-processes, less the gains of all windows. */
  sums: readonly number[]
}

/** What of the gains does not belong to restarts that are younger than so many windows. */
export interface LateGains {
  ageWindows: number
  gains: readonly number[]
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
  return { gains: Array.from({ length: alternatives }, () => 0), groups: [], windows: 0 }
}

/**
 * After so many more windows, of which `gains` has each alternative's log likelihood ratio against the null (an e-variable's
 * logarithm, given all before).
 */
export function takenIn(
  { gains: before, groups, windows }: Restarts,
  gains: readonly number[],
  more: number,
  late: readonly LateGains[] = [],
): Restarts {
  const weight = Math.log(left(windows) - left(windows + more))
  const all = [...groups, { size: 1, begun: windows, sums: before.map((gain) => weight - gain) }]
  const own = late.length === 0 ? all : all.map((group) => withoutLate(group, late, windows))
  return {
    gains: before.map((gain, i) => gain + gains[i]!),
    groups: inAgeGroups(own, together),
    windows: windows + more,
  }
}

function withoutLate(group: Group, late: readonly LateGains[], window: number): Group {
  const foreign = late.filter(({ ageWindows }) => window - group.begun < ageWindows)
  if (foreign.length === 0) return group
  return { ...group, sums: group.sums.map((sum, i) => foreign.reduce((rest, { gains }) => rest - gains[i]!, sum)) }
}

function together(older: Group, younger: Group): Omit<Group, 'size'> {
  return { begun: younger.begun, sums: older.sums.map((sum, i) => logSum([sum, younger.sums[i]!])) }
}

/** ln of the whole sum, its alternatives in equal parts: under the null it ever reaches ln(1/α) with probability at most α. */
export function logEvidence({ gains, groups, windows }: Restarts): number {
  const first = Math.log(FIRST)
  const sums = gains.map((gain, i) => gain + logSum([first, ...groups.map((group) => group.sums[i]!)]))
  const begun = logSum(sums) - Math.log(sums.length)
  return logSum([begun, Math.log(left(windows))])
}
