/**
 * A job as ComfyUI shows it: in its history once it has ended, `{}` before that, by `/api/jobs` in newer builds, and in
 * the messages of its WebSocket. Judges whose fault a failure is.
 */
import { answerJson, isObject, isResourceId } from '../answer-json.ts'
import { plainJob, statusIn } from '../job-outcome.ts'
import { MESSAGE_CHARS, type BackendAnswer, type BackendJob, type JobStatus, type SocketMessage } from '../protocol.ts'
import { secondsBetween } from '../times.ts'

/** Of `/api/jobs`. */
const STATUS: Record<string, JobStatus> = {
  pending: 'queued',
  in_progress: 'running',
  completed: 'succeeded',
  failed: 'failed',
  cancelled: 'cancelled',
  canceled: 'cancelled',
}
/** Nodes that call a hosted model repeat its refusal. */
const REFUSED = /content.?(policy|filter|moderation)|moderation|nsfw|safety (system|filter|checker)/i
/** An end has few messages; what stands behind so many is not looked for. */
const MAX_MESSAGES = 2000

type Members = Record<string, unknown>

/** Null where the answer is about no job. */
export function readComfyJob({ status, body, job }: BackendAnswer): BackendJob | null {
  if (status < 200 || status >= 300 || !isObject(body)) return null
  const { prompt_id: submitted, id, status: word } = body
  if (isResourceId(submitted)) return backendJobOf(submitted, 'queued')
  if (typeof word === 'string' && isResourceId(id)) return listed(id, word, body)
  if (job === null) return null
  if (isUnknownOrOpen(body)) return backendJobOf(job, 'running')
  const entry = Object.hasOwn(body, job) ? body[job] : null
  return isObject(entry) ? ended(job, entry) : null
}

/** A history without the job: queued, running, or unknown here. The wire has one answer for all three. */
export function isUnknownOrOpen(body: unknown): boolean {
  return isObject(body) && Object.keys(body).length === 0
}

/** Whether the server's queue has the job, waiting or running. */
export function isInQueue({ body, job }: BackendAnswer): boolean {
  const { queue_running: running, queue_pending: pending } = isObject(body) ? body : {}
  return [running, pending].some(
    (items) => Array.isArray(items) && items.some((item) => Array.isArray(item) && item[1] === job),
  )
}

/** What a message tells; of one that is no JSON, nothing. */
export function readComfyMessage(text: string): SocketMessage {
  const message = answerJson(text)
  if (!isObject(message)) return { job: null, backendJob: null }
  // The metadata of a picture stands by itself.
  const { type, data = message } = message
  const job = isObject(data) ? data['prompt_id'] : null
  if (!isObject(data) || !isResourceId(job)) return { job: null, backendJob: null }
  return { job, backendJob: typeof type === 'string' ? endIn(job, type, data) : null }
}

/** In a history: without a status an older build has it only for jobs that went well. */
function ended(id: string, { status, prompt }: Members): BackendJob {
  const { status_str: word, messages } = isObject(status) ? status : {}
  const { started, finished, end } = read(id, messages)
  const created = Array.isArray(prompt) && isObject(prompt[3]) ? prompt[3]['create_time'] : null
  const backendJob = end ?? backendJobOf(id, word === 'error' ? 'failed' : 'succeeded')
  return { ...backendJob, ...times(created, started, finished) }
}

function listed(id: string, word: string, body: Members): BackendJob {
  const status = statusIn(STATUS, word)
  const { create_time: created, execution_start_time: started, execution_end_time: finished } = body
  const { execution_error: error, execution_status: details } = body
  const reported = isObject(details) ? read(id, details['messages']).end : null
  const own = isObject(error) ? endIn(id, 'execution_error', error) : null
  // What was interrupted is shown as failed.
  const backendJob = (status === 'failed' && (own ?? reported)) || backendJobOf(id, status)
  const isOver = backendJob.status !== 'queued' && backendJob.status !== 'running'
  return isOver ? { ...backendJob, ...times(created, started, finished) } : backendJob
}

type Reported = { started: unknown; finished: unknown; end: BackendJob | null }

/** When it ran, unix ms, and how it ended, out of the list of its events. */
function read(id: string, messages: unknown): Reported {
  const reported: Reported = { started: null, finished: null, end: null }
  for (const message of Array.isArray(messages) ? messages.slice(0, MAX_MESSAGES) : []) {
    const [event, data] = Array.isArray(message) ? (message as unknown[]) : []
    if (typeof event !== 'string' || !isObject(data)) continue
    if (event === 'execution_start') reported.started = data['timestamp']
    const end = endIn(id, event, data)
    if (end) Object.assign(reported, { finished: data['timestamp'], end })
  }
  return reported
}

function endIn(id: string, event: string, data: Members): BackendJob | null {
  if (event === 'execution_success') return backendJobOf(id, 'succeeded')
  if (event === 'execution_interrupted') return backendJobOf(id, 'cancelled')
  if (event !== 'execution_error') return null
  const { exception_type: type, exception_message: message } = data
  const words = [type, message].filter((each) => typeof each === 'string').map((each) => each.slice(0, MESSAGE_CHARS))
  return backendJobOf(id, 'failed', words.join(': '))
}

function backendJobOf(id: string, status: JobStatus, words = ''): BackendJob {
  const failure = status !== 'failed' ? null : REFUSED.test(words) ? 'content_refused' : 'job_failed'
  return { ...plainJob(id, status), failure }
}

/** All by the server's one clock. */
function times(created: unknown, started: unknown, finished: unknown) {
  return {
    queueSeconds: secondsBetween(created, started, unixMs),
    runSeconds: secondsBetween(started, finished, unixMs),
    totalSeconds: secondsBetween(created, finished, unixMs),
  }
}

function unixMs(time: unknown): number {
  return typeof time === 'number' ? time : NaN
}
