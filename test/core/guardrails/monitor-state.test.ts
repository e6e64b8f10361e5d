import { describe, expect, it } from 'vitest'
import { foldWindow, type Guardrail, judge, openMonitor } from '../../../src/core/guardrails/index.ts'
import { drawBinomial, drawNormal, drawPoisson, seededRandom } from '../../../src/core/stats/sampling.ts'
import { counters, guardrail, MINUTE, p99, windowOf } from './fixtures.ts'

const RULES: Guardrail[] = [
  guardrail(),
  guardrail({ withinMs: 10_000, max: 0.5 }),
  guardrail({ method: 'sequential' }),
  p99(),
  p99({ method: 'sequential' }),
  p99({ maxOverControl: null, maxSeconds: 90 }),
  guardrail({ metric: 'signal:fvd', max: 3 }),
]
const random = seededRandom(5)
const arm = (mean: number) => {
  const n = drawPoisson(mean, random)
  const seconds = Array.from({ length: n }, () => 40 * Math.exp(0.6 * drawNormal(random)))
  return counters(n, drawBinomial(n, 0.03, random), seconds)
}
const WINDOWS = Array.from({ length: 600 }, (_, i) => windowOf(i, arm(12), arm(20)))

describe.each(RULES.map((rule) => [rule.id, rule] as const))('the state of a monitor of %s', (_, rule) => {
  it('stays small however many windows are folded', () => {
    let state = openMonitor()
    let largest = 0
    for (const window of WINDOWS) {
      state = foldWindow(rule, state, window)
      largest = Math.max(largest, JSON.stringify(state).length)
    }
    expect(largest).toBeLessThan(16_000)
  })

  it('goes through JSON between any two windows without a difference', () => {
    let kept = openMonitor()
    let stored = openMonitor()
    for (const window of WINDOWS.slice(0, 200)) {
      kept = foldWindow(rule, kept, window)
      stored = JSON.parse(JSON.stringify(foldWindow(rule, stored, window)))
    }
    const context = { now: 600 * MINUTE, clockStartedAt: 0, recent: WINDOWS[199]! }
    expect(stored).toEqual(kept)
    expect(judge(rule, stored, context)).toEqual(judge(rule, kept, context))
  })

  it('is not changed by folding or judging, nor are the windows', () => {
    const state = WINDOWS.slice(0, 50).reduce((so, window) => foldWindow(rule, so, window), openMonitor())
    const before = structuredClone({ state, windows: WINDOWS.slice(0, 60) })
    foldWindow(rule, state, WINDOWS[50]!)
    judge(rule, state, { now: 0, clockStartedAt: null, recent: WINDOWS[50]! })
    expect({ state, windows: WINDOWS.slice(0, 60) }).toEqual(before)
  })
})
