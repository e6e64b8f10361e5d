/** Names of the API taken apart, in one place: who acted, which rung a stage is, what a verdict judges. */
import type { ReleaseView, VerdictView } from '../api/index.ts'
import { type Measured, measuredBy } from '../core/guardrails/metric.ts'

/** `token:oncall` → a token of that name. What has no such kind is shown as it is. */
export function actorOf(who: string): { kind: 'token' | 'user' | 'key' | 'system' | 'unknown'; name: string } {
  const [, kind, name] = /^(token|user|key|system):(.+)$/s.exec(who) ?? []
  return kind === undefined || name === undefined
    ? { kind: 'unknown', name: who }
    : { kind: kind as 'token' | 'user' | 'key' | 'system', name }
}

/** `canary-5` → 5; null for the stages off the ladder. */
export function rungOf(stage: string): number | null {
  const percent = /^canary-(\d+(?:\.\d+)?)$/.exec(stage)?.[1]
  return percent === undefined ? null : Number(percent)
}

/** All stages of the ladder, and which of them this run skipped. */
export function stagesOf({ ladder, visited }: ReleaseView): { stage: string; isSkipped: boolean }[] {
  const stages = ['shadow', ...ladder.map(({ stage }) => stage), 'completed']
  const last = stages.findLastIndex((stage) => visited.includes(stage))
  return stages.map((stage, i) => ({ stage, isSkipped: i < last && !visited.includes(stage) }))
}

/** What a verdict judges, and how, where another guardrail may judge the same another way. */
export function judged(verdict: VerdictView): { measured: Measured; how: Method | null } {
  const { metric, method, measure, within_seconds } = verdict
  const how =
    within_seconds !== null
      ? 'fast_trip'
      : measure === 'seconds_per_clip'
        ? 'per_clip'
        : method === 'sequential'
          ? 'job_by_job'
          : null
  return { measured: measuredBy(metric), how }
}
export type Method = 'fast_trip' | 'per_clip' | 'job_by_job'
