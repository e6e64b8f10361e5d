/** What isolates are told of a state, and which rung comes next. */
import { describe, expect, it } from 'vitest'
import { isRunning, nextRung, presentRung, snapshotOf } from '../../src/core/release.ts'
import { canary, plan, rolledBack, rung, shadowing, state } from './release-fixtures.ts'

const CONFIG = {
  name: 'r',
  rules: [],
  failover: false,
  shadow: {
    sample: 0.5,
    duringCanary: false,
    maxBodyBytes: 1000,
    maxInFlight: 7,
    maxJobsPerDay: 70,
    jobTimeoutMs: 700,
  },
}
const sample = (...[of, over = {}]: [Parameters<typeof snapshotOf>[0], Partial<(typeof CONFIG)['shadow']>?]) =>
  snapshotOf(of, { ...CONFIG, shadow: { ...CONFIG.shadow, ...over } }).shadow.sample

describe('the snapshot', () => {
  it('names place, split, epoch and version', () => {
    expect(snapshotOf(canary(5), CONFIG)).toEqual({
      schema: 1,
      release: 'r',
      state: 'canary',
      stage: 'canary-5',
      percent: 5,
      epoch: 3,
      version: 7,
      shadow: { sample: 0, maxBodyBytes: 1000, maxInFlight: 7, maxJobsPerDay: 70, jobTimeoutMs: 700 },
      rules: [],
      ledgers: [],
      failover: false,
    })
  })

  it('has copies made while shadowing, and during the canary only where that is configured or was set', () => {
    expect(sample(shadowing())).toBe(0.5)
    expect(sample(canary(5))).toBe(0)
    expect(sample(canary(5), { duringCanary: true })).toBe(0.5)
    expect(sample(canary(5, { shadowDuringCanary: true }))).toBe(0.5)
    expect(sample(canary(5, { shadowDuringCanary: false }), { duringCanary: true })).toBe(0)
  })

  it('has the share that was set by hand rather than the configured one', () => {
    expect(sample(shadowing({ shadowSample: 0.1 }))).toBe(0.1)
    expect(sample(shadowing({ shadowSample: 0 }))).toBe(0)
  })

  it('has no copies made while paused, nor outside a running stage', () => {
    expect(sample(shadowing({ paused: true }))).toBe(0)
    for (const of of [state(), rolledBack(), state({ state: 'completed', stage: 'completed', percent: 100 })])
      expect(sample(of, { duringCanary: true })).toBe(0)
  })
})

describe('the ladder', () => {
  it('goes on at the first rung from the shadow, and above the present one from a canary', () => {
    const { ladder } = plan()
    expect(nextRung(shadowing(), ladder)?.percent).toBe(1)
    expect(nextRung(canary(5), ladder)?.percent).toBe(20)
    expect([0, 3, 5, 60, 100].map((percent) => nextRung(canary(5, { percent }), ladder)?.percent)).toEqual([
      1, 5, 20, 100, 100,
    ])
    expect(nextRung(canary(100, { percent: 20 }), ladder)?.percent).toBe(100)
    expect(nextRung(canary(100), ladder)).toBeNull()
    for (const of of [state(), rolledBack()]) expect(nextRung(of, ladder)).toBeNull()
  })

  it('may have lost the rung that the release stands on', () => {
    expect(presentRung(canary(5), [rung(5)])?.percent).toBe(5)
    expect(presentRung(canary(5), [rung(6)])).toBeNull()
  })
})

it('a release runs in shadow, canary and completed, and there only', () => {
  const completed = state({ state: 'completed' })
  expect([shadowing(), canary(1), completed].map(isRunning)).toEqual([true, true, true])
  expect([state(), rolledBack()].map(isRunning)).toEqual([false, false])
})
