/** A release as the control plane shows it, from what the controller holds. Pure but for the shapes it is given. */
import type { ReleaseView, VerdictView } from '../../api/index.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import type { Blocker } from '../../core/gates.ts'
import type { Verdict } from '../../core/guardrails/index.ts'
import type { Judgement } from '../../core/guardrails/evaluation.ts'
import { canaryStage, nextRung, type ReleaseState, snapshotOf } from '../../core/release.ts'
import { legalActions } from '../../core/transitions.ts'
import type { WindowRow } from '../../core/window.ts'
import type { BlastSum } from '../../core/rollback-cost.ts'
import { iso } from '../job-shapes.ts'
import type { Gathered } from './gather.ts'

/** Of the rollback that was decided then, unix ms. */
export interface Cost {
  sum: BlastSum
  decidedAt: number
}

export interface Shown {
  state: ReleaseState
  config: ReleaseConfig
  drift: string[]
  judgement: Judgement | null
  /** Of the epoch: all that were judged, or those of the last windows. */
  submits: Judgement['submits']
  verdicts: readonly Verdict[]
  blockers: readonly Blocker[]
  ledgers: Gathered['ledgers']
  blast: Cost | null
  nextCheckAt: number | null
  now: number
}

export function releaseView(shown: Shown): ReleaseView {
  const { state, config, judgement, ledgers, now } = shown
  const snapshot = snapshotOf(state, config)
  const next = nextRung(state, config.ladder)
  const all = shown.submits.control + shown.submits.candidate
  const { candidate: draining, oldestCandidateAt } = ledgers.open
  return {
    name: config.name,
    state: state.state,
    stage: state.stage,
    percent: state.percent,
    actual_percent: all === 0 ? null : round((100 * shown.submits.candidate) / all, 2),
    paused: state.paused,
    advance: config.advance,
    shadow: {
      active: snapshot.shadow.sample > 0,
      sample: state.shadowSample ?? config.shadow.sample,
      in_flight: ledgers.open.shadow,
      max_in_flight: config.shadow.maxInFlight,
      today: ledgers.shadowToday,
      max_jobs_per_day: config.shadow.maxJobsPerDay,
      dropped: ledgers.dropped,
      funnel: ledgers.funnel,
    },
    epoch: state.epoch,
    version: state.version,
    since: iso(state.since),
    reason: state.reason,
    ladder: config.ladder.map(({ bakeMs, ...rung }) => ({
      ...rung,
      stage: canaryStage(rung.percent),
      bake_seconds: bakeMs / 1000,
    })),
    visited: [...state.visited],
    next: next
      ? { stage: canaryStage(next.percent), percent: next.percent }
      : state.state === 'canary' && state.percent === 100
        ? { stage: 'completed', percent: 100 }
        : null,
    arms: { control: { model: config.arms.control.model }, candidate: { model: config.arms.candidate.model } },
    clock_started_at: isoOrNull(state.clockStartedAt),
    jobs: { finished: judgement?.candidateJobs ?? 0, needed: config.minJobs },
    blocked_by: shown.blockers.map(({ untilMs, ...blocker }) => ({ ...blocker, until: isoOrNull(untilMs) })),
    verdicts: shown.verdicts.map(verdictView),
    next_check_at: isoOrNull(shown.nextCheckAt),
    draining:
      !takesNewJobs(state, config) && draining > 0
        ? {
            jobs: draining,
            oldest_seconds: oldestCandidateAt === null ? 0 : round((now - oldestCandidateAt) / 1000, 1),
          }
        : null,
    legal_actions: legalActions(state, config),
    drift: shown.drift,
    blast_radius: shown.blast && blastView(shown.blast),
  }
}

/** Users' submits of one epoch by the arm that served them. */
export function submitsOf(rows: readonly WindowRow[], epoch: number): Judgement['submits'] {
  const submits = { control: 0, candidate: 0 }
  for (const { series, counters } of rows) {
    if (series.operation === 'submit' && !series.shadow && series.epoch === epoch)
      submits[series.arm] += counters.requests
  }
  return submits
}

/** Whether new requests may still go to the candidate, so that its open jobs are no remainder. */
function takesNewJobs(state: ReleaseState, config: ReleaseConfig): boolean {
  if (state.state === 'completed') return true
  if (state.state !== 'canary') return false
  return state.percent > 0 || config.rules.some((rule) => 'arm' in rule && rule.arm === 'candidate')
}

export function blastView({ sum: blast, decidedAt }: Cost): NonNullable<ReleaseView['blast_radius']> {
  return {
    subjects_exposed: blast.subjectsExposed,
    jobs_failed: blast.jobsFailed,
    submits_failed: blast.submitsFailed,
    jobs_rescued: blast.jobsRescued,
    gpu_seconds_lost: round(blast.gpuSecondsLost, 3),
    first_failure_at: isoOrNull(blast.firstFailureAt),
    decided_at: iso(decidedAt),
    last_misrouted_submit_at: isoOrNull(blast.lastMisroutedSubmitAt),
  }
}

export function verdictView(verdict: Verdict): VerdictView {
  const { baselineValue, baselineN, withinSeconds, windows, ...same } = verdict
  const { fromMs, toMs, bad, needed } = windows
  return {
    ...same,
    baseline_value: baselineValue,
    baseline_n: baselineN,
    within_seconds: withinSeconds,
    windows: { from: isoOrNull(fromMs), to: isoOrNull(toMs), bad, needed },
  }
}

function round(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits
}

export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms)
}
