/** How often one job is polled or told of until its end, and what a copy writes by it: from the ledger's own schedule. */
import { ROWS } from './object-work.ts'
import { copyPauseMs, EARLY_ONE_OF, quietPauseMs } from './poll-schedule.ts'

/** Of what a job takes on average, the quickest take so much. */
const QUICKEST_SHARE = 0.55

interface JobTimes {
  jobSeconds: number
  quietAfterSeconds: number
}

/** How many polls of its own the ledger makes of a quiet job within this time. */
export function quietPolls(quietAfterSeconds: number, seconds: number): number {
  let polls = 0
  for (let at = 0; ; polls++) {
    at += quietPauseMs(quietAfterSeconds * 1000, polls) / 1000
    if (at > seconds) return polls
  }
}

/** How often a job is told of as still open, of polls by one isolate at this interval. */
export function openUpdates({ jobSeconds, quietAfterSeconds }: JobTimes, pollSeconds: number): number {
  let told = 0
  for (let at = pollSeconds; at < jobSeconds; told++) {
    const next = Math.min(at * 1.25, at + quietAfterSeconds / 2)
    at = Math.max(Math.ceil(next / pollSeconds - 1e-9) * pollSeconds, at + pollSeconds)
  }
  return told
}

/** Rows that a copy writes up to its end, beside what its flushes, alarms and those that end with it do. */
export function copyRows(jobSeconds: number): number {
  return ROWS.copy + (copyPolls(jobSeconds) - 1) * ROWS.poll + ROWS.copyEnd
}

/** How often a copy is polled whose job takes so long, once the ledger knows the release's copies. */
export function copyPolls(jobSeconds: number): number {
  const pollsOf = (isEarly: boolean) => {
    let polls = 1
    for (let ageMs = 0; ; polls++) {
      const quickestMs = QUICKEST_SHARE * jobSeconds * 1000
      ageMs += copyPauseMs({ ageMs, quickestMs, isEarly, isOneOfMany: false, isTold: false })
      if (ageMs >= jobSeconds * 1000) return polls
    }
  }
  return pollsOf(false) + (pollsOf(true) - pollsOf(false)) / EARLY_ONE_OF
}
