import { describe, expect, it } from 'vitest'
import { type ClosedWindow, openMonitor } from '../../../src/core/guardrails/index.ts'
import {
  counters,
  errorMinutes,
  foldAll,
  guardrail,
  judgeAt,
  type Minute,
  MINUTE,
  repeat,
  verdictOf,
  windowOf,
} from './fixtures.ts'

const rule = guardrail()
const BAD: Minute = [60, 6, 5940, 24]
const GOOD: Minute = [60, 0, 5940, 24]

describe('windows in a row', () => {
  it('trip after exactly five bad ones', () => {
    for (const [bad, status] of [
      [1, 'inconclusive'],
      [4, 'inconclusive'],
      [5, 'breach'],
      [6, 'breach'],
    ] as const) {
      const verdict = verdictOf(rule, errorMinutes([GOOD, ...repeat(bad, BAD)]))
      expect([bad, verdict.status, verdict.windows.bad]).toEqual([bad, status, bad])
    }
  })

  it('do not trip when the fifth is good, nor with a good one among nine bad', () => {
    expect(verdictOf(rule, errorMinutes([...repeat(4, BAD), GOOD])).status).toBe('pass')
    const broken = [...repeat(4, BAD), GOOD, ...repeat(4, BAD)]
    expect(verdictOf(rule, errorMinutes(broken))).toMatchObject({
      status: 'inconclusive',
      windows: { bad: 4, needed: 5 },
    })
    expect(verdictOf(rule, errorMinutes([...broken, BAD])).status).toBe('breach')
  })

  it('recover with the first good window: the verdict is of now', () => {
    expect(verdictOf(rule, errorMinutes([...repeat(7, BAD), GOOD])).status).toBe('pass')
  })

  it('neither trip nor reset where there is no traffic', () => {
    const windows = errorMinutes([BAD, BAD, [0, 0], [0, 0, 5940, 24], BAD, BAD, [0, 0]])
    const four = foldAll(rule, windows)
    expect(judgeAt(rule, four)).toMatchObject({ status: 'inconclusive', windows: { bad: 4 } })
    expect(judgeAt(rule, foldAll(rule, [windowOf(7, counters(60, 6))], four)).status).toBe('breach')
  })

  it('give the same state whether empty windows are folded or left out', () => {
    const windows = errorMinutes([[0, 0], BAD, [0, 0], [7, 1, 80, 0], [0, 0], BAD, GOOD, [0, 0]])
    const kept = windows.filter(
      ({ candidate, control }) => (candidate.job?.requests ?? 0) + (control.job?.requests ?? 0) > 0,
    )
    const withNothing: ClosedWindow[] = windows.map((w) =>
      kept.includes(w) ? w : { ...w, candidate: {}, control: {} },
    )
    expect(foldAll(rule, windows)).toEqual(foldAll(rule, kept))
    expect(foldAll(rule, withNothing)).toEqual(foldAll(rule, kept))
  })

  it('carry over the counts of quiet windows until there are enough', () => {
    const quiet = repeat<Minute>(5, [4, 1, 396, 1])
    expect(verdictOf(rule, errorMinutes(quiet.slice(0, 4)))).toMatchObject({
      status: 'inconclusive',
      n: 16,
      value: null,
    })
    expect(verdictOf(rule, errorMinutes(quiet))).toMatchObject({
      n: 20,
      value: 0.25,
      windows: { bad: 1, fromMs: 0, toMs: 5 * MINUTE },
    })
    expect(verdictOf(rule, errorMinutes(repeat(5, quiet).flat()))).toMatchObject({
      status: 'breach',
      n: 100,
      value: 0.25,
    })
  })

  it('lose nothing when counters come one window late', () => {
    const late = errorMinutes([BAD, BAD, [0, 0, 5940, 24], [120, 12, 5940, 24], BAD, BAD])
    expect(verdictOf(rule, late.slice(0, 5)).status).toBe('inconclusive')
    expect(verdictOf(rule, late)).toMatchObject({ status: 'breach', n: 360, value: 0.1 })
  })
})

