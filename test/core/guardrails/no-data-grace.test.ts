/** Data that stops: what was found before is worth nothing once the grace is over. */
import { describe, expect, it } from 'vitest'
import { type ClosedWindow, type Guardrail, openMonitor } from '../../../src/core/guardrails/index.ts'
import type { Counters } from '../../../src/core/window.ts'
import { counters, foldAll, guardrail, judgeAt, MINUTE, p99, repeat, windowOf } from './fixtures.ts'

const GRACE = { noDataGraceMs: 10 * MINUTE }
const seconds = repeat(500, 30)
const RULES: Guardrail[] = [
  guardrail(GRACE),
  guardrail({ ...GRACE, method: 'sequential' }),
  guardrail({ ...GRACE, withinMs: 10_000, max: 0.5 }),
  p99(GRACE),
  p99({ ...GRACE, method: 'sequential' }),
]

/** Jobs whose ends say nothing of the candidate. */
function endedAs(outcomes: Counters['outcomes']): Counters {
  return { requests: Object.values(outcomes).reduce((sum, n) => sum + n, 0), outcomes, sketches: {} }
}

describe.each(RULES.map((rule) => [rule.id, rule] as const))('a guardrail of %s', (_, rule) => {
  const minutes = [0, 1].map((i) => windowOf(i, counters(500, 0, seconds), counters(500, 0, seconds)))
  const state = foldAll(rule, minutes)
  const at = (minute: number, over = {}) =>
    judgeAt(rule, state, { now: minute * MINUTE, judgedUntil: minute * MINUTE, ...over })

  it('that passed is no_data once nothing came for longer than its grace, and says so', () => {
    expect(at(12)).toMatchObject({ status: 'pass', note: null })
    expect(at(12.1)).toMatchObject({ status: 'no_data', note: 'grace_over' })
    expect(at(32).message).toMatch(/^no candidate jobs ended for 30 min; before that: /)
  })

  it('that passed says of later ends that show nothing how they ended', () => {
    const unseen = [5, 24].map((i) => windowOf(i, endedAs({ not_observed: 4 })))
    const verdict = judgeAt(rule, foldAll(rule, unseen, state), { now: 35 * MINUTE, judgedUntil: 35 * MINUTE })
    expect(verdict).toMatchObject({ note: 'grace_over', evidence: { not_observed: 8, unseen: 8 } })
    expect(verdict.message).toContain(
      'of 8 candidate jobs in 33 min none counts (8 not_observed): nothing is rolled back for what Sluice could not see; see whether the candidate answers its polls; before that: ',
    )
  })

  it('takes jobs that nobody could see for traffic no longer than those that were seen', () => {
    const ends = [windowOf(5, endedAs({ not_observed: 4 })), windowOf(26, endedAs({ cancelled: 2 }))]
    const verdict = judgeAt(rule, foldAll(rule, ends, state), { now: 32 * MINUTE, judgedUntil: 32 * MINUTE })
    expect(verdict.evidence).toMatchObject({ not_observed: 4, cancelled: 2 })
    expect(verdict.evidence).not.toHaveProperty('unseen')
    expect(verdict.message).toContain(
      'of 6 candidate jobs in 30 min none counts (4 not_observed, 2 cancelled); the last that Sluice could not see was 26 min ago; before that: ',
    )
  })

  it('that has seen nothing says whether nothing came or nothing counted', () => {
    const words = (...windows: ClosedWindow[]) => judgeAt(rule, foldAll(rule, windows), { now: 18_000 }).message
    const subject = rule.metric === 'error_rate' ? 'job error rate' : 'p99 latency of jobs'
    expect(words()).toBe(`${subject}: no candidate jobs ended for 18 s`)
    expect(words(windowOf(0, null, counters(9)))).toBe(`${subject}: no candidate jobs ended for 18 s`)
    const ends = [endedAs({ not_observed: 38 }), endedAs({ cancelled: 1 }), endedAs({ not_observed: 1 })]
    expect(words(...ends.map((each, i) => windowOf(i, each)))).toBe(
      `${subject}: of 40 candidate jobs in 18 s none counts (39 not_observed, 1 cancelled): nothing is rolled back for what Sluice could not see; see whether the candidate answers its polls`,
    )
    expect(words(windowOf(0, endedAs({ cancelled: 1 })))).toBe(
      `${subject}: of 1 candidate job in 18 s none counts (1 cancelled)`,
    )
  })

  it('forgets ends that showed nothing once one does', () => {
    const unseen = foldAll(rule, [windowOf(0, endedAs({ not_observed: 4 }))])
    const seen = foldAll(rule, [windowOf(1, counters(500, 0, seconds), counters(500, 0, seconds))], unseen)
    expect(judgeAt(rule, seen, { now: 62 * MINUTE, judgedUntil: 62 * MINUTE }).message).toMatch(
      /^no candidate jobs ended for 60 min/,
    )
  })

  it('does not take for silence what has not been read yet, nor what came before it could hear', () => {
    expect(at(200, { judgedUntil: 12 * MINUTE }).status).toBe('pass')
    expect(at(200, { listeningSince: 190 * MINUTE }).status).toBe('pass')
    expect(at(200, { listeningSince: 189 * MINUTE }).status).toBe('no_data')
  })

  it('goes on where it was when data comes again', () => {
    const again = foldAll(rule, [windowOf(40, counters(500, 0, seconds), counters(500, 0, seconds))], state)
    expect(judgeAt(rule, again, { now: 41 * MINUTE, judgedUntil: 41 * MINUTE }).status).toBe('pass')
  })
})

