/** How often a release is judged, and how long its last verdicts may be gone by. */
import { expect, it } from 'vitest'
import { nextTickAt, periodMs, verdictsNow } from '../../src/core/cadence.ts'
import { guardrail } from './guardrails/fixtures.ts'
import { NOW, verdict } from './release-fixtures.ts'

const PLAN = { windowMs: 60_000, guardrails: [guardrail()] }

it('a release is judged twice a window, at least every 5 s, every second with a fast trip, at most twice a second', () => {
  expect(periodMs(PLAN)).toBe(5000)
  expect(periodMs({ ...PLAN, guardrails: [guardrail({ withinMs: 10_000 })] })).toBe(1000)
  expect(periodMs({ ...PLAN, windowMs: 1000 })).toBe(500)
  expect([nextTickAt(PLAN, 0), nextTickAt(PLAN, 4999), nextTickAt(PLAN, 5000)]).toEqual([5100, 5100, 10_100])
})

it('where fast trips have nothing to look at it is judged as if there were none, and its verdicts hold as long as then', () => {
  const plan = { ...PLAN, guardrails: [guardrail({ withinMs: 10_000 })] }
  expect([periodMs(plan, true), periodMs({ ...plan, windowMs: 1000 }, true)]).toEqual([5000, 500])
  expect(nextTickAt(plan, 0, true)).toBe(5100)
  const verdicts = [verdict()]
  expect(verdictsNow(verdicts, NOW, plan, NOW + 5001)[0]!.status).toBe('error')
  expect(verdictsNow(verdicts, NOW, plan, NOW + 15_000, true)).toBe(verdicts)
})

it('verdicts hold while up to three ticks fail, and are errors from then on, whatever they said', () => {
  const verdicts = [verdict(), verdict({ status: 'breach', note: 'both_bad' })]
  expect(verdictsNow(verdicts, NOW, PLAN, NOW + 15_000)).toBe(verdicts)
  const old = verdictsNow(verdicts, NOW, PLAN, NOW + 15_001)
  expect(old.map(({ status, note }) => [status, note])).toEqual([
    ['error', null],
    ['error', null],
  ])
  expect(old[0]!.message).toContain('could not be measured for 15 s')
})
