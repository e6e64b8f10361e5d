/** What can be wrong with a demo backend, switched by `POST /__demo/faults`. Only describes; the backend acts on it. */
import * as v from 'valibot'

const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
const milliseconds = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(600_000))

const Schema = v.strictObject({
  /** Share of submits answered with HTTP 500. */
  error_rate: share,
  /** Wait before every answer. */
  latency_ms: milliseconds,
  /** Accepts requests and never answers. */
  hang: v.boolean(),
  /** Drops every connection as soon as a request arrives, as a crashed server does. */
  refuse: v.boolean(),
  /** Answers submits at one byte every half second. */
  drip: v.boolean(),
  /** Share of new jobs that end as failed. */
  job_failure_rate: share,
  /** Time that new jobs take; null for the backend's own. */
  job_seconds: v.nullable(v.pipe(v.number(), v.minValue(0), v.maxValue(3600))),
  /** Finished jobs answer their download with no bytes. */
  empty_content: v.boolean(),
})
const Change = v.partial(Schema)

export type Faults = v.InferOutput<typeof Schema>
export type FaultChange = v.InferInput<typeof Change>

export const HEALTHY: Faults = {
  error_rate: 0,
  latency_ms: 0,
  hang: false,
  refuse: false,
  drip: false,
  job_failure_rate: 0,
  job_seconds: null,
  empty_content: false,
}

/** The named faults changed and the others kept, or everything that is wrong with the change. */
export function changeFaults(faults: Faults, change: unknown): { faults: Faults } | { problems: string[] } {
  if (Array.isArray(change)) return { problems: ['body: must be an object'] }
  const read = v.safeParse(Change, change)
  if (read.success) return { faults: { ...faults, ...dropUndefined(read.output) } }
  return { problems: read.issues.map((issue) => `${v.getDotPath(issue) ?? 'body'}: ${issue.message}`) }
}

function dropUndefined(change: v.InferOutput<typeof Change>): Partial<Faults> {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as Partial<Faults>
}
