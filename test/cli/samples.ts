/** Releases, verdicts and jobs as the API would answer them. */
import type { BlockerView, JobView, ReleaseView, VerdictView } from '../../src/api/index.ts'

export const LADDER = [1, 5, 20, 50, 100]
const SINCE = '2026-11-24T08:00:00.000Z'

export function idleRelease(name: string): ReleaseView {
  return {
    name,
    state: 'idle',
    stage: 'idle',
    percent: 0,
    actual_percent: null,
    paused: false,
    advance: 'manual',
    shadow: {
      active: false,
      sample: 1,
      in_flight: 0,
      max_in_flight: 20,
      today: 0,
      max_jobs_per_day: 5000,
      dropped: {},
      funnel: { eligible: 0, sampled: 0, admitted: 0, submitted: 0, finished: 0, scored: 0 },
    },
    epoch: 0,
    version: 0,
    since: SINCE,
    reason: 'not started yet',
    ladder: LADDER.map((percent) => ({
      percent,
      stage: `canary-${percent}`,
      bake_seconds: 1800,
      gate: 'guardrails',
      approval: 'none',
    })),
    visited: [],
    next: null,
    arms: { control: { model: 'wan2.1-t2v-14b' }, candidate: { model: 'wan2.2-t2v-a14b' } },
    clock_started_at: null,
    jobs: { finished: 0, needed: 50 },
    blocked_by: [{ code: 'not_started', message: 'a start by an operator', until: null }],
    verdicts: [],
    next_check_at: null,
    draining: null,
    legal_actions: ['start', 'set_shadow'],
    drift: [],
    blast_radius: null,
  }
}

export function canaryRelease(name: string, changes: Partial<ReleaseView> = {}): ReleaseView {
  return {
    ...idleRelease(name),
    state: 'canary',
    stage: 'canary-5',
    percent: 5,
    actual_percent: 4.87,
    epoch: 3,
    version: 7,
    reason: 'looks good',
    visited: ['shadow', 'canary-1', 'canary-5'],
    next: { stage: 'canary-20', percent: 20 },
    clock_started_at: SINCE,
    jobs: { finished: 31, needed: 50 },
    blocked_by: [],
    verdicts: [verdict()],
    legal_actions: ['advance', 'pause', 'rollback', 'set_percent', 'set_shadow'],
    ...changes,
  }
}

export function verdict(changes: Partial<VerdictView> = {}): VerdictView {
  return {
    guardrail: 'error_rate:job',
    kind: 'rate',
    metric: 'error_rate',
    operation: 'job',
    method: 'threshold',
    action: 'rollback',
    status: 'pass',
    note: null,
    value: 0.004,
    n: 1250,
    baseline_value: 0.0042,
    baseline_n: 23800,
    threshold: 0.01,
    measure: 'share',
    within_seconds: null,
    alpha: null,
    formula: 'errors / judged > max in 5 windows running',
    windows: { from: SINCE, to: '2026-11-24T08:05:00.000Z', bad: 0, needed: 5 },
    message: '0.4 % of 1,250 jobs failed; the limit is 1 %.',
    ...changes,
  }
}

export function blocker(code: BlockerView['code'], message: string, until: string | null = null): BlockerView {
  return { code, message, until }
}

export function jobs(): JobView[] {
  const job = (id: string, arm: JobView['arm'], shadow: boolean): JobView => ({
    id,
    arm,
    stage: 'canary-5',
    epoch: 3,
    status: 'succeeded',
    outcome: 'ok',
    shadow,
    rescued: false,
    submitted_at: SINCE,
    ended_at: '2026-11-24T08:01:34.000Z',
    seconds: 94.2,
  })
  return [job('vid_1', 'control', false), job('vid_2', 'candidate', false), job('vid_3', 'candidate', true)]
}
