/** From which age on copies are worth a poll: what the ages tell at which they were seen open, and ended. */
import { describe, expect, it } from 'vitest'
import { copyPauseMs } from '../../src/core/poll-schedule.ts'
import { QuickestJobs } from '../../src/core/quickest-jobs.ts'
import { seededRandom } from '../../src/core/stats/sampling.ts'

/** Copies one after the other, polled by what is known of those before; polls, and the share whose end stays vague. */
function follow(quickest: QuickestJobs, seconds: readonly number[]): { polls: number; vague: number } {
  let [polls, vague] = [0, 0]
  for (const [i, length] of seconds.entries())
    for (let [openMs, ageMs] = [null as number | null, 0]; ;) {
      const others = { isOneOfMany: false, isTold: false }
      ageMs += copyPauseMs({ ageMs, quickestMs: quickest.ageMs, isEarly: i % 16 === 0, ...others })
      polls++
      if (ageMs < length * 1000) {
        quickest.open(openMs, ageMs)
        openMs = ageMs
        continue
      }
      quickest.ended(openMs, ((openMs ?? 0) + ageMs) / 2)
      if (ageMs - (openMs ?? 0) > ageMs / 4) vague++
      break
    }
  return { polls: polls / seconds.length, vague: vague / seconds.length }
}

/** Around so many seconds, half as long again at most. */
function lengths(n: number, seconds: number, seed = 1): number[] {
  const random = seededRandom(seed)
  return Array.from({ length: n }, () => seconds * (0.5 + random()))
}

it('nothing is known of copies at first, nor of an age that few have reached', () => {
  const quickest = new QuickestJobs()
  expect(quickest.ageMs).toBe(0)
  for (let i = 0; i < 29; i++) quickest.open(null, 10_000)
  expect(quickest.ageMs).toBe(0)
  quickest.open(null, 10_000)
  expect(quickest.ageMs).toBeGreaterThan(8000)
  expect(quickest.ageMs).toBeLessThanOrEqual(10_000)
})

it('jobs that never end are known to be open at ever later ages, each counted once', () => {
  const quickest = new QuickestJobs()
  for (let i = 0; i < 5; i++)
    for (let ageMs = 1000; ageMs < 100_000; ageMs += 1000) quickest.open(ageMs === 1000 ? null : ageMs - 1000, ageMs)
  expect(quickest.ageMs).toBe(0)
})

describe('of jobs that vary', () => {
  it('one in twenty has ended by that age at most, and few are polled too late to tell when', () => {
    const quickest = new QuickestJobs()
    follow(quickest, lengths(200, 60))
    const later = follow(quickest, lengths(1000, 60, 2))
    expect(quickest.ageMs).toBeLessThan(33_000 * 1.2)
    expect(quickest.ageMs).toBeGreaterThan(33_000 / 1.5)
    expect(later.polls).toBeLessThan(7)
    expect(later.vague).toBeLessThan(0.05)
  })

  it('a backend that becomes three times as fast is noticed within a hundred copies', () => {
    const quickest = new QuickestJobs()
    follow(quickest, lengths(1000, 60))
    follow(quickest, lengths(100, 20))
    expect(quickest.ageMs).toBeLessThan(10_000 * 1.2)
    expect(follow(quickest, lengths(500, 20, 2)).vague).toBeLessThan(0.05)
  })

  it('one that becomes slower takes fewer polls again soon', () => {
    const quickest = new QuickestJobs()
    follow(quickest, lengths(300, 20))
    follow(quickest, lengths(300, 60))
    expect(follow(quickest, lengths(300, 60, 2)).polls).toBeLessThan(7)
  })

  it('clocks that differ, and ages beyond all spans, do no harm', () => {
    const quickest = new QuickestJobs()
    for (let i = 0; i < 50; i++) {
      quickest.open(null, -5000)
      quickest.ended(null, Number.MAX_SAFE_INTEGER)
      quickest.ended(5000, 0)
    }
    expect(quickest.ageMs).toBeGreaterThanOrEqual(0)
    expect(Number.isFinite(quickest.ageMs)).toBe(true)
  })
})
