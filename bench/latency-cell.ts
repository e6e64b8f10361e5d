/** One cell of the guardrail bench: the sequential test of latency by itself. Pure: the seed is in the cell. */
import * as v from 'valibot'
import { guardrailSchema, monitors } from '../src/config/guardrail-schema.ts'
import { prepareSimulation } from '../src/core/simulation.ts'
import { seededRandom } from '../src/core/stats/sampling.ts'

const MINUTE = 60_000

export interface LatencyCell {
  kind: 'latency'
  seed: number
  /** Jobs a minute, which is a window. */
  candidateJobs: number
  controlJobs: number
  maxOverControl: number
  /** Of the lognormal latencies, in both arms. */
  sigma: number
  /** How many times slower the candidate is. */
  times: number
  runs: number
  /** Jobs of the candidate after which a run ends. */
  jobs: number
}

export interface LatencyResult extends LatencyCell {
  /** Jobs of the candidate until the alarm; ascending, shorter than `runs` where there was none. */
  afterJobs: number[]
}

export function runLatency(cell: LatencyCell): LatencyResult {
  const { candidateJobs, controlJobs, maxOverControl, sigma, times, runs, jobs } = cell
  const guardrail = { metric: 'latency_p99', method: 'sequential', max_over_control: maxOverControl, alpha: 0.01 }
  const jobsPerMinute = candidateJobs + controlJobs
  const run = prepareSimulation(
    {
      guardrails: monitors([v.parse(guardrailSchema, guardrail)], ['job']),
      windowMs: MINUTE,
      jobsPerMinute,
      stages: [
        { percent: (100 * candidateJobs) / jobsPerMinute, durationMs: Math.ceil(jobs / candidateJobs) * MINUTE },
      ],
      control: { submit: 0, job: 0 },
      candidate: { submit: 0, job: 0 },
      latency: { median: 60, sigma, candidateTimes: times },
    },
    seededRandom(cell.seed),
  )
  const afterJobs: number[] = []
  for (let i = 0; i < runs; i++) {
    for (const { afterMs } of run((trips) => trips.size > 0).values())
      afterJobs.push((afterMs / MINUTE) * candidateJobs)
  }
  return { ...cell, afterJobs: afterJobs.sort((a, b) => a - b) }
}