describe('a bad window', () => {
  it('needs a count that speaks against the limit, not only a rate above it', () => {
    // 1 of 60 is 1.7 %, but a 1 % arm has at least one error in 45 % of such windows.
    expect(verdictOf(rule, errorMinutes(repeat(8, [60, 1])))).toMatchObject({ status: 'pass', value: 1 / 60 })
    expect(verdictOf(rule, errorMinutes(repeat(10, [53, 2]))).status).toBe('breach')
    expect(verdictOf(rule, errorMinutes(repeat(5, [54, 2]))).status).toBe('pass')
  })

  it('needs the more of them, the longer it has been looked for: five in a row happen in a week', () => {
    const early = errorMinutes(repeat(5, [1000, 20]))
    expect(verdictOf(rule, early).status).toBe('breach')
    const chance: Minute[] = [...repeat<Minute>(3000, [1000, 10]), ...repeat<Minute>(5, [1000, 16])]
    expect(verdictOf(rule, errorMinutes(chance))).toMatchObject({ status: 'inconclusive', windows: { bad: 5 } })
    expect(verdictOf(rule, errorMinutes([...chance, ...repeat<Minute>(5, [1000, 20])])).status).toBe('breach')
  })

  it('is the bare rate where the guardrail is literal', () => {
    const literal = guardrail({ literal: true })
    expect(verdictOf(literal, errorMinutes(repeat(5, [60, 1]))).status).toBe('breach')
    expect(verdictOf(literal, errorMinutes(repeat(5, [100, 1]))).status).toBe('pass')
  })

  it('is not made by what the arm cannot be blamed for', () => {
    const refused = { requests: 60, outcomes: { client_error: 30, cancelled: 20, content_refused: 9 }, sketches: {} }
    const state = foldAll(rule, [windowOf(0, refused)])
    expect(judgeAt(rule, state)).toMatchObject({ status: 'inconclusive', value: null, n: 1 })
  })

  it('may be one that is bad against control', () => {
    const relative = guardrail({ max: null, maxOverControl: 0.5 })
    expect(verdictOf(relative, errorMinutes(repeat(8, [400, 40, 4000, 200]))).status).toBe('breach')
    expect(verdictOf(relative, errorMinutes(repeat(5, [400, 29, 4000, 200]))).status).toBe('pass')
    expect(verdictOf(relative, errorMinutes(repeat(5, [400, 40])))).toMatchObject({
      status: 'inconclusive',
      note: 'no_control',
    })
  })
})

