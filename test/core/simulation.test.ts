import { describe, expect, it } from 'vitest'
import { runCell } from '../../bench/guardrails-cell.ts'
import { prepareSimulation, type Scenario } from '../../src/core/simulation.ts'
import { seededRandom } from '../../src/core/stats/sampling.ts'
import { guardrail, MINUTE, p99 } from './guardrails/fixtures.ts'

const RULES = [
  guardrail(),
  guardrail({ id: 'error_rate:job:within', max: 0.5, withinMs: 10_000, minRequests: 10 }),
  guardrail({ id: 'error_rate:job:sequential', method: 'sequential' }),
  p99(),
]

function scenario(over: Partial<Scenario> = {}): Scenario {
  return {
    guardrails: RULES,
    windowMs: MINUTE,
    jobsPerMinute: 2000,
    stages: [{ percent: 50, durationMs: 60 * MINUTE }],
    control: { submit: 0.005, job: 0.005 },
    candidate: { submit: 0.005, job: 0.005 },
    latency: { median: 60, sigma: 0.6, candidateTimes: 1 },
    ...over,
  }
}

function trips(over: Partial<Scenario>, seed = 1): Record<string, number> {
  const run = prepareSimulation(scenario(over), seededRandom(seed))
  return Object.fromEntries([...run()].map(([id, trip]) => [id, trip.afterMs / 1000]))
}

describe('a simulated release', () => {
  it('that is healthy trips nothing', () => expect(trips({})).toEqual({}))

  it('that fails always trips the fast trip after 10 s, the sequential monitor after one window, the streak after five', () => {
    expect(trips({ candidate: { submit: 0.005, job: 1 } })).toEqual({
      'error_rate:job:within': 10,
      'error_rate:job:sequential': 60,
      'error_rate:job': 300,
    })
  })

  it('that is twice as slow trips p99 after five windows', () => {
    expect(trips({ latency: { median: 60, sigma: 0.6, candidateTimes: 2 } })).toEqual({ 'latency_p99:job': 300 })
  })

  it('whose control fails as well is held, for hours and at any rate', () => {
    for (const job of [0.05, 0.2, 0.7, 0.9]) {
      const outage = {
        guardrails: RULES.slice(0, 3),
        jobsPerMinute: 100,
        stages: [{ percent: 50, durationMs: 300 * MINUTE }],
        candidate: { submit: 0, job },
        control: { submit: 0, job },
      }
      expect([job, trips(outage)]).toEqual([job, {}])
    }
  })

  it('is the same again with the same seed', () => {
    const bad = { candidate: { submit: 0.005, job: 0.03 }, jobsPerMinute: 40 }
    expect(trips(bad, 9)).toEqual(trips(bad, 9))
    expect(trips(bad, 9)).not.toEqual(trips(bad, 10))
  })

  it('names the stage it was caught in, and stops when enough is known', () => {
    const run = prepareSimulation(
      scenario({
        candidate: { submit: 0, job: 1 },
        stages: [
          { percent: 0, durationMs: 0 },
          { percent: 5, durationMs: 10 * MINUTE },
        ],
      }),
      seededRandom(1),
    )
    const first = run((soFar) => soFar.size > 0)
    expect([...first.values()].map(({ percent }) => percent)).toContain(5)
    expect(first.has('error_rate:job')).toBe(false)
  })
})

describe('a cell of the bench', () => {
  it('counts no false rollback in a day of healthy releases', () => {
    const result = runCell({
      kind: 'healthy',
      seed: 1,
      jobsPerMinute: 60,
      releases: 10,
      bakeMinutes: 30,
      lastDays: 0.5,
    })
    expect(result).toMatchObject({ falseRollbacks: { threshold: 0, sequential: 0, default: 0 } })
  })

  it('measures how long a broken release lasts', () => {
    const result = runCell({
      kind: 'detection',
      seed: 1,
      jobsPerMinute: 1000,
      errorRate: 1,
      percent: 20,
      runs: 3,
      horizonDays: 0.1,
    })
    expect(result).toMatchObject({
      afterMs: { threshold: [300_000, 300_000, 300_000], default: [10_000, 10_000, 10_000] },
    })
  })
})
