/** What surrounds the dashboard's twin: its plan, its configuration, its jobs. Fixed, so that pictures can be compared. */
import type { ConfigView, JobView, PairView } from '../../src/control/api.ts'
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
}

/** The configuration view: a small file with the overlay laid over it. */
export function configOf(
  name: string,
  overlay: Record<string, unknown>,
  version: number,
  published: ConfigView['published'],
): ConfigView {
  const file: Record<string, unknown> = {
    ladder: PLAN.ladder.map(({ percent }) => percent),
    bake: '30m',
    min_jobs: 50,
    advance: 'manual',
    guardrails: [
      { metric: 'error_rate', operations: ['submit', 'job'], max: 0.01, for_windows: 5 },
      { metric: 'latency_p99', operations: ['submit', 'job'], max_over_control: 0.5, for_windows: 5 },
    ],
    'shadow.sample': 1,
    'shadow.max_in_flight': 20,
    'shadow.max_jobs_per_day': 5000,
    'shadow.during_canary': false,
  }
  const values: ConfigView['values'] = {}
  for (const [key, value] of Object.entries(file)) {
    const [table, inner] = key.split('.')
    const live = inner === undefined ? overlay[key] : (overlay[table!] as Record<string, unknown> | undefined)?.[inner]
    values[key] = live === undefined ? { value, source: 'file' } : { value: live, source: 'live', file: value }
  }
  return { release: name, version, values, overlay, published: [...published] }
}

/** What a file's validation would say of a patch. */
export function wrongIn(patch: Record<string, unknown>): { path: string; message: string }[] {
  const { ladder, bake } = patch
  const wrong: { path: string; message: string }[] = []
  if (Array.isArray(ladder) && ladder.some((p) => typeof p === 'number' && p > 100))
    wrong.push({ path: 'ladder', message: 'a percent above 0 up to 100' })
  if (bake !== undefined && !(typeof bake === 'string' && /^\d+[smhd]$/.test(bake)))
    wrong.push({ path: 'bake', message: 'not a duration; write "90s", "5m", "7d"' })
  return wrong
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
