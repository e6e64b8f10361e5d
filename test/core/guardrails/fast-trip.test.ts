import { describe, expect, it } from 'vitest'
import { openMonitor, type Verdict } from '../../../src/core/guardrails/index.ts'
import { counters, foldAll, guardrail, judgeAt, type Minute, MINUTE, windowOf } from './fixtures.ts'

const rule = guardrail({ id: 'error_rate:job:within', max: 0.5, withinMs: 10_000, minRequests: 10 })

function look([n, errors, controlN = 0, controlErrors = 0]: Minute, over = {}): Verdict {
  const recent = {
    ...windowOf(0, counters(n, errors), counters(controlN, controlErrors)),
    startMs: 50_000,
    endMs: 60_000,
  }
  return judgeAt({ ...rule, ...over }, openMonitor(), { recent })
}

describe('the fast trip', () => {
  it('fires on the last ten seconds, before any window has closed', () => {
    expect(look([10, 10])).toMatchObject({
      status: 'breach',
      value: 1,
      n: 10,
      windows: { fromMs: 50_000, toMs: 60_000, bad: 1, needed: 1 },
      message: 'job error rate 100 % > 50 % within 10 s (10 of 10 jobs: 10 job_failed; no control traffic)',
    })
  })

  it('wants the least requests, and a count that speaks against the limit', () => {
    expect(look([9, 9]).status).toBe('pass')
    expect(look([10, 5]).status).toBe('pass')
    expect(look([10, 6]).status).toBe('pass')
    expect(look([10, 6], { literal: true }).status).toBe('breach')
    expect(look([10, 8]).status).toBe('breach')
    expect(look([200, 112]).status).toBe('breach')
  })

  it('is not fired by failures that end at once, while the jobs they were submitted with are under way', () => {
    const burst = (submitted: number) =>
      judgeAt(rule, openMonitor(), { recent: windowOf(0, { ...counters(25, 25), submitted }, counters(0)) })
    expect(burst(5000)).toMatchObject({ status: 'pass', value: 0.005, n: 5000 })
    expect(burst(25).status).toBe('breach')
    // Those were submitted before.
    expect(burst(0)).toMatchObject({ status: 'breach', n: 25 })
  })

  it('is not fired by one of one or two of three', () => {
    expect([look([1, 1]).status, look([3, 2]).status]).toEqual(['pass', 'pass'])
  })

  it('holds when control fails as well', () => {
    expect(look([40, 32, 400, 310])).toMatchObject({ status: 'inconclusive', note: 'both_bad' })
    expect(look([40, 32, 400, 310], { bothBad: 'rollback' }).status).toBe('breach')
    expect(look([40, 32, 400, 4]).status).toBe('breach')
  })

  it('holds when control’s last seconds are too few to tell, but its last window was as bad', () => {
    const outage = foldAll(rule, [windowOf(0, counters(50, 35), counters(50, 35))])
    const healthy = foldAll(rule, [windowOf(0, counters(50, 0), counters(50, 0))])
    const recent = windowOf(1, counters(10, 9), counters(2, 0))
    expect(judgeAt(rule, outage, { recent })).toMatchObject({ status: 'inconclusive', note: 'both_bad' })
    expect(judgeAt(rule, healthy, { recent }).status).toBe('breach')
  })

  it('passes quiet traffic, so that a release with few jobs can advance', () => {
    const state = foldAll(rule, [windowOf(0, counters(1))])
    expect(judgeAt(rule, state)).toMatchObject({ status: 'pass', n: 0 })
    expect(judgeAt(rule, openMonitor(), { now: MINUTE })).toMatchObject({ status: 'no_data', note: null })
  })

  it('leaves no trace: after the burst the verdict is of the present', () => {
    const state = foldAll(rule, [windowOf(0, counters(60, 60))])
    const recent = windowOf(1, counters(60, 0))
    expect(judgeAt(rule, state, { recent }).status).toBe('pass')
  })
})
