/** Which jobs are rescued, and how a try that brought no job goes on. */
import { describe, expect, it } from 'vitest'
import { BLAMELESS, type Outcome } from '../../src/core/outcome.ts'
import { canBeRescued, mayTryAgain, replicaOfTry, tryAgainMs } from '../../src/core/rescue-plan.ts'

describe('a job', () => {
  it.each(['job_failed', 'job_lost', 'job_timeout'] as const)('is rescued from %s', (outcome) => {
    expect(canBeRescued(outcome)).toBe(true)
  })

  it.each<Outcome | null>(['ok', null, ...BLAMELESS])('is not rescued from %s', (outcome) => {
    expect(canBeRescued(outcome)).toBe(false)
  })
})

describe('a try that brought no job', () => {
  it.each([null, 200, 500, 502, 503, 504, 408, 409, 425, 429])('is made again after %s', (status) => {
    expect(mayTryAgain(1, status)).toBe(true)
  })

  it.each([400, 401, 403, 404, 413, 422, 302])('is the last after %s', (status) => {
    expect(mayTryAgain(1, status)).toBe(false)
  })

  it('is the last after six, half a minute in all', () => {
    expect([mayTryAgain(5, 503), mayTryAgain(6, 503)]).toEqual([true, false])
    expect([1, 2, 3, 4, 5].map(tryAgainMs)).toEqual([1000, 2000, 4000, 8000, 16_000])
  })

  it('asks the same replica twice, so that one which took the job can say so, and then the next', () => {
    expect([0, 1, 2, 3, 4, 5].map((tries) => replicaOfTry(7, tries, 3))).toEqual([1, 1, 2, 2, 0, 0])
  })
})