it('a breach stays one, however silent it has become', () => {
  const rule = guardrail(GRACE)
  const bad = foldAll(
    rule,
    [0, 1, 2, 3, 4].map((i) => windowOf(i, counters(100, 50))),
  )
  expect(judgeAt(rule, bad, { now: 500 * MINUTE, judgedUntil: 500 * MINUTE }).status).toBe('breach')
})

it('control alone is no data of the candidate', () => {
  const rule = guardrail(GRACE)
  const states = foldAll(rule, [windowOf(0, counters(100)), windowOf(30, null, counters(100))])
  expect(judgeAt(rule, states, { now: 31 * MINUTE, judgedUntil: 31 * MINUTE }).status).toBe('no_data')
})

it('counts as unseen the good jobs whose latency nobody was told, and no failed ones', () => {
  const evidenceOf = (ended: Counters) =>
    judgeAt(p99(GRACE), foldAll(p99(GRACE), [windowOf(0, ended)]), { now: MINUTE }).evidence
  expect(evidenceOf({ requests: 9, outcomes: { job_failed: 4, not_observed: 2 }, sketches: {} })).toEqual({
    job_failed: 4,
    not_observed: 2,
    unseen: 5,
  })
  expect(evidenceOf(endedAs({ job_failed: 4 }))).toEqual({ job_failed: 4 })
})

describe('a signal', () => {
  const fvd = guardrail({ ...GRACE, metric: 'signal:fvd', max: 150 })
  const at = (minute: number, lastAt?: number) => {
    const candidate = { n: 500, mean: 100, ...(lastAt === undefined ? {} : { lastAt }) }
    return judgeAt(fvd, openMonitor(), { now: minute * MINUTE, signals: { candidate, control: null } })
  }

  it('does not take jobs for its samples', () => {
    const state = foldAll(fvd, [windowOf(0, endedAs({ not_observed: 4 }))])
    expect(judgeAt(fvd, state)).not.toHaveProperty('evidence.not_observed')
  })

  it('is judged by its last sample', () => {
    expect(at(70, 60 * MINUTE)).toMatchObject({ status: 'pass' })
    expect(at(71, 60 * MINUTE)).toMatchObject({ status: 'no_data', note: 'grace_over' })
    expect(at(71, 60 * MINUTE).message).toMatch(/^no new samples for 11 min; before that: /)
  })
})
