/** What the experiment takes and answers: rows of signals and events, and what became of a batch. No behaviour here. */
import * as v from 'valibot'
import { ARMS } from '../core/arm.ts'

const isoTime = v.pipe(v.string(), v.isoTimestamp())
const arm = v.picklist(ARMS)

const metricName = v.pipe(v.string(), v.regex(/^[^\s/|]{1,100}$/u, 'a name of 1 to 100 characters without blanks'))
const rowId = v.pipe(v.string(), v.minLength(1), v.maxLength(200))
const common = {
  release: v.string(),
  metric: metricName,
  /** Finite; JSON knows no other. */
  value: v.pipe(v.number(), v.finite()),
  at: v.optional(isoTime),
  /** A row whose id was seen before is not counted again. */
  id: v.optional(rowId),
}

/** One measurement of an arm: quality, resources, cost. With `job_id` it counts in that job's epoch. */
export const signalSchema = v.strictObject({ ...common, arm, job_id: v.optional(v.string()) })
export type Signal = v.InferOutput<typeof signalSchema>

/** Something that a subject did; `subject` is its plain id, as the data plane reads it. */
export const eventSchema = v.pipe(
  v.strictObject({
    ...common,
    subject: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(500))),
    job_id: v.optional(v.string()),
  }),
  v.check((row) => (row.subject === undefined) !== (row.job_id === undefined), 'give either subject or job_id'),
)
export type Event = v.InferOutput<typeof eventSchema>

export const MAX_BATCH_ROWS = 1000

/** `details` names each bad row by its number, from 0. */
export const batchAnswerSchema = v.object({
  accepted: v.number(),
  repeated: v.number(),
  details: v.array(v.object({ path: v.string(), message: v.string() })),
})
export type BatchAnswer = v.InferOutput<typeof batchAnswerSchema>
