/**
 * When the ledger looks after a job by itself, when it gives one up, and how long a backend that does not answer is
 * left alone. Asks nobody and reads no clock.
 */

const FIRST_SHADOW_PAUSE_MS = 1000
const LONGEST_SHADOW_PAUSE_MS = 30_000
const LONGEST_QUIET_PAUSE_MS = 600_000
/** So slowly for copies that, after the first ten seconds, a look tells when a job ended within a fifth of its age. */
const SHADOW_GROWTH = 1.2
const QUIET_GROWTH = 1.5
/** An end that is known no better than to this share of the job's age tells no latency. */
const VAGUE_SHARE = 0.25
/** So many looks in a row without an answer, and a backend is left alone for a while. */
const SILENT_AFTER = 2
const FIRST_SILENCE_MS = 5000
const LONGEST_SILENCE_MS = 60_000
/** How long an object that slept through deadlines may still look at those jobs before the clock decides. */
const CATCH_UP_MS = 30_000
/** A look later than this tells how long the queue was, and not when the job ended. */
const SLACK_MS = 1500

/** How long a look may wait for its answer. */
export const LOOK_MS = 5000
/** The same for the last one, at a job's deadline: it delays the clock's decision by no more. */
export const LAST_LOOK_MS = 2000

/** One backend as looks have found it: unanswered ones in a row, and until when it is left alone. Unix ms. */
export interface Silence {
  unanswered: number
  untilMs: number
}

export const HEARD: Silence = { unanswered: 0, untilMs: 0 }

export function afterLook({ unanswered }: Silence, answered: boolean, now: number): Silence {
  if (answered) return HEARD
  const beyond = unanswered + 1 - SILENT_AFTER
  const pause = Math.min(FIRST_SILENCE_MS * 2 ** Math.max(0, beyond), LONGEST_SILENCE_MS)
  return { unanswered: unanswered + 1, untilMs: beyond < 0 ? 0 : now + pause }
}

/** `end`: by the clock alone. `last_look`: once more, and then the clock decides. `later`: its backend is left alone. */
export type Step = 'end' | 'look' | 'last_look' | 'later'

export interface DueJob {
  deadlineMs: number
  /** False for a copy whose submit has not been answered: there is nothing to ask for. */
  hasId: boolean
  silence: Silence
  /** Since when the object has been looking. */
  awakeSinceMs: number
}

export function stepFor({ deadlineMs, hasId, silence, awakeSinceMs }: DueJob, now: number): Step {
  const isSilent = now < silence.untilMs
  if (now < deadlineMs) return isSilent || !hasId ? 'later' : 'look'
  const grace = deadlineMs < awakeSinceMs ? awakeSinceMs + CATCH_UP_MS : deadlineMs + LAST_LOOK_MS
  return !hasId || isSilent || now >= grace ? 'end' : 'last_look'
}

/** Until the next look at a job that has been looked at so often: copies from the start on, users' jobs once quiet. */
export function pauseMs(isShadow: boolean, quietAfterMs: number, looks: number): number {
  const [first, growth, longest] = isShadow
    ? [FIRST_SHADOW_PAUSE_MS, SHADOW_GROWTH, LONGEST_SHADOW_PAUSE_MS]
    : [quietAfterMs, QUIET_GROWTH, LONGEST_QUIET_PAUSE_MS]
  return Math.min(first * growth ** looks, longest)
}

/** What is known of when a job ended: unix ms, and what its backend tells of the whole, in whole seconds. */
export interface SeenEnd {
  submittedAtMs: number
  /** When it was last known to be open; null where nobody had looked. */
  openAtMs: number | null
  seenAtMs: number
  totalSeconds: number | null
}

/** Whether looks were too far apart to tell how long the job took: a quick job seen late is no slow one. */
export function isVague({ submittedAtMs, openAtMs, seenAtMs, totalSeconds }: SeenEnd): boolean {
  const told = totalSeconds === null ? null : submittedAtMs + totalSeconds * 1000
  const least = Math.max(openAtMs ?? submittedAtMs, told === null ? 0 : told - 1000)
  const most = Math.min(seenAtMs, told === null ? Infinity : told + 1000)
  return most - least > VAGUE_SHARE * (most - submittedAtMs)
}

/** Whether the time of a look tells when a job ended, at most as much later as jobs are looked at. */
export function isOnTime(dueAtMs: number, lookedAtMs: number): boolean {
  return lookedAtMs - dueAtMs <= SLACK_MS
}
