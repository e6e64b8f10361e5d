import { describe, expect, it } from 'vitest'
import { type Cell, DAY, runCell } from '../../bench/guardrails-cell.ts'
import { waldBound } from '../../bench/guardrails-tables.ts'
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
    const bad = { candidate: { submit: 0.005, job: 0.06 }, jobsPerMinute: 40 }
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
  const cell: Cell = {
    kind: 'healthy',
    seed: 1,
    runs: 5,
    rate: 0.01,
    jobs: 100,
    clump: 4,
    endsAfter: { candidate: 0, control: 0, failed: 0 },
    percent: 100,
    before: 360,
    windows: 360,
  }

  it('rolls no healthy release back that others do, at the limit itself and with failures in clumps', () => {
    const { jobsUntil } = runCell(cell)
    expect(jobsUntil.sluice).toEqual([])
    expect(jobsUntil.flagger).toHaveLength(5)
  })

  it.each([
    [0.005, 100, 10, 10, 0],
    [0.005, 10_000, 10, 10, 0],
    [0.02, 1000, 30, 1, 0],
    [0.005, 100, 1, 1, 30],
    [0.02, 1000, 2, 5, 10],
  ])(
    'rolls none back where good jobs and failures end apart: %f of %i a window, after %i (control’s %i) and %i',
    (rate, jobs, candidate, control, failed) => {
      const endsAfter = { candidate, control, failed }
      const { jobsUntil } = runCell({
        ...cell,
        kind: 'uneven',
        rate,
        jobs,
        clump: 1,
        endsAfter,
        before: 90,
        windows: 90,
      })
      expect(jobsUntil.sluice).toEqual([])
      expect([jobsUntil.argo, jobsUntil.flagger, jobsUntil.plain].some((jobs) => jobs.length === 5)).toBe(true)
    },
  )

  it('takes as many jobs for a broken one whose good jobs end later', () => {
    const broken: Cell = { ...cell, kind: 'failing', runs: 21, rate: 0.05, clump: 1, windows: 100, before: 60 }
    const median = (endsAfter: Cell['endsAfter']) => runCell({ ...broken, endsAfter }).jobsUntil.sluice[10]!
    const atOnce = median(cell.endsAfter)
    expect(median({ candidate: 10, control: 10, failed: 0 })).toBeLessThanOrEqual(2 * atOnce)
  })

  it('measures how many jobs a broken one lasts', () => {
    const { jobsUntil, early } = runCell({
      ...cell,
      kind: 'failing',
      rate: 1,
      jobs: 1,
      clump: 1,
      percent: 20,
      before: 5,
    })
    expect(jobsUntil.sluice).toEqual([4, 4, 4, 4, 4])
    expect(jobsUntil.argo).toEqual([20, 20, 20, 20, 20])
    expect(early.sluice).toBe(0)
  })

  it('measures it also from the third day on', () => {
    const windows = 3 * DAY + 100
    const { jobsUntil } = runCell({ ...cell, kind: 'late', runs: 2, rate: 1, jobs: 1, clump: 1, percent: 100, windows })
    expect(jobsUntil.sluice.every((jobs) => jobs >= 4 && jobs <= 8)).toBe(true)
    expect(jobsUntil.sluice).toHaveLength(2)
  })

  it('is held against a bound that no test beats', () => {
    // ln 100 / KL(0.05 ‖ 0.01)
    expect(waldBound(0.05, 100)).toBeCloseTo(111.6, 0)
    expect(waldBound(0.05, 50)).toBeGreaterThan(waldBound(0.05, 20))
  })
})
