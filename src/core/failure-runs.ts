/**
 * Whether a failure is evidence of its own. A user who tries again, or sends an odd prompt eight times, fails eight times
 * for one reason; so of a subject's failures in a row only some count. A good end begins a new row.
 */
import { isArmError, type Outcome } from './outcome.ts'

/** So many in a row are one. */
const ROW = 8

/** What is told apart: failures of the arm, and refusals. Null for ends that neither lengthen nor break a row. */
export function rowKind(outcome: Outcome): 'error' | 'refusal' | null {
  if (outcome === 'client_error') return 'refusal'
  return isArmError(outcome) ? 'error' : null
}

/**
 * Of a row of the arm's failures the 1st, 9th, 17th … count, so that an arm that fails its only user is found still. Of
 * refusals, which are some clients' own matter and repeated for ever, the 1st, 8th, 64th …
 */
export function isRepeat(kind: 'error' | 'refusal', before: number): boolean {
  if (kind === 'error') return before % ROW !== 0
  let nth = before + 1
  while (nth % ROW === 0) nth /= ROW
  return nth !== 1
}
