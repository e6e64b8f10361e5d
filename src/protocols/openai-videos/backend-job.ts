/**
 * A job as the servers of this wire show it, each with its own habits: status words, error shapes, clocks. Judges
 * whose fault a failure is.
 */
import { isObject, saysSomething } from '../answer-json.ts'
import { isResourceId } from '../resource-id.ts'
import { secondsOf } from '../seconds.ts'
import { MESSAGE_CHARS, type BackendAnswer, type BackendJob, type JobStatus } from '../protocol.ts'

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
/** What a server says of a job that it is about to stop. */
const STOPPING = /cancell?ation (is )?in progress/i

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
  const isGood = httpStatus >= 200 && httpStatus < 300 && !saysSomething(job['error'])
  if (typeof word !== 'string' && !((word ?? null) === null && isGood)) return null
  const status = statusOf(typeof word === 'string' ? word : '')
  const runSeconds = secondsOf(job['inference_time_s'])
  const totalSeconds = totalOf(job, status)
  return {
    id,
    status,
    failure: status !== 'failed' ? null : isRefusal(job['error'], httpStatus) ? 'content_refused' : 'job_failed',
    // The servers tell no queue time; what is left of the whole is one, to a second.
    queueSeconds: totalSeconds === null || runSeconds === null ? null : Math.max(0, totalSeconds - runSeconds),
    runSeconds,
    totalSeconds,
  }
}

/** Every other word, known (processing, cancelling) or not, is a job that has not ended. */
export function statusOf(word: string): JobStatus {
  const known = word.toLowerCase()
  return (Object.hasOwn(STATUS, known) && STATUS[known]) || 'running'
}

/** Unix seconds; Dynamo says `created`. */
function totalOf(job: Record<string, unknown>, status: JobStatus): number | null {
  const created = secondsOf(job['created_at']) ?? secondsOf(job['created'])
  const completed = secondsOf(job['completed_at'])
  const ended = status !== 'queued' && status !== 'running'
  return ended && created !== null && completed !== null ? secondsOf(completed - created) : null
}

/** TensorRT-LLM says by `deleted` whether it has; vLLM-Omni answers 409 where a job takes longer than two seconds to stop. */
export function cancelSays({ status, body }: Pick<BackendAnswer, 'status' | 'body'>): 'taken' | 'refused' | null {
  if (!isObject(body)) return null
  if (body['deleted'] === false) return 'refused'
  const message = messageOf(body['error'] ?? body['detail'])
  return status === 409 && message !== null && STOPPING.test(message) ? 'taken' : null
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

/**
 * Ids that a later request can ask for: of a job (its own and the one it was remixed from), a character, or each item of a list; each once, in
 * their order.
 */
export function readResourceIds(body: unknown): string[] {
  if (!isObject(body)) return []
  const items = Array.isArray(body['data']) ? body['data'].filter(isObject) : []
  const named = [body, ...items].flatMap((each) => [each['id'], each['remixed_from_video_id']])
  return [...new Set(named.filter(isResourceId))]
}
