import { describe, expect, it } from 'vitest'
import { foldWindow, judge, openMonitor, type Verdict } from '../../../src/core/guardrails/index.ts'
import { drawBinomial, seededRandom } from '../../../src/core/stats/sampling.ts'
import { logETwoStreams } from '../../../src/core/stats/two-streams.ts'
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

  it('says what its reader can compute again', () => {
    const { evidence } = verdictOf([[submits(100, 100), submits(100, 1)]])
    const logE = logETwoStreams({ x: evidence!['events']!, n: 100 }, { x: evidence!['baselineEvents']!, n: 100 })
    expect(evidence!['logEControl']).toBeCloseTo(logE / 8, 12)
    expect(evidence!['logENeeded']).toBeCloseTo(Math.log(2 / 0.01), 12)
  })

  it('lets requests be refused that control refuses as well', () => {
    expect(verdictOf([[submits(500, 400), submits(500, 400)]]).status).toBe('pass')
    expect(verdictOf([[submits(500, 300), submits(9500, 7600)]]).status).toBe('pass')
  })

  it('takes eight refusals of one client for one', () => {
    expect(verdictOf([[submits(32, 8), submits(3000, 10)]]).status).not.toBe('breach')
  })

  it('counts neither refused content nor what the client broke off', () => {
    const verdict = verdictOf([[submits(100, 0, { content_refused: 40, aborted: 20 }), submits(100, 0)]])
    expect(verdict).toMatchObject({ status: 'pass', n: 40 })
  })

  it('has nothing to compare with where control gets nothing', () => {
    expect(verdictOf([[submits(100, 100), null]])).toMatchObject({ status: 'inconclusive', note: 'no_control' })
  })
})

describe('the e-variable for two streams', () => {
  it.each([
    [5, 95],
    [50, 50],
    [20, 80],
  ])('reaches 100 in at most 1 % of equal streams, looked at after each window of %i and %i', (n, controlN) => {
    const random = seededRandom(7)
    const runs = 1000
    let reached = 0
    for (let run = 0; run < runs; run++) {
      const own = { x: 0, n: 0 }
      const other = { x: 0, n: 0 }
      for (let i = 0, done = false; i < 40 && !done; i++) {
        own.x += drawBinomial(n, 0.05, random)
        own.n += n
        other.x += drawBinomial(controlN, 0.05, random)
        other.n += controlN
        done = logETwoStreams(own, other) >= Math.log(100)
        if (done) reached++
      }
    }
    expect(reached).toBeLessThanOrEqual(runs * 0.01)
  })
})
