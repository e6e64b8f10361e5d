/**
 * Whether a failure is evidence of its own. A user who tries again, or sends an odd prompt eight times, fails eight times
 * for one reason; so of a subject's failures in a row only some count. A good end begins a new row of failures; refusals are
 * one row for the whole epoch.
 */
import { isArmError, type Outcome } from './outcome.ts'

/** So many in a row are one. */
const ROW = 8

/** What is told apart: failures of the arm, and refusals. */
export type RowKind = 'error' | 'refusal'
/** What repeats what: of all its row, or of its row within the window; the latter is for whoever asks of windows in a row. */
export type RepeatOf = 'row' | 'window'

/** One subject's row so far: how long, and how long since the window `window` began (unix ms). */
export interface FailureRow {
  n: number
  window: number
  inWindow: number
}

/** Null for ends that neither lengthen nor break a row. */
export function rowKind(outcome: Outcome): RowKind | null {
  if (outcome === 'client_error') return 'refusal'
  return isArmError(outcome) ? 'error' : null
}

/** The row with one more failure, in the window that began then, and of what that is a repeat. */
export function lengthened(
  kind: RowKind,
  before: FailureRow | null,
  window: number,
): { row: FailureRow; repeats: RepeatOf[] } {
  const inWindow = before?.window === window ? before.inWindow : 0
  const n = before?.n ?? 0
  const repeats: RepeatOf[] = []
  if (isRepeat(kind, n)) repeats.push('row')
  if (isRepeat(kind, inWindow)) repeats.push('window')
  return { row: { n: n + 1, window, inWindow: inWindow + 1 }, repeats }
}

/**
 * Of a row of the arm's failures the 1st, 9th, 17th … count, so that an arm that fails its only user is found still. Of
 * refusals, which are some clients' own matter and repeated for ever, the 1st, 8th, 64th …
 */
function isRepeat(kind: RowKind, before: number): boolean {
  if (kind === 'error') return before % ROW !== 0
  let nth = before + 1
  while (nth % ROW === 0) nth /= ROW
  return nth !== 1
}
