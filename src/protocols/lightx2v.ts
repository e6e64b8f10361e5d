/**
 * LightX2V's own server. A server runs one model, so that no submit names one; clients may choose a job's id; its queue
 * is full, and an id is taken, under the same HTTP status.
 */
import { isObject, idsAt, isResourceId } from './answer-json.ts'
import type { FormBody } from './body/form-body.ts'
import { openBody } from './body/open.ts'
import { statusIn } from './job-outcome.ts'
import { aboutJob, apiEnd, asServersRead, plainSpelling } from './path-spelling.ts'
import type { BackendAnswer, BackendJob, JobAddress, JobProtocol, JobStatus, Route, ShownJob } from './protocol.ts'
import { CANCEL, CONTENT, fixed, isRead, LIST, other, POLL, SUBMIT, type Unprefixed, withIds } from './route-kinds.ts'
import { clipFacts, positive, promptChars } from './submission/facts.ts'
import { shadowCopy } from './submission/shadow-copy.ts'
import { chosenIdOf, submissionOf } from './submission/submission.ts'
import type { Facts, Submission, SubmitBody } from './submit.ts'
import { secondsBetween, wallClockMs } from './times.ts'
import { translatedBy } from './translate.ts'

const API = '/v1/tasks'
/** Any file of the server's, by a path that says nothing of whose it is. */
const FILES = '/v1/files/download'
/** What is made, below `/v1/tasks`; there is a submit of its own for each, and one for forms. */
const KINDS = new Set(['video', 'image'])

const STATUS: Record<string, JobStatus> = {
  pending: 'queued',
  processing: 'running',
  completed: 'succeeded',
  failed: 'failed',
  cancelled: 'cancelled',
}
/** The worker's last word on a job that was cancelled while it ran. */
const CANCELLED = 'Task cancelled'
/** The server's own. */
const DEFAULT_FPS = 16
const MAX_LISTED = 100

const words = { readPath: (path: string) => route('GET', path) }
const idsIn = (body: unknown) => idsAt(body, 'task_id')
const jobPath = ({ upstreamId, prefix }: JobAddress, below = '') =>
  `${prefix}${API}/${encodeURIComponent(upstreamId)}${below}`

export const lightx2v: JobProtocol = {
  kind: 'jobs',
  name: 'lightx2v',
  authScheme: 'Bearer',
  requestHeaders: [],
  route,
  readSubmission,
  readJob,
  submitError,
  cancelSays: ({ body }) => (hasStoppedNothing(body) ? 'refused' : null),
  mayLackJob: ({ body }) => hasStoppedNothing(body),
  readIds: idsIn,
  ...translatedBy(words),
  list: {
    query: () => ({ limit: MAX_LISTED, after: null, order: 'desc' }),
    answer: (jobs) => Object.fromEntries(jobs.flatMap((job) => idsIn(job).map((id) => [id, job]))),
  },
  placeholder,
  pollCall: (job) => ({ method: 'GET', path: jobPath(job, '/status') }),
  cancelCall: (job) => ({ method: 'DELETE', path: jobPath(job) }),
  contentCall: (job) => ({ method: 'GET', path: jobPath(job, '/result') }),
  limits: {
    always: ["lightx2v names no model: match.models matches nothing, and an arm's model changes nothing"],
    ofCopies: ['lightx2v runs one job at a time: a copy to a server that serves users makes them wait'],
  },
}

/** Never throws: a path that is not of this wire is `other` and passes, in its plain spelling. */
function route(method: string, given: string): Route {
  const plain = plainSpelling(given)
  const isOurs = (path: string) => apiEnd(path, API) > 0 || apiEnd(path, FILES) > 0
  const path = isOurs(plain) ? plain : asServersRead(plain)
  const end = apiEnd(path, API)
  if (end > 0) {
    const prefix = path.slice(0, end - API.length)
    return { ...routeBelow(method, prefix + API, path.slice(end)), prefix }
  }
  const file = apiEnd(path, FILES)
  if (file === 0) return { ...fixed(other(method), plain), prefix: '' }
  // No job has such an id, so that nobody reads a file that may be another's.
  return { ...other(method), job: path.slice(file), upstreamPath: () => path, prefix: '' }
}

