/** Which ends of a job `rescue` makes good, and how often, how soon and where control is asked to take it over. Pure. */
import type { Outcome } from './outcome.ts'

/** A ledger's row holds up to 2 MB; a job whose body is larger can't be rescued. */
export const MAX_RESCUE_BODY_BYTES = 1_900_000
const MAX_TRIES = 6
const FIRST_PAUSE_MS = 1000
/** These statuses mean "not now"; every other 4xx means "not this". */
const NOT_NOW: ReadonlySet<number> = new Set([408, 409, 425, 429])
/** A job's body may arrive this much after its end, from another isolate. */
const BODY_LAG_MS = 5000

/** What a client should never see: any failure of its job that is the candidate's own. */
export function canBeRescued(outcome: Outcome | null): boolean {
  return outcome === 'job_failed' || outcome === 'job_lost' || outcome === 'job_timeout'
}

/** After a try that brought no job: `status` is control's answer, null where there was none. */
export function mayTryAgain(tries: number, status: number | null): boolean {
  const isFinal = status !== null && status >= 300 && status < 500 && !NOT_NOW.has(status)
  return !isFinal && tries < MAX_TRIES
}

/** Pauses of 1, 2, 4, 8 and 16 s between tries. */
export function tryAgainMs(tries: number): number {
  return FIRST_PAUSE_MS * 2 ** (tries - 1)
}

/**
 * Which of `replicas` is asked at this try (from 0 on). Replicas share no job store: only the one that was interrupted
 * knows the key again, so it is asked twice before the next one is.
 */
export function replicaOfTry(seed: number, tries: number, replicas: number): number {
  return (seed + Math.floor(tries / 2)) % replicas
}

/** Whether the body of so young a job may still be on its way. */
export function mayStillArrive(submittedAtMs: number, now: number): boolean {
  return now - submittedAtMs < BODY_LAG_MS
}
