/**
 * A job as the servers of this wire show it, each with its own habits: status words, error shapes, clocks. Judges
 * whose fault a failure is.
 */
import { isResourceId } from '../resource-id.ts'
import type { BackendJob, JobStatus } from '../protocol.ts'

const STATUS: Record<string, JobStatus> = {
  queued: 'queued',
  pending: 'queued',
  completed: 'succeeded',
  succeeded: 'succeeded',
  failed: 'failed',
  error: 'failed',
  expired: 'failed',
  cancelled: 'cancelled',
  canceled: 'cancelled',
  deleted: 'cancelled',
}
/** HTTP-like codes that say that the request itself was at fault. */
const REFUSAL_CODES = new Set([400, 403, 413, 415, 422, 451])
/** The same in words, compared without case and punctuation. */
const REFUSAL_WORDS =
  /contentfilter|contentpolicy|moderation|datainspection|invalid(parameter|request|prompt|input|argument|value)|badrequest|validationerror|usererror|nsfw|safety|guardrail/
const MESSAGE_CHARS = 500

/**
 * Null where the body is no job: it needs an id of 1 to 512 characters and a status. A good answer without one, and
 * without an error, is a job all the same, of which is known only that it has not ended: clients go on from there too.
 * Else `httpStatus` only helps to judge a failure.
 */
export function readBackendJob(httpStatus: number, body: unknown): BackendJob | null {
  if (body === null || typeof body !== 'object') return null
  const job = body as Record<string, unknown>
  const { id, status: word } = job
  if (!isResourceId(id)) return null
  const isGood = httpStatus >= 200 && httpStatus < 300 && (job['error'] ?? null) === null
  if (typeof word !== 'string' && !((word ?? null) === null && isGood)) return null
  // Every other word, known (processing, cancelling) or not, is a job that has not ended.
  const known = typeof word === 'string' ? word.toLowerCase() : ''
  const status = (Object.hasOwn(STATUS, known) && STATUS[known]) || 'running'
  const runSeconds = seconds(job['inference_time_s'])
  const totalSeconds = totalOf(job, status)
  return {
    id,
    status,
    failure: status !== 'failed' ? null : isRefusal(job['error'], httpStatus) ? 'content_refused' : 'job_failed',
    message: status === 'failed' ? messageOf(job['error']) : null,
    // The servers tell no queue time; what is left of the whole is one, to a second.
    queueSeconds: totalSeconds === null || runSeconds === null ? null : Math.max(0, totalSeconds - runSeconds),
    runSeconds,
    totalSeconds,
  }
}

/** Unix seconds; Dynamo says `created`. */
function totalOf(job: Record<string, unknown>, status: JobStatus): number | null {
  const created = seconds(job['created_at']) ?? seconds(job['created'])
  const completed = seconds(job['completed_at'])
  const ended = status !== 'queued' && status !== 'running'
  return ended && created !== null && completed !== null ? seconds(completed - created) : null
}

function isRefusal(error: unknown, httpStatus: number): boolean {
  if (error !== null && typeof error === 'object') {
    const { code, type } = error as Record<string, unknown>
    if (typeof code === 'number' || (typeof code === 'string' && /^\d+$/.test(code))) {
      return REFUSAL_CODES.has(Number(code))
    }
    const words = code ?? type
    if (typeof words === 'string') return REFUSAL_WORDS.test(words.toLowerCase().replaceAll(/[^a-z]/g, ''))
  }
  return REFUSAL_CODES.has(httpStatus)
}

function messageOf(error: unknown): string | null {
  const message = error !== null && typeof error === 'object' ? (error as { message?: unknown }).message : error
  return typeof message === 'string' ? message.slice(0, MESSAGE_CHARS) : null
}

function seconds(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null
}
