import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { RepeatOf } from '../../src/core/failure-runs.ts'
import { ARM_ERRORS, BLAMELESS, type Outcome } from '../../src/core/outcome.ts'
import {
  armErrors,
  count,
  type Counters,
  emptyCounters,
  failures,
  judged,
  mergeCounters,
} from '../../src/core/window.ts'

const outcomes = fc.constantFrom<Outcome>('ok', ...ARM_ERRORS, ...BLAMELESS)
const latency = fc.double({ min: 0, max: 90_000, noNaN: true })
const observation = fc.record({
  outcome: outcomes,
  repeats: fc.subarray<RepeatOf>(['row', 'window']),
  seconds: fc.oneof(
    fc.record({ latency }),
    fc.record({ latency, per_clip: latency, queue: latency, run: latency }),
    fc.constant({}),
  ),
})
const observations = fc.array(observation, { maxLength: 40 })

function counted(list: readonly Parameters<typeof count>[1][]): Counters {
  const counters = emptyCounters()
  for (const one of list) count(counters, one)
  return counters
}

function sum(...parts: readonly Counters[]): Counters {
  const target = emptyCounters()
  for (const part of parts) mergeCounters(target, part)
  return target
}

it('counters merged are counters of everything, in whatever order and grouping', () => {
  fc.assert(
    fc.property(observations, observations, observations, (a, b, c) => {
      const all = counted([...a, ...b, ...c])
      const [x, y, z] = [counted(a), counted(b), counted(c)]
      expect(sum(x, y, z)).toEqual(all)
      expect(sum(z, x, y)).toEqual(all)
      expect(sum(sum(x, y), z)).toEqual(all)
      expect(sum(x, sum(y, z))).toEqual(all)
    }),
  )
})

it('the arm answers for its own errors only', () => {
  const counters = counted([
    { outcome: 'ok', seconds: {} },
    { outcome: 'job_timeout', seconds: {} },
    { outcome: 'saturated', seconds: {} },
    { outcome: 'content_refused', seconds: {} },
    { outcome: 'cancelled', seconds: {} },
  ])
  expect([armErrors(counters), judged(counters)]).toEqual([2, 3])
})

it('leaves a subject’s repeats out of what is evidence, and nowhere else', () => {
  const counters = emptyCounters()
  count(counters, { outcome: 'ok', seconds: {} })
  for (const repeats of [[], ['row', 'window'], ['row']] as const)
    count(counters, { outcome: 'job_failed', seconds: {}, repeats })
  count(counters, { outcome: 'client_error', seconds: {}, repeats: ['row'] })
  const twice = emptyCounters()
  for (const each of [counters, counters]) mergeCounters(twice, each)
  expect(twice).toMatchObject({ requests: 10, outcomes: { job_failed: 6, client_error: 2 } })
  expect(failures(twice, 'row')).toEqual({ x: 2, n: 4, errors: { job_failed: 2 } })
  expect(failures(twice, 'window')).toEqual({ x: 4, n: 6, errors: { job_failed: 4 } })
})
