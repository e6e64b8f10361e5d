/** When the ledger polls a job by itself, and what may be said of one whose time is up. Asks nobody, reads no clock. */

/** Pauses of a copy grow with its age, so that a poll tells when its job ended to a sixth of what it took. */
const COPY_PAUSE_SHARE = 0.2
/** Where the backend itself tells to a second when jobs end, polls need not, from this age on. */
const TOLD_PAUSE_SHARE = 0.5
const TOLD_FROM_MS = 10_000
/** As long as nothing is known of the release's copies, and after that, ms. */
const SHORTEST_COPY_PAUSES = [1000, 500] as const
const LONGEST_COPY_PAUSE_MS = 30_000
const LONGEST_QUIET_PAUSE_MS = 600_000
const QUIET_GROWTH = 1.5
/** An end that is known no better than to this share of the job's age tells no latency. */
const VAGUE_SHARE = 0.25
/** So many polls in a row without an answer, and a backend is left alone for a while. */
export const BACK_OFF_AFTER = 2
const FIRST_BACKOFF_MS = 5000
const LONGEST_BACKOFF_MS = 60_000
/** For so long after a job's deadline Sluice tries to see how it stands, before it ends unobserved. */
const OBSERVE_MS = 60_000
/** A poll later than this tells how long the queue was, and not when the job ended. */
const SLACK_MS = 1500
/** Later than this, and the ledger was away, or the clock has stepped: that time is no job's. */
const AWAY_MS = 30_000

/** So many copies in flight one ledger keeps up with, jobs of a minute and more, where a poll takes 0.3 s. */
export const MOST_COPIES_A_LEDGER = 1000

/** How long a poll may wait for its answer. */
export const POLL_MS = 5000
/** Until the next poll of a job whose deadline is over and that the last one did not settle. */
export const RETRY_MS = 500

/** One backend as polls have found it. Unix ms. */
export interface Backoff {
  /** Polls without an answer, in a row. */
  unanswered: number
  /** Until when it is left alone. */
  untilMs: number
  /** When the last one without an answer was sent. */
  askedAtMs: number
}

export const NO_BACKOFF: Backoff = { unanswered: 0, untilMs: 0, askedAtMs: 0 }

export function afterPoll(
  { unanswered, askedAtMs }: Backoff,
  answered: boolean,
  pollAskedAtMs: number,
  now: number,
): Backoff {
  if (answered) return NO_BACKOFF
  const beyond = unanswered + 1 - BACK_OFF_AFTER
  const untilMs = beyond < 0 ? 0 : now + Math.min(FIRST_BACKOFF_MS * 2 ** beyond, LONGEST_BACKOFF_MS)
  return { unanswered: unanswered + 1, untilMs, askedAtMs: Math.max(askedAtMs, pollAskedAtMs) }
}

/** `later`: its backend is left alone. The others end it: its backend was too slow, or Sluice could not see how it stands. */
export type Step = 'poll' | 'later' | 'timed_out' | 'not_observed'

export interface DueJob {
  deadlineMs: number
  /** False for a copy whose submit has not been answered: there is nothing to ask for. */
  hasId: boolean
  backoff: Backoff
  /** Since when the object has been polling. */
  awakeSinceMs: number
}

/**
 * The clock alone ends no job as timed out: that takes a poll after its deadline, of this job or, where the backend
 * answers nobody, of another one.
 */
export function stepFor({ deadlineMs, hasId, backoff, awakeSinceMs }: DueJob, now: number): Step {
  if (now < deadlineMs) return now < backoff.untilMs || !hasId ? 'later' : 'poll'
  if (!hasId) return 'not_observed'
  if (backoff.unanswered >= BACK_OFF_AFTER && backoff.askedAtMs >= deadlineMs) return 'timed_out'
  return now >= Math.max(deadlineMs, awakeSinceMs) + OBSERVE_MS ? 'not_observed' : 'poll'
}

/** By how much later a job may end, whose poll was due at that time: what nobody could see is not its time. */
export function forgivenMs(dueAtMs: number, now: number): number {
  return now - dueAtMs > AWAY_MS ? now - dueAtMs : 0
}

/** One of so many copies is polled from its start on, each time that its age has doubled: that shows what became quicker. */
export const EARLY_ONE_OF = 16
/** Of more copies in flight, so many are enough to learn from while none has ended yet; the others need only be seen now and then. */
export const LEARNING_COPIES = 100
const OTHERS_PAUSE_SHARE = 3

/** What decides how often a copy is polled. Ms. */
export interface CopyPoll {
  ageMs: number
  /** The age by which few have ended; 0: unknown. */
  quickestMs: number
  /** Polled before that age, too. */
  isEarly: boolean
  /** Others find out at what age copies end. */
  isOneOfMany: boolean
  /** Its backend tells when a job has ended. */
  isTold: boolean
}

/** Until the next poll of a copy, ms: none before the quickest have ended, and then by its age. */
export function copyPauseMs({ ageMs, quickestMs, isEarly, isOneOfMany, isTold }: CopyPoll): number {
  const shortest = SHORTEST_COPY_PAUSES[quickestMs > 0 ? 1 : 0]
  const told = isTold && ageMs >= TOLD_FROM_MS ? TOLD_PAUSE_SHARE : COPY_PAUSE_SHARE
  const even = Math.max(shortest, Math.min(ageMs * (isOneOfMany ? OTHERS_PAUSE_SHARE : told), LONGEST_COPY_PAUSE_MS))
  const leftMs = quickestMs - ageMs
  if (leftMs <= even) return even
  return isEarly ? Math.min(Math.max(ageMs, SHORTEST_COPY_PAUSES[0]), leftMs, LONGEST_COPY_PAUSE_MS) : leftMs
}

/** Until the ledger's next poll of a user's job, once quiet, that has been polled so often. */
export function quietPauseMs(quietAfterMs: number, polls: number): number {
  return Math.min(quietAfterMs * QUIET_GROWTH ** polls, LONGEST_QUIET_PAUSE_MS)
}

/** What is known of when a job ended: unix ms, and what its backend tells of the whole, in whole seconds. */
export interface SeenEnd {
  submittedAtMs: number
  /** When it was last known to be open; null where nobody had looked. */
  openAtMs: number | null
  seenAtMs: number
  totalSeconds: number | null
}

/** Whether polls were too far apart to tell how long the job took: a quick job seen late is no slow one. */
export function isVague({ submittedAtMs, openAtMs, seenAtMs, totalSeconds }: SeenEnd): boolean {
  const reportedEndMs = totalSeconds === null ? null : submittedAtMs + totalSeconds * 1000
  const least = Math.max(openAtMs ?? submittedAtMs, reportedEndMs === null ? 0 : reportedEndMs - 1000)
  const most = Math.min(seenAtMs, reportedEndMs === null ? Infinity : reportedEndMs + 1000)
  return most - least > VAGUE_SHARE * (most - submittedAtMs)
}

/** Whether the time of a poll tells when a job ended, at most as much later as jobs are polled. */
export function isOnTime(dueAtMs: number, polledAtMs: number): boolean {
  return polledAtMs - dueAtMs <= SLACK_MS
}
