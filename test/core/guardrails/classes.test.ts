/** A verdict on errors names them by class, in its sentence and in its evidence, whichever monitor gives it. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ARM_ERRORS, BLAMELESS } from '../../../src/core/outcome.ts'
import { armErrors, type Counters, judged } from '../../../src/core/window.ts'
import { counters, foldAll, guardrail, judgeAt, verdictOf, windowOf } from './fixtures.ts'

function failing(n: number, outcomes: Counters['outcomes']): Counters {
  return { ...counters(n), outcomes }
}

const HANGS = failing(24, { job_failed: 3, job_timeout: 20 })
const SENTENCE = '23 of 24 jobs: 20 job_timeout, 3 job_failed; '
const CLASSES = { job_timeout: 20, job_failed: 3 }

describe('errors by class', () => {
  it('stand in the verdict of windows, added up over the streak', () => {
    const rule = guardrail({ forWindows: 2 })
    const first = windowOf(0, failing(20, { job_timeout: 20, content_refused: 0 }), counters(900, 3))
    const second = windowOf(1, failing(20, { job_failed: 2, http_5xx: 1, cancelled: 4 }), counters(900, 3))
    const third = windowOf(2, failing(20, { job_failed: 5, bad_output: 6 }), counters(900, 3))
    const verdict = verdictOf(rule, [first, second, third])
    expect(verdict.status).toBe('breach')
    expect(verdict.message).toContain(
      '(34 of 56 jobs: 20 job_timeout, 7 job_failed, 6 bad_output, 1 http_5xx; control 0.33 %)',
    )
    expect(verdict.evidence).toEqual({
      events: 34,
      baselineEvents: 9,
      job_timeout: 20,
      job_failed: 7,
      bad_output: 6,
      http_5xx: 1,
    })
  })

  it('stand in the verdict job by job', () => {
    const verdict = verdictOf(guardrail({ method: 'sequential' }), [windowOf(0, HANGS, counters(2400, 8))])
    expect(verdict.message).toContain(SENTENCE)
    expect(verdict.evidence).toMatchObject({ events: 23, ...CLASSES })
  })

  it('stand in the verdict of a fast trip', () => {
    const rule = guardrail({ max: 0.5, withinMs: 10_000, minRequests: 10 })
    const verdict = judgeAt(rule, foldAll(rule, []), { recent: windowOf(0, HANGS, counters(100, 0)) })
    expect(verdict.message).toContain(SENTENCE)
    expect(verdict.evidence).toMatchObject({ events: 23, ...CLASSES })
  })

  it('are told as far as they are known where an earlier build has counted', () => {
    const rule = guardrail({ method: 'sequential' })
    const state = foldAll(rule, [windowOf(0, HANGS, counters(2400, 8))])
    const { errors: _, ...trial } = state.trial!
    const older = { ...state, trial, tripped: null }
    const next = foldAll(rule, [windowOf(1, failing(2, { job_lost: 2 }), null)], older)
    expect(judgeAt(rule, next).message).toContain('(25 of 26 jobs: 2 job_lost, 23 of unknown class; ')
  })

  it('add up to the errors, and a monitor’s state does not grow with time', () => {
    const some = fc.record(
      Object.fromEntries([...ARM_ERRORS, ...BLAMELESS].map((name) => [name, fc.nat({ max: 9 })])),
    ) as fc.Arbitrary<Counters['outcomes']>
    fc.assert(
      fc.property(fc.array(some, { minLength: 1, maxLength: 40 }), (minutes) => {
        const windows = minutes.map((outcomes, i) => windowOf(i, failing(200, outcomes), counters(200, 1)))
        const sum = windows.reduce((n, { candidate }) => n + armErrors(candidate.job!), 0)
        for (const rule of [guardrail({ method: 'sequential' }), guardrail({ minRequests: 1e9 })]) {
          const state = foldAll(rule, windows)
          const tally = state.tripped ? null : (state.trial ?? state.pending!.tally)
          if (!tally) continue
          expect(Object.values(tally.errors!).reduce((a, b) => a + b, 0)).toBe(sum)
          expect(tally.n).toBe(windows.reduce((n, { candidate }) => n + judged(candidate.job!), 0))
          expect(Object.keys(tally.errors!).length).toBeLessThanOrEqual(ARM_ERRORS.length)
        }
      }),
    )
  })
})
