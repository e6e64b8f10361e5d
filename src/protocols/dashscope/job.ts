/** A job as Model Studio shows it: a failed one under status 200 with a code that tells whose fault it is. */
import type { BackendAnswer, BackendJob, JobStatus } from '../protocol.ts'
import { isResourceId } from '../resource-id.ts'
import { secondsBetween } from '../wall-clock.ts'

/** `UNKNOWN`: no such job, or none any more. */
const STATUS: Record<string, JobStatus> = {
  PENDING: 'queued',
  SUSPENDED: 'queued',
  RUNNING: 'running',
  SUCCEEDED: 'succeeded',
  FAILED: 'failed',
  CANCELED: 'cancelled',
  UNKNOWN: 'failed',
}
/** Codes that begin so are about the request: its content, its parameters, the files that it names. */
const REFUSALS = /^(DataInspection|IPInfringement|Invalid(?!ApiKey)|BadRequest|Unsupported)/
const CONTENT_REFUSALS = /^(DataInspection|IPInfringement|InvalidParameter\.DataInspection)/

/** Null where the answer shows no job. Every word but the seven is a job that has not ended. */
export function readDashscopeJob({ status: httpStatus, body, job }: BackendAnswer): BackendJob | null {
  const output = outputOf(body)
  if (httpStatus < 200 || httpStatus >= 300 || !output) return null
  const { task_id: id = job, task_status: word, code, submit_time, scheduled_time, end_time } = output
  if (typeof word !== 'string' || !isResourceId(id)) return null
  const status = (Object.hasOwn(STATUS, word) && STATUS[word]) || 'running'
  const isFailed = status === 'failed'
  const hasRun = status === 'succeeded' || isFailed
  return {
    id,
    status,
    failure: !isFailed ? null : word === 'UNKNOWN' ? 'job_lost' : failureOf(code),
    queueSeconds: secondsBetween(submit_time, scheduled_time),
    runSeconds: hasRun ? secondsBetween(scheduled_time, end_time) : null,
    totalSeconds: hasRun ? secondsBetween(submit_time, end_time) : null,
  }
}

/** An error's own body is flat. A quota that is used up, and refused content, have statuses that others have too. */
export function dashscopeSubmitError({ body }: BackendAnswer): 'saturated' | 'content_refused' | null {
  const code = body !== null && typeof body === 'object' ? (body as { code?: unknown }).code : null
  if (typeof code !== 'string') return null
  return code.startsWith('Throttling') ? 'saturated' : CONTENT_REFUSALS.test(code) ? 'content_refused' : null
}

export function outputOf(body: unknown): Record<string, unknown> | null {
  const output = body !== null && typeof body === 'object' ? (body as { output?: unknown }).output : null
  return output !== null && typeof output === 'object' ? (output as Record<string, unknown>) : null
}

function failureOf(code: unknown): NonNullable<BackendJob['failure']> {
  if (typeof code !== 'string') return 'job_failed'
  if (REFUSALS.test(code)) return 'content_refused'
  return /time_?out/i.test(code) ? 'job_timeout' : 'job_failed'
}
