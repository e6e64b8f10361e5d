/**
 * What the control plane takes and answers, as schemas: they validate requests,
 * make the OpenAPI document, and give the dashboard and the CLI their types. No behaviour here.
 */
import * as v from 'valibot'
import { ARMS } from '../core/arm.ts'
import { OPERATIONS } from '../core/outcome.ts'
import { isoTime } from './release.ts'

export { atLeast, type Role } from '../auth/roles.ts'
export { asValue, SluiceError } from '../core/errors.ts'
export * from './actions.ts'
export * from './release.ts'

const arm = v.picklist(ARMS)

/** One thing that was wrong: where, what by code and params, and a sentence for people. */
export const detailSchema = v.object({
  path: v.string(),
  message: v.string(),
  code: v.string(),
  params: v.record(v.string(), v.union([v.string(), v.number()])),
})
export type Detail = v.InferOutput<typeof detailSchema>

const place = v.object({ stage: v.string(), percent: v.number() })
export const historyEntrySchema = v.object({
  id: v.string(),
  at: isoTime,
  /** `token:NAME`, `user:SUBJECT`, or `system:` with what acted by itself, such as `system:guardrail`. */
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
  /** Why the overlay, as it is stored, does not act; left out where it does. The values are then the file's. */
  set_aside: v.optional(v.array(detailSchema)),
  /** False in the answer to a change that changes nothing: no version was published. */
  changed: v.optional(v.boolean()),
  /** Published overlays, newest first. */
  published: v.array(v.object({ version: v.number(), at: isoTime, who: v.string(), reason: v.string() })),
})
export type ConfigView = v.InferOutput<typeof configViewSchema>

const quantiles = v.nullable(v.object({ p50: v.number(), p95: v.number(), p99: v.number(), max: v.number() }))
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
  latency_seconds: quantiles,
  queue_seconds: quantiles,
})
export type CounterRow = v.InferOutput<typeof counterRowSchema>

export const jobSchema = v.object({
  id: v.string(),
  arm,
  stage: v.string(),
  epoch: v.number(),
  status: v.picklist(['open', 'succeeded', 'failed', 'cancelled', 'lost', 'timeout', 'not_observed']),
  outcome: v.nullable(v.string()),
  shadow: v.boolean(),
  rescued: v.boolean(),
  submitted_at: isoTime,
  ended_at: v.nullable(isoTime),
  seconds: v.nullable(v.number()),
})
export type JobView = v.InferOutput<typeof jobSchema>
/** What is left out is not asked for. */
export type JobFilter = { [K in 'arm' | 'status' | 'shadow']?: JobView[K] | undefined }

const pairedJob = v.object({ id: v.string(), url: v.string(), status: v.string(), seconds: v.nullable(v.number()) })
export const pairSchema = v.object({
  /** The client's id of the control job: as `job_id` of a signal it names the pair, and `arm` says which side. */
  job_id: v.optional(v.string()),
  /** Both jobs of one submit: what an evaluator fetches and compares. `id` is the backend's own. */
  control: pairedJob,
  candidate: pairedJob,
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

/** A list's page: `next` is the cursor of the page after it, null where there is none. */
export interface Page<T> {
  items: T[]
  next: string | null
}

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
    details: v.array(detailSchema),
    // A gateway of before this member leaves it out.
    docs: v.optional(v.string()),
  }),
})
