/** A release as the API shows it: place, gates, verdicts, shadow funnel, and what a rollback cost. No behaviour here. */
import * as v from 'valibot'
import { BLOCKER_CODES } from '../core/gates.ts'
import { OPERATIONS } from '../core/outcome.ts'
import { STATES } from '../core/release.ts'

export const isoTime = v.pipe(v.string(), v.isoTimestamp())

/** Entries that are all plain numbers. */
export function numbers<const N extends string>(...names: N[]) {
  return v.entriesFromList(names, v.number())
}

export const blockerSchema = v.object({
  code: v.picklist(BLOCKER_CODES),
  message: v.string(),
  /** Which of `verdicts` it is, where it is one: those that are waived do not block. */
  guardrail: v.optional(v.string()),
  /** When it ends by itself, if it does. */
  until: v.nullable(isoTime),
})
export type BlockerView = v.InferOutput<typeof blockerSchema>

export const verdictSchema = v.object({
  guardrail: v.string(),
  /** Which rule judges: `rate`, `latency`, `fast_trip`, `sequential_rate`, `sequential_latency`, `refusals`, `signal`. */
  kind: v.string(),
  metric: v.string(),
  operation: v.picklist(OPERATIONS),
  method: v.picklist(['threshold', 'sequential']),
  action: v.picklist(['rollback', 'pause', 'warn']),
  status: v.picklist(['pass', 'breach', 'inconclusive', 'no_data', 'error']),
  note: v.nullable(v.picklist(['both_bad', 'grace_over', 'no_control'])),
  value: v.nullable(v.number()),
  n: v.number(),
  baseline_value: v.nullable(v.number()),
  baseline_n: v.number(),
  threshold: v.nullable(v.number()),
  /** What `value`, `baseline_value` and `threshold` are in. */
  measure: v.picklist(['share', 'seconds', 'seconds_per_clip', 'signal']),
  /** How far back it looked; null for what waits for windows to close or counts job by job. */
  within_seconds: v.nullable(v.number()),
  /** False alarms over the whole release, all its epochs together; null where the rule is no such test. */
  alpha: v.nullable(v.number()),
  formula: v.string(),
  /** Counts and statistics to recompute the verdict from, by name; the candidate's errors by class among them. Without data: the ends that say nothing. */
  evidence: v.optional(v.record(v.string(), v.number())),
  windows: v.object({ from: v.nullable(isoTime), to: v.nullable(isoTime), bad: v.number(), needed: v.number() }),
  message: v.string(),
})
export type VerdictView = v.InferOutput<typeof verdictSchema>

export const releaseSchema = v.object({
  name: v.string(),
  state: v.picklist(STATES),
  stage: v.string(),
  percent: v.number(),
  /** Candidate's share of the submits of this epoch's closed windows; null without traffic. */
  actual_percent: v.nullable(v.number()),
  paused: v.boolean(),
  advance: v.picklist(['manual', 'auto']),
  shadow: v.object({
    active: v.boolean(),
    ...numbers('sample', 'in_flight', 'max_in_flight', 'today', 'max_jobs_per_day'),
    /** Copies lost, by reason; as the funnel, of all runs. */
    dropped: v.record(v.string(), v.number()),
    funnel: v.object(numbers('eligible', 'sampled', 'admitted', 'submitted', 'finished', 'scored')),
  }),
  epoch: v.number(),
  version: v.number(),
  since: isoTime,
  reason: v.string(),
  /** All rungs, lowest first; `bake_seconds` is the least time on each. */
  ladder: v.array(
    v.object({
      percent: v.number(),
      stage: v.string(),
      bake_seconds: v.number(),
      gate: v.string(),
      approval: v.string(),
    }),
  ),
  /** Stages of this run, each once, as first entered: a rung below the last of them that is not among them was skipped. */
  visited: v.array(v.string()),
  next: v.nullable(v.object({ stage: v.string(), percent: v.number() })),
  arms: v.object({
    control: v.object({ model: v.nullable(v.string()) }),
    candidate: v.object({ model: v.nullable(v.string()) }),
  }),
  clock_started_at: v.nullable(isoTime),
  jobs: v.object({ finished: v.number(), needed: v.number() }),
  blocked_by: v.array(blockerSchema),
  verdicts: v.array(verdictSchema),
  next_check_at: v.nullable(isoTime),
  draining: v.nullable(v.object({ jobs: v.number(), oldest_seconds: v.number() })),
  legal_actions: v.array(v.string()),
  /** Break-glass is set: whatever the state says, control serves each new submit. */
  forced_control: v.optional(v.literal(true)),
  /** Keys whose live value differs from the file. */
  drift: v.array(v.string()),
  /** What the last rollback cost: shown until the next start, so also while idle. */
  blast_radius: v.nullable(
    v.object({
      subjects_exposed: v.number(),
      jobs_failed: v.number(),
      /** At the candidate, so that no job ever was. */
      submits_failed: v.optional(v.number()),
      jobs_rescued: v.number(),
      /** Run time of failed and shadow jobs; GPU seconds where one job holds one GPU. */
      gpu_seconds_lost: v.number(),
      first_failure_at: v.nullable(isoTime),
      decided_at: isoTime,
      last_misrouted_submit_at: v.nullable(isoTime),
    }),
  ),
})
export type ReleaseView = v.InferOutput<typeof releaseSchema>

/** A release of which nothing could be read, and why, as an error says it: `control_plane_unavailable` where its controller does not answer. */
export const silentReleaseSchema = v.object({ name: v.string(), code: v.string(), message: v.string() })
export type SilentRelease = v.InferOutput<typeof silentReleaseSchema>

/** All releases, in the order in which requests are matched. */
export const releasesSchema = v.object({
  items: v.array(releaseSchema),
  next: v.null(),
  /** Those that are missing from the items; left out where none is. */
  unavailable: v.optional(v.array(silentReleaseSchema)),
})
export type ReleasesView = v.InferOutput<typeof releasesSchema>

/** The new state; with `dry_run` the state as it would be, and `dry_run: true`. */
export const actionAnswerSchema = v.object({ ...releaseSchema.entries, dry_run: v.optional(v.boolean()) })
