/** When jobs are looked at, given up and called late, and how long a silent backend is left alone. */
import { describe, expect, it } from 'vitest'
import { afterLook, HEARD, isOnTime, isVague, pauseMs, stepFor } from '../../src/core/look-pace.ts'

const job = { deadlineMs: 100_000, hasId: true, silence: HEARD, awakeSinceMs: 0 }
const silent = { unanswered: 2, untilMs: 130_000 }

describe('a job that is due', () => {
  it.each([
    ['is looked at before its deadline', job, 99_999, 'look'],
    ['waits while its backend is left alone', { ...job, silence: silent }, 99_999, 'later'],
    ['is looked at once more at its deadline', job, 100_000, 'last_look'],
    ['ends by the clock where that look has not come round in time', job, 102_000, 'end'],
    ['ends by the clock at its deadline while its backend is left alone', { ...job, silence: silent }, 100_000, 'end'],
    ['ends by the clock where there is no id to ask for', { ...job, hasId: false }, 100_000, 'end'],
    ['is looked at after a sleep through its deadline', { ...job, awakeSinceMs: 500_000 }, 529_999, 'last_look'],
    ['ends by the clock where that took too long', { ...job, awakeSinceMs: 500_000 }, 530_000, 'end'],
  ] as const)('%s', (_, due, now, step) => {
    expect(stepFor(due, now)).toBe(step)
  })
})

describe('a backend', () => {
  it('is left alone after the second unanswered look in a row, for ever longer up to a minute', () => {
    let silence = HEARD
    const pauses = [1, 2, 3, 4, 5, 6, 7].map(() => {
      silence = afterLook(silence, false, 1000)
      return Math.max(0, silence.untilMs - 1000)
    })
    expect(pauses).toEqual([0, 5000, 10_000, 20_000, 40_000, 60_000, 60_000])
    expect(afterLook(silence, true, 1000)).toEqual(HEARD)
  })
})

describe('the pauses between looks', () => {
  it('grow from a second to half a minute for copies, and from quiet_after to ten minutes for others', () => {
    expect([0, 1, 2, 20].map((looks) => pauseMs(true, 120_000, looks))).toEqual([1000, 1200, 1440, 30_000])
    expect([0, 1, 20].map((looks) => pauseMs(false, 120_000, looks))).toEqual([120_000, 180_000, 600_000])
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

  it('say when a job ended only where the look was on time', () => {
    expect([isOnTime(1000, 2500), isOnTime(1000, 2501)]).toEqual([true, false])
  })
})