describe('both arms bad', () => {
  it('holds: control shows the same breach in the same windows', () => {
    const verdict = verdictOf(rule, errorMinutes(repeat(6, [60, 48, 5940, 4752])))
    expect(verdict).toMatchObject({ status: 'inconclusive', note: 'both_bad' })
    expect(verdict.message).toContain('control fails too')
  })

  it('holds for 5.0 % against 4.9 % with a limit of 4 %', () => {
    const four = guardrail({ max: 0.04 })
    const verdict = verdictOf(four, errorMinutes(repeat(6, [2000, 100, 2000, 98])))
    expect(verdict).toMatchObject({ status: 'inconclusive', note: 'both_bad', value: 0.05, baselineValue: 0.049 })
  })

  it('rolls back where the candidate is clearly worse all the same', () => {
    expect(verdictOf(rule, errorMinutes(repeat(5, [60, 18, 5940, 120]))).status).toBe('breach')
  })

  it('rolls back where the config says so', () => {
    const strict = guardrail({ bothBad: 'rollback' })
    expect(verdictOf(strict, errorMinutes(repeat(5, [60, 48, 5940, 4752]))).status).toBe('breach')
  })

  it('holds while a small control cannot show that it is healthy, and acts when it can', () => {
    expect(verdictOf(rule, errorMinutes(repeat(5, [20, 2, 10, 0]))).status).toBe('breach')
    const oneError: Minute[] = [[20, 2, 10, 1], ...repeat<Minute>(4, [20, 2, 10, 0])]
    expect(verdictOf(rule, errorMinutes(oneError))).toMatchObject({ status: 'inconclusive', note: 'both_bad' })
    const later = (n: number) => verdictOf(rule, errorMinutes([...oneError, ...repeat<Minute>(n, [20, 2, 10, 0])]))
    expect(later(1)).toMatchObject({ status: 'inconclusive', note: 'both_bad' })
    expect(later(20).status).toBe('breach')
  })

  it('are not told apart by five windows in which a small control has had no error', () => {
    const failing: Minute[] = [...repeat<Minute>(4, [20, 6, 2, 1]), ...repeat<Minute>(5, [20, 6, 2, 0])]
    expect(verdictOf(rule, errorMinutes(failing))).toMatchObject({ status: 'inconclusive', note: 'both_bad' })
  })

  it('are still so where control is gone and had been as bad in the stage before', () => {
    const before = foldAll(rule, errorMinutes(repeat(10, [500, 10, 500, 10])))
    const alone = foldAll(rule, errorMinutes(repeat(10, [1000, 20])), openMonitor(before))
    expect(judgeAt(rule, alone)).toMatchObject({ status: 'inconclusive', note: 'both_bad' })
    const worse = foldAll(rule, errorMinutes(repeat(10, [1000, 60])), openMonitor(before))
    expect(judgeAt(rule, worse).status).toBe('breach')
  })

  it('ends five windows after control has recovered', () => {
    const outage = repeat<Minute>(10, [60, 6, 5940, 600])
    const after = repeat<Minute>(5, [60, 6, 5940, 24])
    expect(verdictOf(rule, errorMinutes([...outage, ...after.slice(1)])).note).toBe('both_bad')
    expect(verdictOf(rule, errorMinutes([...outage, ...after])).status).toBe('breach')
  })
})

describe('the verdict', () => {
  it('carries what is needed to recompute it, and says it in one sentence', () => {
    const windows = errorMinutes([
      [23, 2, 2277, 9],
      [23, 2, 2277, 9],
      [23, 2, 2277, 9],
      [23, 2, 2277, 9],
      [22, 1, 2178, 9],
    ])
    const literal = guardrail({ literal: true })
    expect(verdictOf(literal, windows)).toEqual({
      guardrail: 'error_rate:job',
      kind: 'rate',
      metric: 'error_rate',
      operation: 'job',
      method: 'threshold',
      action: 'rollback',
      status: 'breach',
      note: null,
      value: 9 / 114,
      n: 114,
      baselineValue: 45 / 11_286,
      baselineN: 11_286,
      threshold: 0.01,
      measure: 'share',
      withinSeconds: null,
      alpha: null,
      formula: 'x/n > 0.01, in 5 windows of n >= 20 in a row',
      windows: { fromMs: 0, toMs: 5 * MINUTE, bad: 5, needed: 5 },
      evidence: { events: 9, baselineEvents: 45, job_failed: 9 },
      message: 'job error rate 7.9 % > 1 % in 5 of 5 windows (9 of 114 jobs: 9 job_failed; control 0.4 %)',
    })
  })

  it('is no_data before the first request, and says when that has lasted too long', () => {
    expect(judgeAt(rule, foldAll(rule, []), { now: 30 * MINUTE })).toMatchObject({ status: 'no_data', note: null })
    const late = judgeAt(rule, foldAll(rule, errorMinutes([[0, 0, 90, 1]])), { now: 61 * MINUTE })
    expect(late).toMatchObject({ status: 'no_data', note: 'grace_over', n: 0, baselineN: 90 })
    const unstarted = { now: 90 * MINUTE, clockStartedAt: null }
    expect(judgeAt(rule, foldAll(rule, []), unstarted).note).toBeNull()
    expect(judgeAt(rule, foldAll(rule, []), { ...unstarted, epochStartedAt: 0 }).note).toBe('grace_over')
  })
})
