import { expect, it } from 'vitest'
import { openMonitor } from '../../../src/core/guardrails/index.ts'
import { streakRisk } from '../../../src/core/guardrails/streak.ts'

it('the looks of an epoch have its part of the false alarms altogether, and no more', () => {
  const state = openMonitor(undefined, 1)
  const most = 200_000
  let sum = 0
  for (let looks = 1; looks <= most; looks++) sum += streakRisk({ ...state, looks })
  // Of all looks after those there is at most the integral of 1/(k ln² k).
  const rest = streakRisk({ ...state, looks: most }) * most * Math.log(most + 2)
  expect(sum + rest).toBeLessThanOrEqual(0.001 * state.share)
  expect(sum + rest).toBeGreaterThan(0.00095 * state.share)
})
