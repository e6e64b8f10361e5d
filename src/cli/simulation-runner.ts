/**
 * Many simulated releases of one configuration: how soon its guardrails stop a bad candidate at each rung, and how
 * often they stop a good one. The judging is the core's; nothing is printed here.
 */
import type { ReleaseConfig } from '../config/load.ts'
import type { Guardrail } from '../core/guardrails/index.ts'
import { prepareSimulation, type Rates, type Scenario, type Trip } from '../core/simulation.ts'
import { seededRandom } from '../core/stats/sampling.ts'

export interface Question {
  /** Jobs of both arms together. */
  jobsPerMinute: number
  healthy: Rates
  failing: Rates
  /** How many times slower the failing candidate is. */
  slower: number
  percents: readonly number[]
  releases: number
  /** A bad candidate is watched so long at most. */
  watchMs: number
  seed: number
}

export interface Catch {
  percent: number
  bake_seconds: number
  /** Shares of the releases that were stopped before the rung's bake was over, and while watched. */
  caught_in_bake: number
  caught: number
  /** Over those caught; null where none was. */
  median_seconds: number | null
  p95_seconds: number | null
  /** Candidate jobs begun until then, in the median. */
  median_jobs: number | null
  /** How often each guardrail was the first. */
  by: Record<string, number>
}

export interface FalseAlarms {
  /** Whole ladders, with their bakes and the final one. */
  releases: number
  stopped: number
  days_each: number
  by: Record<string, number>
}

/** Latencies of simulated jobs: minutes, with the spread of a fleet that renders clips of mixed length. */
const LATENCY = { median: 60, sigma: 0.6 }

/** Guardrails that can be simulated: rates and latencies of submits and jobs. */
export function simulable(guardrails: readonly Guardrail[]): Guardrail[] {
  return guardrails.filter(
    ({ kind, operation }) => kind !== 'signal' && (operation === 'submit' || operation === 'job'),
  )
}

export function catches(config: ReleaseConfig, question: Question, tick: () => void): Catch[] {
  return question.percents.map((percent) => {
    const bakeMs = config.ladder.find((rung) => rung.percent === percent)?.bakeMs ?? config.bakeMs
    const stages = [{ percent, durationMs: Math.max(bakeMs, question.watchMs) }]
    const run = prepared(config, question, stages, question.failing, question.slower)
    const stops: Trip[] = []
    for (let i = 0; i < question.releases; i++, tick()) stops.push(...run())
    const seconds = stops.map(({ afterMs }) => afterMs / 1000).sort((a, b) => a - b)
    const median = quantile(seconds, 0.5)
    return {
      percent,
      bake_seconds: bakeMs / 1000,
      caught_in_bake: seconds.filter((s) => s * 1000 <= bakeMs).length / question.releases,
      caught: seconds.length / question.releases,
      median_seconds: median,
      p95_seconds: quantile(seconds, 0.95),
      median_jobs: median === null ? null : Math.round((median / 60) * question.jobsPerMinute * (percent / 100)),
      by: tally(stops),
    }
  })
}

export function falseAlarms(config: ReleaseConfig, question: Question, tick: () => void): FalseAlarms {
  const last = config.ladder.length - 1
  const stages = config.ladder.map(({ percent, bakeMs }, i) => ({
    percent,
    durationMs: i === last ? Math.max(bakeMs, config.finalBakeMs) : bakeMs,
  }))
  const run = prepared(config, question, stages, question.healthy, 1)
  const stops: Trip[] = []
  for (let i = 0; i < question.releases; i++, tick()) stops.push(...run())
  const days = stages.reduce((sum, stage) => sum + stage.durationMs, 0) / 86_400_000
  return { releases: question.releases, stopped: stops.length, days_each: days, by: tally(stops) }
}

/** Runs one release; its first stop, if there is one. */
function prepared(
  config: ReleaseConfig,
  question: Question,
  stages: Scenario['stages'],
  candidate: Rates,
  candidateTimes: number,
): () => Trip[] {
  const guardrails = simulable(config.guardrails).filter(({ action }) => action !== 'warn')
  const scenario: Scenario = {
    guardrails,
    windowMs: config.windowMs,
    jobsPerMinute: question.jobsPerMinute,
    stages,
    control: question.healthy,
    candidate,
    latency: { ...LATENCY, candidateTimes },
  }
  const run = prepareSimulation(scenario, seededRandom(question.seed))
  return () => {
    const trips = [...run((tripped) => tripped.size > 0).values()].sort((a, b) => a.afterMs - b.afterMs)
    return trips.slice(0, 1)
  }
}

function tally(stops: readonly Trip[]): Record<string, number> {
  const by = new Map<string, number>()
  for (const { verdict } of stops) by.set(verdict.guardrail, (by.get(verdict.guardrail) ?? 0) + 1)
  return Object.fromEntries([...by].sort(([, a], [, b]) => b - a))
}

/** Nearest rank; null of nothing. */
function quantile(sorted: readonly number[], q: number): number | null {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? null
}
