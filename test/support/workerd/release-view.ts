/** A release's state as the controller shows it, to be varied by tests. */
import type { ReleaseView } from '../../../src/api/index.ts'

export function aReleaseView(over: Partial<ReleaseView> = {}): ReleaseView {
  return {
    name: 'r1',
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
    epoch: 1,
    version: 1,
    since: '2026-11-24T08:00:00.000Z',
    reason: '',
    ladder: [{ percent: 50, stage: 'canary-50', bake_seconds: 60, gate: 'guardrails', approval: 'none' }],
    visited: [],
    next: { stage: 'canary-50', percent: 50 },
    arms: { control: { model: null }, candidate: { model: null } },
    clock_started_at: null,
    jobs: { finished: 0, needed: 50 },
    blocked_by: [],
    verdicts: [],
    next_check_at: null,
    draining: null,
    legal_actions: ['start'],
    drift: [],
    blast_radius: null,
    ...over,
  }
}
