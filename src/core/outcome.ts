/** What can become of a request or a job, in the words that counters and metrics use. Names only. */

/** What one request does; `job` is the whole job, from submit to its terminal status. */
export const OPERATIONS = ['submit', 'poll', 'content', 'cancel', 'list', 'sync', 'other', 'job'] as const
export type Operation = (typeof OPERATIONS)[number]

/** Failures that are the arm's own. They make up the error rate. */
export const ARM_ERRORS = [
  'http_5xx',
  'saturated',
  'timeout',
  'unreachable',
  'job_failed',
  'job_lost',
  'bad_output',
  'job_timeout',
] as const
export type ArmError = (typeof ARM_ERRORS)[number]

/** Ends that nobody may blame the arm for: counted apart. `not_observed`: Sluice could not see in time how. */
export const BLAMELESS = ['client_error', 'content_refused', 'cancelled', 'aborted', 'not_observed'] as const
export type Blameless = (typeof BLAMELESS)[number]

export type Outcome = 'ok' | ArmError | Blameless

const OWN = new Set<Outcome>(ARM_ERRORS)

export function isArmError(outcome: Outcome): outcome is ArmError {
  return OWN.has(outcome)
}
