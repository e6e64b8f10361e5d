/** A job as fal's queue shows it: where it stands, and by its result how it ended and whose fault a failure is. */
import { plainJob } from '../job-outcome.ts'
import { MESSAGE_CHARS, type BackendAnswer, type BackendJob, type JobStatus } from '../protocol.ts'
import { isResourceId } from '../resource-id.ts'
import { secondsOf } from '../seconds.ts'
import { STILL_IN_PROGRESS } from './routes.ts'

const STATUS: Record<string, JobStatus> = { IN_QUEUE: 'queued', IN_PROGRESS: 'running', COMPLETED: 'ended' }
/** Statuses of a result that say that the request itself was at fault. */
const REFUSALS = new Set([400, 403, 413, 415, 422, 451])
/** Not about the job: who asks, how often, and whether there is one. */
const NOT_OF_JOB = new Set([401, 404, 405, 408, 410, 429])
const NO_HEADERS = { get: () => null }

/** Of a submit's or a status' answer; null where it shows no job. Every word but the three is a job that has not ended. */
export function readFalJob({ status: httpStatus, body, job }: BackendAnswer): BackendJob | null {
  if (httpStatus < 200 || httpStatus >= 300 || body === null || typeof body !== 'object') return null
  const { status: word, request_id: named, metrics } = body as Record<string, unknown>
  const id = named ?? job
  if (typeof word !== 'string' || !isResourceId(id)) return null
  const status = (Object.hasOwn(STATUS, word) && STATUS[word]) || 'running'
  return { ...plainJob(id, status), runSeconds: status === 'ended' ? inferenceSeconds(metrics) : null }
}

/** Of what came of a job; null where the answer is not about it. */
export function readFalResult({ status, headers, body, job }: BackendAnswer): BackendJob | null {
  if (job === null) return null
  if (status === 202) return plainJob(job, 'running')
  if (status >= 200 && status < 300) return body === undefined ? null : plainJob(job, 'succeeded')
  if (status < 400 || NOT_OF_JOB.has(status) || body === null || typeof body !== 'object') return null
  const { detail, error_type: errorType } = body as Record<string, unknown>
  // Without either it is no word of fal's on the job, but of whatever stands before it.
  if (detail === undefined && errorType === undefined) return null
  if (status === 400 && detail === STILL_IN_PROGRESS) return plainJob(job, 'running')
  // A deadline that the client has set itself, or its cancel.
  if (headers.get('x-fal-request-timeout-type') === 'user' || isCancel(errorType, messageOf(detail)))
    return plainJob(job, 'cancelled')
  const kind = headers.get('x-fal-error-type') ?? errorType
  const isLate = typeof kind === 'string' && kind.endsWith('_timeout')
  const failure = REFUSALS.has(status) ? 'content_refused' : isLate ? 'job_timeout' : 'job_failed'
  return { ...plainJob(job, 'failed'), failure }
}

/** Of what fal sends to a webhook: how the job ended, with what its result would have told. */
export function readFalWebhook(body: unknown): BackendJob | null {
  if (body === null || typeof body !== 'object') return null
  const { request_id: id, status: word, payload, error } = body as Record<string, unknown>
  if (!isResourceId(id) || (word !== 'OK' && word !== 'ERROR')) return null
  if (word === 'OK') return plainJob(id, 'succeeded')
  const code = typeof error === 'string' ? /\b[45]\d\d\b/.exec(error.slice(0, MESSAGE_CHARS))?.[0] : undefined
  const answer = { status: Number(code ?? 500), headers: NO_HEADERS, job: id }
  return readFalResult({ ...answer, body: payload }) ?? readFalResult({ ...answer, body: { detail: error ?? '' } })
}

function inferenceSeconds(metrics: unknown): number | null {
  if (metrics === null || typeof metrics !== 'object') return null
  return secondsOf((metrics as { inference_time?: unknown }).inference_time)
}

function isCancel(errorType: unknown, message: string | null): boolean {
  return errorType === 'request_cancelled' || /^request (was )?cancell?ed/i.test(message ?? '')
}

/** A sentence, or of a refused parameter the first of its problems. */
function messageOf(detail: unknown): string | null {
  const first: unknown = Array.isArray(detail) ? detail[0] : detail
  const message = first !== null && typeof first === 'object' ? (first as { msg?: unknown }).msg : first
  return typeof message === 'string' ? message.slice(0, MESSAGE_CHARS) : null
}
