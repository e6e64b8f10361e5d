/**
 * What the control plane takes and answers (SPEC section 6), as schemas: they validate requests,
 * make the OpenAPI document, and give the dashboard and the CLI their types. No behaviour here.
 */
import * as v from 'valibot'
import { ARMS } from '../core/arm.ts'
import { OPERATIONS } from '../core/outcome.ts'

export { ROLES, type Role } from '../auth/roles.ts'
export * from './api-actions.ts'

const isoTime = v.pipe(v.string(), v.isoTimestamp())
const arm = v.picklist(ARMS)

export const blockerSchema = v.object({
  code: v.picklist([
    'bake',
    'final_bake',
    'min_jobs',
    'guardrail',
    'gate',
    'approval',
    'freeze',
    'paused',
    'cooldown',
    'not_started',
    'rolled_back',
  ]),
  message: v.string(),
  /** When it ends by itself, if it does. */
  until: v.nullable(isoTime),
})
export type BlockerView = v.InferOutput<typeof blockerSchema>

export const verdictSchema = v.object({
  guardrail: v.string(),
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
  formula: v.string(),
  /** Counts and statistics to recompute the verdict from, by name. */
  evidence: v.optional(v.record(v.string(), v.number())),
  windows: v.object({ from: v.nullable(isoTime), to: v.nullable(isoTime), bad: v.number(), needed: v.number() }),
  message: v.string(),
})
export type VerdictView = v.InferOutput<typeof verdictSchema>

export const releaseSchema = v.object({
  name: v.string(),
  state: v.picklist(['idle', 'shadow', 'canary', 'completed', 'rolled_back']),
  stage: v.string(),
  percent: v.number(),
  /** Candidate's share of the submits of the last closed windows of this epoch; null without traffic. */
  actual_percent: v.nullable(v.number()),
  paused: v.boolean(),
  advance: v.picklist(['manual', 'auto']),
  shadow: v.object({
    active: v.boolean(),
    sample: v.number(),
    in_flight: v.number(),
    max_in_flight: v.number(),
    today: v.number(),
    max_jobs_per_day: v.number(),
    /** Copies lost, by reason, since the release was started. */
    dropped: v.record(v.string(), v.number()),
    funnel: v.object({
      eligible: v.number(),
      sampled: v.number(),
      admitted: v.number(),
      submitted: v.number(),
      finished: v.number(),
      scored: v.number(),
    }),
  }),
  epoch: v.number(),
  version: v.number(),
  since: isoTime,
  reason: v.string(),
  /** The ladder with the next rung; `seconds` of bake each. */
  ladder: v.array(
    v.object({
      percent: v.number(),
      stage: v.string(),
      bake_seconds: v.number(),
      gate: v.string(),
      approval: v.string(),
    }),
  ),
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
  /** Keys whose live value differs from the file. */
  drift: v.array(v.string()),
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

/** The new state; with `dry_run` the state as it would be, and `dry_run: true`. */
export const actionAnswerSchema = v.object({ ...releaseSchema.entries, dry_run: v.optional(v.boolean()) })

const place = v.object({ stage: v.string(), percent: v.number() })
export const historyEntrySchema = v.object({
  id: v.string(),
  at: isoTime,
  /** `token:NAME`, `user:SUBJECT`, or `system:guardrail`, `system:auto`, `system:config`, `system:webhook`. */
  who: v.string(),
  action: v.string(),
  reason: v.string(),
  from: place,
  to: place,
  epoch: v.number(),
  version: v.number(),
  evidence: v.optional(v.unknown()),
})
export type HistoryEntry = v.InferOutput<typeof historyEntrySchema>

export const configValueSchema = v.object({
  value: v.unknown(),
  source: v.picklist(['file', 'live', 'default']),
  /** What the file says, where the live value hides it. */
  file: v.optional(v.unknown()),
})
export const configViewSchema = v.object({
  release: v.string(),
  version: v.number(),
  values: v.record(v.string(), configValueSchema),
  overlay: v.record(v.string(), v.unknown()),
  /** Published overlays, newest first. */
  published: v.array(v.object({ version: v.number(), at: isoTime, who: v.string(), reason: v.string() })),
})
export type ConfigView = v.InferOutput<typeof configViewSchema>

export const counterRowSchema = v.object({
  stage: v.string(),
  epoch: v.number(),
  arm,
  operation: v.picklist(OPERATIONS),
  shadow: v.boolean(),
  from: isoTime,
  to: isoTime,
  requests: v.number(),
  errors: v.record(v.string(), v.number()),
  /** Ends that are not the arm's fault, and contract drift. */
  other: v.record(v.string(), v.number()),
  latency_seconds: v.nullable(v.object({ p50: v.number(), p95: v.number(), p99: v.number(), max: v.number() })),
  queue_seconds: v.nullable(v.object({ p50: v.number(), p95: v.number(), p99: v.number(), max: v.number() })),
})
export type CounterRow = v.InferOutput<typeof counterRowSchema>

export const jobSchema = v.object({
  id: v.string(),
  arm,
  stage: v.string(),
  epoch: v.number(),
  status: v.picklist(['open', 'succeeded', 'failed', 'cancelled', 'lost', 'timeout']),
  outcome: v.nullable(v.string()),
  shadow: v.boolean(),
  rescued: v.boolean(),
  submitted_at: isoTime,
  ended_at: v.nullable(isoTime),
  seconds: v.nullable(v.number()),
})
export type JobView = v.InferOutput<typeof jobSchema>

export const pairSchema = v.object({
  /** Both jobs of one submit: what an evaluator fetches and compares. `id` is the backend's own. */
  control: v.object({ id: v.string(), url: v.string(), status: v.string(), seconds: v.nullable(v.number()) }),
  candidate: v.object({ id: v.string(), url: v.string(), status: v.string(), seconds: v.nullable(v.number()) }),
  at: isoTime,
})
export type PairView = v.InferOutput<typeof pairSchema>

export const assignmentSchema = v.object({
  release: v.string(),
  subject: v.string(),
  arm,
  reason: v.string(),
  stage: v.string(),
  percent: v.number(),
  position: v.number(),
  epoch: v.number(),
})
export type AssignmentView = v.InferOutput<typeof assignmentSchema>

export function listOf<const S extends v.GenericSchema>(item: S) {
  return v.object({ items: v.array(item), next: v.nullable(v.string()) })
}

export const errorSchema = v.object({
  error: v.object({
    code: v.string(),
    message: v.string(),
    type: v.string(),
    param: v.nullable(v.string()),
    request_id: v.string(),
    details: v.array(v.object({ path: v.string(), message: v.string() })),
  }),
})
