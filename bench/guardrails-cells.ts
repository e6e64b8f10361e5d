/** What the guardrail bench runs: each cell's scenario. */
import { type Cell, DAY, type EndsAfter, LADDER } from './guardrails-cell.ts'
import type { LatencyCell } from './latency-cell.ts'

export interface Amounts {
  seed: number
  /** Healthy releases a cell, runs of a failing candidate, and runs of one that fails late. */
  releases: number
  runs: number
  lateRuns: number
  /** Runs of latencies at their limit; half as many of slower ones. */
  latencyRuns: number
  /** Days of each stage of a healthy release. */
  days: number
}

export const FULL: Omit<Amounts, 'seed'> = { releases: 20, runs: 400, lateRuns: 400, latencyRuns: 200, days: 7 }
export const QUICK: Omit<Amounts, 'seed'> = { releases: 4, runs: 40, lateRuns: 5, latencyRuns: 10, days: 0.25 }

export const HEALTHY_RATES = [0.005, 0.009, 0.01, 0.02]
export const TRAFFIC = [1, 10, 100, 1000, 10_000]
export const CLUMPS = [1, 2, 4, 8]
export const BAD_RATES = [0.05, 0.1]
export const FEW = [1, 10, 100]
const AT_ONCE: EndsAfter = { candidate: 0, control: 0, failed: 0 }
/** Failures that end before or after the good jobs that were submitted with them. */
export const UNEVEN: EndsAfter[] = [
  { candidate: 1, control: 1, failed: 0 },
  { candidate: 10, control: 1, failed: 0 },
  { candidate: 10, control: 10, failed: 0 },
  { candidate: 60, control: 10, failed: 0 },
  { candidate: 1, control: 1, failed: 30 },
  { candidate: 5, control: 2, failed: 60 },
]

/** Few jobs that outlast their window, up to rates that both arms fail at beyond any limit. */
export const SLOW_RATES = [0.01, 0.05, 0.3, 0.6]
export const SLOW_TRAFFIC = [0.2, 1, 5]
export const SLOW: EndsAfter[] = [
  { candidate: 5, control: 5, failed: 5 },
  { candidate: 5, control: 5, failed: 30 },
]
export const SLOW_BAD_RATES = [0.05, 0.1, 0.3]
export const SLOW_FEW = [0.2, 1]
export const SLOW_STAGES = [1, 20, 50, 100]

export function healthyCells({ seed, releases, days }: Amounts): Cell[] {
  return HEALTHY_RATES.flatMap((rate, i) =>
    TRAFFIC.flatMap((jobs, j) =>
      CLUMPS.map((clump, k): Cell => ({
        kind: 'healthy',
        seed: seed * 10_000 + 100 * i + 10 * j + k,
        runs: releases,
        rate,
        jobs,
        clump,
        endsAfter: AT_ONCE,
        percent: 100,
        // Thinned where it is dearest.
        before: Math.round((jobs >= 100 ? days / 7 : days) * DAY),
        windows: Math.round(days * DAY),
      })),
    ),
  )
}

/** What matters is the beginning of a stage, and the end of its traffic after half of it. */
export function unevenCells({ seed, releases, days }: Amounts): Cell[] {
  const windows = Math.round((days / 28) * DAY)
  const of = { kind: 'uneven', seed: seed * 10_000 + 4000, runs: 2 * releases, windows } as const
  return endingCells(of, HEALTHY_RATES, TRAFFIC, UNEVEN)
}

export function slowCells({ seed, releases, days }: Amounts): Cell[] {
  const windows = Math.round((days / 14) * DAY)
  const of = { kind: 'slow', seed: seed * 10_000 + 5000, runs: 3 * releases, windows } as const
  return endingCells(of, SLOW_RATES, SLOW_TRAFFIC, SLOW)
}

/** Healthy ones of each rate, traffic and ends; `seed` is the first one's. */
function endingCells(
  { seed, windows, ...of }: Pick<Cell, 'kind' | 'seed' | 'runs' | 'windows'>,
  rates: readonly number[],
  traffic: readonly number[],
  ends: readonly EndsAfter[],
): Cell[] {
  return rates.flatMap((rate, i) =>
    traffic.flatMap((jobs, j) =>
      ends.map((endsAfter, k): Cell => {
        const own = { seed: seed + 100 * i + 10 * j + k, rate, jobs, clump: 1, endsAfter, percent: 100 }
        return { ...of, ...own, before: windows, windows }
      }),
    ),
  )
}

export function slowBadCells({ seed, runs }: Amounts): Cell[] {
  return SLOW_BAD_RATES.flatMap((rate, i) =>
    SLOW_STAGES.flatMap((percent, j) =>
      SLOW_FEW.flatMap((jobs, k) =>
        SLOW.map((endsAfter, l): Cell => ({
          kind: 'slow failing',
          seed: seed * 10_000 + 6000 + 100 * i + 20 * j + 5 * k + l,
          runs: Math.ceil(runs / 4),
          rate,
          jobs,
          clump: 1,
          endsAfter,
          percent,
          before: 60,
          windows: Math.ceil(2000 / jobs),
        })),
      ),
    ),
  )
}

/** Each stage before has an hour of health; of ten thousand candidate jobs at most is the fault looked for. */
export function badCells(kind: 'failing' | 'late', { seed, runs, lateRuns }: Amounts): Cell[] {
  return BAD_RATES.flatMap((rate, i) =>
    LADDER.flatMap((percent, j) =>
      FEW.map((jobs, k): Cell => ({
        kind,
        seed: seed * 10_000 + (kind === 'late' ? 2000 : 1000) + 100 * i + 10 * j + k,
        runs: kind === 'late' ? lateRuns : runs,
        rate,
        jobs,
        clump: 1,
        endsAfter: AT_ONCE,
        percent,
        before: 60,
        windows: (kind === 'late' ? 3 * DAY : 0) + Math.ceil(10_000 / jobs),
      })),
    ),
  )
}

/** Equal arms under a limit of nothing, and under one of half as much again a candidate that is slower by just that. */
const AT_THE_LIMIT = [
  { maxOverControl: 0, times: 1 },
  { maxOverControl: 0.5, times: 1.5 },
]
const SLOWER = [
  { maxOverControl: 0, times: 2 },
  { maxOverControl: 0.5, times: 2 },
  { maxOverControl: 0.5, times: 3 },
]
const ARMS = [
  [100, 100],
  [300, 30],
  [20, 20],
  [2, 98],
] as const

export function latencyCells({ seed, latencyRuns }: Amounts): LatencyCell[] {
  return [0.6, 2].flatMap((sigma, i) =>
    ARMS.flatMap(([candidateJobs, controlJobs], j) =>
      [...AT_THE_LIMIT, ...SLOWER].map(({ maxOverControl, times }, k): LatencyCell => {
        const atLimit = k < AT_THE_LIMIT.length
        return {
          kind: 'latency',
          seed: seed * 10_000 + 3000 + 20 * i + 5 * j + k,
          candidateJobs,
          controlJobs,
          maxOverControl,
          sigma,
          times,
          runs: atLimit ? latencyRuns : latencyRuns / 2,
          jobs: (atLimit ? 100 : 1000) * Math.max(candidateJobs, 20),
        }
      }),
    ),
  )
}
