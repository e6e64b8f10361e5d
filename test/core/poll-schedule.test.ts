/** When jobs are polled, what may be said of one whose time is up, and how long a silent backend is left alone. */
import { describe, expect, it } from 'vitest'
import {
  afterPoll,
  forgivenMs,
  NO_BACKOFF,
  isOnTime,
  isVague,
  copyPauseMs,
  quietPauseMs,
  stepFor,
} from '../../src/core/poll-schedule.ts'

const job = { deadlineMs: 100_000, hasId: true, backoff: NO_BACKOFF, awakeSinceMs: 0 }
const unanswering = { unanswered: 2, untilMs: 130_000, askedAtMs: 99_999 }
const unansweringSince = { ...unanswering, askedAtMs: 100_000 }

describe('a job that is due', () => {
  it.each([
    ['is polled before its deadline', job, 99_999, 'poll'],
    ['waits while its backend is left alone', { ...job, backoff: unanswering }, 99_999, 'later'],
    [
      'is polled once more after its deadline, however silent its backend',
      { ...job, backoff: unanswering },
      100_000,
      'poll',
    ],
    [
      'is timed out where its backend answered nobody since',
      { ...job, backoff: unansweringSince },
      100_000,
      'timed_out',
    ],
    ['is not observed where there is no id to ask for', { ...job, hasId: false }, 100_000, 'not_observed'],
    ['is polled for a minute after its deadline', job, 159_999, 'poll'],
    ['is not observed where no poll came about in that minute', job, 160_000, 'not_observed'],
    ['is polled for a minute after a sleep, too', { ...job, awakeSinceMs: 500_000 }, 559_999, 'poll'],
    ['is not observed after that', { ...job, awakeSinceMs: 500_000 }, 560_000, 'not_observed'],
  ] as const)('%s', (_, due, now, step) => {
    expect(stepFor(due, now)).toBe(step)
  })
})

describe('a backend', () => {
  it('is left alone after the second unanswered poll in a row, for ever longer up to a minute', () => {
    let backoff = NO_BACKOFF
    const pauses = [1, 2, 3, 4, 5, 6, 7].map(() => {
      backoff = afterPoll(backoff, false, 900, 1000)
      return Math.max(0, backoff.untilMs - 1000)
    })
    expect(pauses).toEqual([0, 5000, 10_000, 20_000, 40_000, 60_000, 60_000])
    expect(backoff.askedAtMs).toBe(900)
    expect(afterPoll(backoff, true, 900, 1000)).toEqual(NO_BACKOFF)
  })
})

describe('the pauses between polls', () => {
  it('of users’ jobs grow from quiet_after to ten minutes', () => {
    expect([0, 1, 20].map((polls) => quietPauseMs(120_000, polls))).toEqual([120_000, 180_000, 600_000])
  })

  it.each([
    ['a second at least, and a fifth of its age, where nothing is known of others', {}, [1, 1, 1, 2, 30, 30]],
    ['none before the quickest have ended', { quickestMs: 10_000 }, [10, 9, 6, 2, 30, 30]],
    ['its age, for one that is polled before that, too', { quickestMs: 10_000, isEarly: true }, [1, 1, 4, 2, 30, 30]],
    ['half a minute at most, but for the first', { quickestMs: 2e6, isEarly: true }, [1, 1, 4, 10, 30, 30]],
    ['three times its age, where others find out when copies end', { isOneOfMany: true }, [1, 3, 12, 30, 30, 30]],
    ['half of its age from ten seconds on, where its backend tells of ends', { isTold: true }, [1, 1, 1, 5, 30, 30]],
    ['as short as half a second, once something is known', { quickestMs: 900 }, [0.9, 0.5, 0.8, 2, 30, 30]],
  ])('of a copy are %s', (_, over, seconds) => {
    const pauses = [0, 1000, 4000, 10_000, 300_000, 1_990_000].map((ageMs) =>
      copyPauseMs({ ageMs, quickestMs: 0, isEarly: false, isOneOfMany: false, isTold: false, ...over }),
    )
    expect(pauses).toEqual(seconds.map((each) => each * 1000))
  })

  it.each([
    ['nobody had looked', null, 1000, null, true],
    ['nobody had looked, and its backend tells it to a second of a minute', null, 300_000, 60, false],
    ['its backend tells it to a second of three', null, 300_000, 3, true],
    ['it was open a quarter of its age ago', 45_000, 60_000, null, false],
    ['it was open longer ago', 44_999, 60_000, null, true],
  ] as const)('tell no latency where they are too far apart: %s', (_, openAtMs, seenAtMs, totalSeconds, vague) => {
    expect(isVague({ submittedAtMs: 0, openAtMs, seenAtMs, totalSeconds })).toBe(vague)
  })

  it('say when a job ended only where the poll was on time', () => {
    expect([isOnTime(1000, 2500), isOnTime(1000, 2501)]).toEqual([true, false])
  })
})

describe('time in which the ledger was away', () => {
  it('is given to a job, from half a minute on', () => {
    expect([forgivenMs(1000, 31_000), forgivenMs(1000, 31_001), forgivenMs(5000, 1000)]).toEqual([0, 30_001, 0])
  })
})
