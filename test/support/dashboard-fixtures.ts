/** What surrounds the dashboard's fake: its plan, its configuration, its jobs. Fixed, so that pictures can be compared. */
import type { JobView, PairView } from '../../src/api/index.ts'
import type { Plan } from '../../src/core/release.ts'

const MINUTE = 60_000

export const PLAN: Plan = {
  ladder: [
    { percent: 1, bakeMs: 30 * MINUTE, gate: 'guardrails', approval: 'none' },
    { percent: 5, bakeMs: 30 * MINUTE, gate: 'guardrails', approval: 'manual' },
    { percent: 20, bakeMs: 1440 * MINUTE, gate: 'guardrails', approval: 'none' },
    { percent: 50, bakeMs: 10_080 * MINUTE, gate: 'experiment', approval: 'none' },
    { percent: 100, bakeMs: 1440 * MINUTE, gate: 'guardrails', approval: 'none' },
  ],
  bakeMs: 30 * MINUTE,
  finalBakeMs: 1440 * MINUTE,
  minJobs: 50,
  advance: 'manual',
  cooldownMs: 10 * MINUTE,
  freeze: [],
  ledgerShards: 1,
}

const arm = (model: string) => ({ url: 'http://127.0.0.1:1', model })

/** The release's table in the file. */
export const FILE = {
  protocol: 'openai-videos',
  ladder: PLAN.ladder.map(({ percent }) => percent),
  bake: '30m',
  min_jobs: 50,
  advance: 'manual',
  arms: { control: arm('Wan2.1'), candidate: arm('Wan2.2-T2V-A14B') },
  shadow: { sample: 1, max_in_flight: 20, max_jobs_per_day: 5000, during_canary: false },
  guardrails: [
    { metric: 'error_rate', operations: ['submit', 'job'], max: 0.01, for_windows: 5 },
    { metric: 'latency_p99', operations: ['submit', 'job'], max_over_control: 0.5, for_windows: 5 },
  ],
}

export function jobsAt(nowMs: number): JobView[] {
  const statuses = ['open', 'succeeded', 'failed', 'succeeded', 'timeout'] as const
  return Array.from({ length: 20 }, (_, i) => {
    const status = statuses[i % statuses.length]!
    return {
      id: `video_${(i * 7919).toString(36)}a${i}`,
      arm: i % 4 === 0 ? 'candidate' : 'control',
      stage: 'canary-5',
      epoch: 3,
      status,
      outcome: status === 'failed' ? 'job_failed' : status === 'succeeded' ? 'ok' : null,
      shadow: i % 8 === 0,
      rescued: status === 'failed' && i % 3 === 0,
      submitted_at: new Date(nowMs - i * 47_000).toISOString(),
      ended_at: status === 'open' ? null : new Date(nowMs - i * 47_000 + 41_000).toISOString(),
      seconds: status === 'open' ? null : 38 + (i % 9),
    } satisfies JobView
  })
}

export function pairsAt(nowMs: number): PairView[] {
  const side = (id: string, seconds: number) => ({ id, url: `http://x/${id}`, status: 'succeeded', seconds })
  return [1, 2, 3].map((i) => ({
    control: side(`c-${i}`, 39 + i),
    candidate: side(`n-${i}`, 44 + i),
    at: new Date(nowMs - i * MINUTE).toISOString(),
  }))
}
