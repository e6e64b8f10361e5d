/**
 * A job as the servers of this wire show it, each with its own habits (status words, error shapes, clocks), and as
 * OpenAI's clients read it, whichever arm it comes from. Judges whose fault a failure is.
 */
import { isObject, saysSomething, isResourceId, answerJson } from '../answer-json.ts'
import type { FieldValue } from '../body/form-body.ts'
import { tryOpenJson } from '../body/json.ts'
import { statusIn } from '../job-outcome.ts'
import { MESSAGE_CHARS, type BackendAnswer, type BackendJob, type JobStatus } from '../protocol.ts'
import { putFields } from '../submission/field-mapping.ts'
import { secondsOf } from '../times.ts'

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
  if (!isObject(body) || !isResourceId(body['id'])) return null
  const { id, status: word, error } = body
  const isGood = httpStatus >= 200 && httpStatus < 300 && !saysSomething(error)
  if (typeof word !== 'string' && !((word ?? null) === null && isGood)) return null
  const status = statusOf(typeof word === 'string' ? word : '')
  const runSeconds = secondsOf(body['inference_time_s'])
  const totalSeconds = totalOf(body, status)
  return {
    id,
    status,
    failure: status !== 'failed' ? null : isRefusal(error, httpStatus) ? 'content_refused' : 'job_failed',
    // The servers tell no queue time; what is left of the whole is one, to a second.
    queueSeconds: totalSeconds === null || runSeconds === null ? null : Math.max(0, totalSeconds - runSeconds),
    runSeconds,
    totalSeconds,
  }
}

/** Every other word, known (processing, cancelling) or not, is a job that has not ended. */
function statusOf(word: string): JobStatus {
  return statusIn(STATUS, word.toLowerCase())
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
  const { code, type } = isObject(error) ? error : {}
  if (typeof code === 'number' || (typeof code === 'string' && /^\d+$/.test(code)))
    return REFUSAL_CODES.has(Number(code))
  const words = code ?? type
  if (typeof words === 'string') return REFUSAL_WORDS.test(words.toLowerCase().replaceAll(/[^a-z]/g, ''))
  return REFUSAL_CODES.has(httpStatus)
}

function messageOf(error: unknown): string | null {
  const message = isObject(error) ? error['message'] : error
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

/** How OpenAI's clients know them. */
const SHOWN = {
  queued: 'queued',
  running: 'in_progress',
  ended: 'completed',
  succeeded: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
} as const
/** Of a failure without a code. */
const CODE = 'server_error'
/** What may need another word: most answers hold none of it, and are not read. */
const STATUSES = /"status"\s*:\s*"([^"]*)"/g
const ERROR = /"error"\s*:\s*["{]/
const WORDS: ReadonlySet<string> = new Set(Object.values(SHOWN))

type Change = [path: string[], value: FieldValue]

/** The job's answer in their words; all else byte for byte, errors of requests too. Never throws. */
export function asOpenAi(text: string): string {
  if (!ERROR.test(text) && [...text.matchAll(STATUSES)].every(([, word = '']) => WORDS.has(word))) return text
  const answer = answerJson(text)
  if (!isObject(answer)) return text
  const { id, status, error } = answer
  const changes = isResourceId(id) && typeof status === 'string' ? [...inStatus(status), ...inError(error, status)] : []
  const body = changes.length === 0 ? null : tryOpenJson(text)
  return body ? new TextDecoder().decode(putFields(body, changes)) : text
}

/** Clients stop at any status that they do not know, as if the job had ended. */
function inStatus(word: string): Change[] {
  const deleted: Change[] = [
    [['object'], { text: 'video.deleted' }],
    [['deleted'], { json: 'true' }],
  ]
  if (word === 'deleted') return deleted
  const shown = SHOWN[statusOf(word)]
  return shown === word ? [] : [[['status'], { text: shown }]]
}

/** TensorRT-LLM's is a text, and SGLang's has no code. */
function inError(error: unknown, status: string): Change[] {
  if (statusOf(status) !== 'failed' && !saysSomething(error))
    return (error ?? null) === null ? [] : [[['error'], { json: 'null' }]]
  if (typeof error === 'string') return [[['error'], { json: JSON.stringify({ code: CODE, message: error }) }]]
  return isObject(error) && (error['code'] ?? null) === null ? [[['error', 'code'], { text: CODE }]] : []
}
