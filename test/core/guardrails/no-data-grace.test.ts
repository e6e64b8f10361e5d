/** Data that stops: what was found before is worth nothing once the grace is over. */
import { describe, expect, it } from 'vitest'
import { type Guardrail, openMonitor } from '../../../src/core/guardrails/index.ts'
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

describe.each(RULES.map((rule) => [rule.id, rule] as const))('a guardrail of %s', (_, rule) => {
  const minutes = [0, 1].map((i) => windowOf(i, counters(500, 0, seconds), counters(500, 0, seconds)))
  const state = foldAll(rule, minutes)
  const at = (minute: number, over = {}) =>
    judgeAt(rule, state, { now: minute * MINUTE, judgedUntil: minute * MINUTE, ...over })

  it('that passed is no_data once nothing came for longer than its grace, and says so', () => {
    expect(at(12)).toMatchObject({ status: 'pass', note: null })
    expect(at(12.1)).toMatchObject({ status: 'no_data', note: 'grace_over' })
    expect(at(32).message).toMatch(/^no candidate jobs for 30 min; before that: /)
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

describe('a signal', () => {
  const fvd = guardrail({ ...GRACE, metric: 'signal:fvd', max: 150 })
  const at = (minute: number, lastAt?: number) => {
    const candidate = { n: 500, mean: 100, ...(lastAt === undefined ? {} : { lastAt }) }
    return judgeAt(fvd, openMonitor(), { now: minute * MINUTE, signals: { candidate, control: null } })
  }

  it('is judged by its last sample', () => {
    expect(at(70, 60 * MINUTE)).toMatchObject({ status: 'pass' })
    expect(at(71, 60 * MINUTE)).toMatchObject({ status: 'no_data', note: 'grace_over' })
    expect(at(71, 60 * MINUTE).message).toMatch(/^no new samples for 11 min; before that: /)
  })
})
