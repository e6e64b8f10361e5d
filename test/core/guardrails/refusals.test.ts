import { describe, expect, it } from 'vitest'
import { foldWindow, judge, openMonitor, type Verdict } from '../../../src/core/guardrails/index.ts'
import type { Counters } from '../../../src/core/window.ts'
import { guardrail, MINUTE, windowOf } from './fixtures.ts'

const rule = guardrail({ metric: 'refusal_rate', method: 'sequential', max: 0.2, operation: 'submit' })

function submits(n: number, refused: number, others: Counters['outcomes'] = {}): Counters {
  return { requests: n, outcomes: { ...(refused > 0 ? { client_error: refused } : {}), ...others }, sketches: {} }
}

/** The verdict after windows of candidate's and control's submits. */
function verdictOf(windows: readonly (readonly [Counters, Counters | null])[]): Verdict {
  const state = windows.reduce(
    (earlier, [own, other], i) => foldWindow(rule, earlier, windowOf(i, own, other, 'submit')),
    openMonitor(),
  )
  const now = windows.length * MINUTE
  return judge(rule, state, { now, clockStartedAt: 0, epochStartedAt: 0, recent: null })
}

describe('refusals, against control', () => {
  it('rolls back a candidate that refuses every submit while control takes them', () => {
    const verdict = verdictOf([[submits(100, 100), submits(100, 0)]])
    expect(verdict).toMatchObject({
      status: 'breach',
      action: 'rollback',
      value: 1,
      baselineValue: 0,
      kind: 'refusals',
    })
    expect(verdict.message).toContain('submit refusal rate 100 % > 20 % (100 of 100 submits; control 0 %)')
  })

  it('lets requests be refused that control refuses as well', () => {
    expect(verdictOf([[submits(500, 400), submits(500, 400)]]).status).toBe('pass')
    expect(verdictOf([[submits(500, 300), submits(9500, 7600)]]).status).toBe('pass')
  })

  it('takes the refusals of one client in a row for one', () => {
    const one = { ...submits(60, 30), repeats: { row: { client_error: 29 } } }
    expect(verdictOf([[one, submits(3000, 10)]])).toMatchObject({ status: 'pass', n: 31, value: 1 / 31 })
    expect(verdictOf([[submits(60, 30), submits(3000, 10)]]).status).toBe('breach')
  })

  it('counts neither refused content nor what the client broke off', () => {
    const verdict = verdictOf([[submits(100, 0, { content_refused: 40, aborted: 20 }), submits(100, 0)]])
    expect(verdict).toMatchObject({ status: 'pass', n: 40 })
  })

  it('has nothing to compare with where control gets nothing', () => {
    expect(verdictOf([[submits(100, 100), null]])).toMatchObject({ status: 'inconclusive', note: 'no_control' })
  })
})
