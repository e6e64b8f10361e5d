/** One cell of the guardrail bench: a scenario, run many times, and what came of it. Pure: the seed is in the cell. */
import * as v from 'valibot'
import { DEFAULT_GUARDRAILS, guardrailSchema, monitors } from '../src/config/guardrail-schema.ts'
import type { Guardrail } from '../src/core/guardrails/index.ts'
import { prepareSimulation, type Trip } from '../src/core/simulation.ts'
import { seededRandom } from '../src/core/stats/sampling.ts'
import { type LatencyCell, type LatencyResult, runLatency } from './latency-cell.ts'

const MINUTE = 60_000
const DAY = 1440 * MINUTE
const HEALTHY = { submit: 0.005, job: 0.005 }
const LATENCY = { median: 60, sigma: 0.6, candidateTimes: 1 }
/** A release has been in `shadow` before: one epoch, and sequential monitors share their α over all of them. */
const SHADOW = { percent: 0, durationMs: 0 }

export type Rules = 'threshold' | 'sequential' | 'default'

interface HealthyCell {
  kind: 'healthy'
  seed: number
  jobsPerMinute: number
  releases: number
  bakeMinutes: number
  /** Length of the stages at 50 and at 100 %. */
  lastDays: number
}
interface DetectionCell {
  kind: 'detection'
  seed: number
  jobsPerMinute: number
  errorRate: number
  percent: number
  runs: number
  horizonDays: number
}
export type Cell = HealthyCell | DetectionCell | LatencyCell

export interface HealthyResult extends HealthyCell {
  falseRollbacks: Record<Rules, number>
}
export interface DetectionResult extends DetectionCell {
  /** Ascending; shorter than `runs` where some were not caught in time. */
  afterMs: Record<Rules, number[]>
}
export type CellResult = HealthyResult | DetectionResult | LatencyResult

export function runCell(cell: Cell): CellResult {
  if (cell.kind === 'latency') return runLatency(cell)
  return cell.kind === 'healthy' ? runHealthy(cell) : runDetection(cell)
}

function defaultMonitors(): Guardrail[] {
  return monitors(
    DEFAULT_GUARDRAILS.map((guardrail) => v.parse(guardrailSchema, guardrail)),
    ['submit', 'job'],
  )
}

function runHealthy(cell: HealthyCell): HealthyResult {
  const long = cell.lastDays * DAY
  const run = prepareSimulation(
    {
      guardrails: defaultMonitors(),
      windowMs: MINUTE,
      jobsPerMinute: cell.jobsPerMinute,
      stages: [
        SHADOW,
        ...[1, 5, 20].map((percent) => ({ percent, durationMs: cell.bakeMinutes * MINUTE })),
        { percent: 50, durationMs: long },
        { percent: 100, durationMs: long },
      ],
      control: HEALTHY,
      candidate: HEALTHY,
      latency: LATENCY,
    },
    seededRandom(cell.seed),
  )
  const falseRollbacks = { threshold: 0, sequential: 0, default: 0 }
  for (let i = 0; i < cell.releases; i++) {
    const trips = run()
    for (const rules of ['threshold', 'sequential', 'default'] as const) {
      if (firstTrip(trips, rules) !== null) falseRollbacks[rules]++
    }
  }
  return { ...cell, falseRollbacks }
}

function runDetection(cell: DetectionCell): DetectionResult {
  const before = [1, 5, 20].filter((percent) => percent < cell.percent)
  const run = prepareSimulation(
    {
      guardrails: defaultMonitors().filter(({ metric }) => metric === 'error_rate'),
      windowMs: MINUTE,
      jobsPerMinute: cell.jobsPerMinute,
      stages: [
        SHADOW,
        ...before.map((percent) => ({ percent, durationMs: 0 })),
        { percent: cell.percent, durationMs: cell.horizonDays * DAY },
      ],
      control: HEALTHY,
      candidate: { ...HEALTHY, job: cell.errorRate },
      latency: LATENCY,
    },
    seededRandom(cell.seed),
  )
  const afterMs: Record<Rules, number[]> = { threshold: [], sequential: [], default: [] }
  for (let i = 0; i < cell.runs; i++) {
    const trips = run((soFar) => firstTrip(soFar, 'threshold') !== null && firstTrip(soFar, 'sequential') !== null)
    for (const rules of ['threshold', 'sequential', 'default'] as const) {
      const at = firstTrip(trips, rules)
      if (at !== null) afterMs[rules].push(at)
    }
  }
  for (const times of Object.values(afterMs)) times.sort((a, b) => a - b)
  return { ...cell, afterMs }
}

/** When the first monitor of these rules tripped; null if none did. */
function firstTrip(trips: ReadonlyMap<string, Trip>, rules: Rules): number | null {
  let first: number | null = null
  for (const [id, { afterMs }] of trips) {
    if (counts(id, rules) && (first === null || afterMs < first)) first = afterMs
  }
  return first
}

function counts(id: string, rules: Rules): boolean {
  if (rules === 'default') return true
  if (rules === 'sequential') return id.endsWith(':sequential')
  return id === 'error_rate:submit' || id === 'error_rate:job'
}