/** `below`: with its slash. Without one at the end FastAPI sends a submit elsewhere, and with one everything else. */
function routeBelow(method: string, base: string, below: string): Unprefixed {
  const segments = below.slice(1).replace(/\/$/, '').split('/')
  const [first = '', second, ...deeper] = segments
  if (first === '') return fixed(method === 'POST' ? SUBMIT : method === 'GET' ? LIST : other(method), `${base}/`)
  if (method === 'POST' && KINDS.has(first) && second === undefined) return fixed(SUBMIT, `${base}/${first}/`)
  if (method === 'POST' && KINDS.has(first) && second === 'form' && deeper.length === 0)
    return fixed(SUBMIT, `${base}/${first}/form`)
  if (isRead(method) && first === 'queue' && second === 'status') return fixed(other(method), base + below)
  // What would end everybody's jobs is one id that is none.
  const isEverybodys = below.toLowerCase().startsWith('/all/running')
  return aboutJob(base, isEverybodys ? [segments.join('/')] : segments, ([action, ...more]) => {
    const asked = more.length > 0 ? null : `${isRead(method) ? 'GET' : method} ${action ?? ''}`
    const kind = asked === 'GET status' ? POLL : asked === 'GET result' ? CONTENT : asked === 'DELETE ' ? CANCEL : null
    return kind ?? withIds(method)
  })
}

function readSubmission(sent: SubmitBody, { upstreamPath }: Route): Submission {
  const body = openBody(sent.bytes, sent.contentType)
  // The server decodes a path before it routes: with the id `all/running` a cancel would end everybody's jobs.
  for (const { name, value } of body.fields) if (name === 'task_id') chosenIdOf(value, name, ['queue'])
  return submissionOf(body, sent, upstreamPath(null), {
    model: null,
    ...factsOf(body),
    // A copy has an id of its own: the client's may be taken at its backend.
    rebuild: ({ shadow }) => ({ bytes: shadow ? shadowCopy(body, ({ name }) => name === 'task_id') : sent.bytes }),
  })
}

function factsOf({ fields }: FormBody): Facts {
  const values = new Map(fields.map(({ name, value }) => [name, value]))
  const shape = values.get('target_shape')
  const [height, width] = Array.isArray(shape) && shape.length === 2 ? shape.map(positive) : []
  return {
    promptChars: promptChars(values.get('prompt')),
    ...clipFacts({
      seconds: null,
      frames: positive(values.get('target_video_length')),
      fps: positive(values.get('target_fps')) ?? DEFAULT_FPS,
      pixels: height && width ? height * width : null,
    }),
  }
}

/** Of a submit's answer (`task_status`) or a poll's (`status`). Every word but the five is a job that has not ended. */
function readJob({ status: httpStatus, body, job }: BackendAnswer): BackendJob | null {
  if (httpStatus < 200 || httpStatus >= 300 || !isObject(body)) return null
  const { task_id: id = job, status: word = body['task_status'], error, error_type: kind } = body
  if (typeof word !== 'string' || !isResourceId(id)) return null
  const shown = statusIn(STATUS, word)
  const isCancelled = shown === 'failed' && typeof error === 'string' && error.startsWith(CANCELLED)
  const status = isCancelled ? 'cancelled' : shown
  const isLate = typeof kind === 'string' && /timeout/i.test(kind)
  return {
    id,
    status,
    failure: status !== 'failed' ? null : isLate ? 'job_timeout' : 'job_failed',
    queueSeconds: null,
    // Set anew when the job's turn has come, so that its wait is told nowhere.
    runSeconds: status === 'succeeded' ? secondsBetween(body['start_time'], body['end_time'], wallClockMs) : null,
    totalSeconds: null,
  }
}

/** It has ended, or there is no such job: the server has one answer for both. */
function hasStoppedNothing(body: unknown): boolean {
  return isObject(body) && typeof body['stop_status'] === 'string' && body['stop_status'] !== 'success'
}

function submitError({ status, body }: BackendAnswer): 'saturated' | 'client_error' | null {
  const detail = isObject(body) && typeof body['detail'] === 'string' ? body['detail'] : ''
  if (status === 503 && detail.startsWith('Task queue is full')) return 'saturated'
  const isTaken = status === 503 && detail.endsWith('already exists')
  return isTaken || (status === 500 && detail.includes('Image URL is not accessible')) ? 'client_error' : null
}

function placeholder({ clientId, submittedAt, end }: ShownJob) {
  const naive = (at: number) => new Date(at).toISOString().slice(0, -1)
  const isFailed = end !== null && end.outcome !== 'ok'
  return {
    task_id: clientId,
    status: end === null ? 'processing' : isFailed ? 'failed' : 'completed',
    start_time: naive(submittedAt),
    end_time: end && naive(end.at),
    error: isFailed ? 'the job has failed; a poll of it tells why' : null,
  }
}
