/** Which requests are submits of the candidate's users, and when the first and the last of them failed. Pure. */
import { isArmError, type Outcome } from './outcome.ts'
import type { Series } from './window.ts'

/** Operations that ask a backend for a new video: `submit` begins a job, `sync` waits for the video itself. */
const SUBMITS: ReadonlySet<string> = new Set(['submit', 'sync'])

/** Unix ms. `firstAt`: when the first one failed; `lastSentAt`: when that was sent which was sent last. */
export interface FailedTimes {
  firstAt: number
  lastSentAt: number
}

/** Whether a request of this series was a user's submit to the candidate. */
export function isUsersSubmit({ arm, operation, shadow }: Series): boolean {
  return arm === 'candidate' && !shadow && SUBMITS.has(operation)
}

/** With one more request that has ended now after so many seconds; unchanged where it is none of these. */
export function withFailure(
  times: FailedTimes | undefined,
  series: Series,
  outcome: Outcome,
  seconds: number,
  now: number,
): FailedTimes | undefined {
  if (!isUsersSubmit(series) || !isArmError(outcome)) return times
  const sentAt = Math.round(now - seconds * 1000)
  return { firstAt: times?.firstAt ?? now, lastSentAt: Math.max(times?.lastSentAt ?? 0, sentAt) }
}
