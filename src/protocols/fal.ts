/**
 * fal's queue: the model stands in the path, a job's own paths below its app only, and `COMPLETED` means that a job has
 * ended, well or not: what came of it is an answer of its own, whose HTTP status tells.
 */
import { isObject, idsAt, isResourceId } from './answer-json.ts'
import { openBody } from './body/open.ts'
import { plainJob, statusIn } from './job-outcome.ts'
import { asServersRead, jobAt, plainSpelling, rooted } from './path-spelling.ts'
import type { BackendAnswer, BackendJob, JobAddress, JobProtocol, JobStatus, Route, ShownJob } from './protocol.ts'
import { MESSAGE_CHARS } from './protocol.ts'
import type { Kind } from './route-kinds.ts'
import { CANCEL, POLL, RESULT, SUBMIT, isRead, passed, withIds } from './route-kinds.ts'
import { inputFacts } from './submission/facts.ts'
import { shadowCopy } from './submission/shadow-copy.ts'
import { modelNamed, submissionOf } from './submission/submission.ts'
import type { Submission, SubmitBody } from './submit.ts'
import { secondsOf } from './times.ts'
import { translatedBelow } from './translate.ts'

/** What a result that is not there yet says, with status 400. */
const STILL_IN_PROGRESS = 'Request is still in progress'
/** A job's links to itself. */
const OWN_URLS = new Set(['status_url', 'response_url', 'cancel_url'])
/** Of a cancel that came too late, or names no job, should a server say so under a good status. */
const NOT_CANCELLED: ReadonlySet<unknown> = new Set(['ALREADY_COMPLETED', 'NOT_FOUND'])
const appAt = ({ prefix, model }: Omit<JobAddress, 'upstreamId'>) =>
  model === null ? prefix : (appOf(`/${model}`) ?? prefix)

export const fal: JobProtocol = {
  kind: 'jobs',
  name: 'fal',
  authScheme: 'Key',
  requestHeaders: [
    ...['x-app-fal-disable-fallback', 'x-fal-no-retry', 'x-fal-object-lifecycle-preference'],
    ...['x-fal-queue-priority', 'x-fal-request-timeout', 'x-fal-runner-hint'],
  ],
  route: routeFal,
  readSubmission: readFalSubmit,
  readJob: readFalJob,
  readIds: (body) => idsAt(body, 'request_id'),
  ...translatedBelow(routeFal, {
    // Outputs are objects with a `url`, one (`video`) or a list of them (`images`); a webhook has them in its `payload`.
    holdsFile: (path) => path.at(-1) === 'url' && path.length === (path[0] === 'payload' ? 3 : 2),
    // Whatever name their backend goes by, or clients would go past the gateway.
    holdsOwnUrl: ([name, ...below]) => below.length === 0 && OWN_URLS.has(name!),
  }),
  placeholder,
  result: {
    call: (job) => ({ method: 'GET', path: jobPath(appAt(job), job.upstreamId) }),
    read: readFalResult,
    pending: { status: 400, body: { detail: STILL_IN_PROGRESS } },
  },
  pollCall: (job) => ({ method: 'GET', path: jobPath(appAt(job), job.upstreamId, '/status') }),
  cancelCall: (job) => ({ method: 'PUT', path: jobPath(appAt(job), job.upstreamId, '/cancel') }),
  cancelSays: ({ body }) => (isObject(body) && NOT_CANCELLED.has(body['status']) ? 'refused' : null),
  mayLackJob: ({ body }) => isObject(body) && body['status'] === 'NOT_FOUND',
  readWebhook: readFalWebhook,
  makesAnyFile: true,
}

function placeholder({ clientId, prefix, gatewayOrigin, end }: ShownJob) {
  const at = (below: string) => gatewayOrigin + jobPath(prefix, clientId, below)
  return {
    status: end ? 'COMPLETED' : 'IN_PROGRESS',
    request_id: clientId,
    response_url: at(''),
    status_url: at('/status'),
    cancel_url: at('/cancel'),
  }
}

/** Apps of several models stand below one of these. */
const NAMESPACES = new Set(['workflows', 'comfy'])
const REQUESTS = 'requests'

/** Never throws: a path that is not of this wire is `other` and passes, in its plain spelling. */
function routeFal(method: string, given: string): Route {
  const plain = plainSpelling(given)
  const found = aboutJob(method, plain) ?? (plain.includes('%') ? aboutJob(method, asServersRead(plain)) : null)
  if (found) return found
  const path = plain.length > 1 ? plain.replace(/\/$/, '') : plain
  const app = appOf(path)
  if (method !== 'POST' || app === null) return { ...passed(method, plain), prefix: '' }
  return { ...SUBMIT, prefix: app, job: null, upstreamPath: (_, model = null) => (model === null ? path : `/${model}`) }
}

/** `/owner/alias`, or with a namespace before it, of a model's path; null where it names none. */
function appOf(path: string): string | null {
  const segments = path.split('/').slice(1)
  const length = NAMESPACES.has(segments[0]!) ? 3 : 2
  const app = segments.slice(0, length)
  return app.length === length && app.every((segment) => segment !== '') ? `/${app.join('/')}` : null
}

/** `below`: with its slash, '' for the result. */
function jobPath(app: string, id: string, below = ''): string {
  return `${app}/${REQUESTS}/${encodeURIComponent(id)}${below}`
}

/**
 * A request about the job that the path names, null where it names none; some servers route without regard to case, so
 * such a job is its owner's only as well.
 */
function aboutJob(method: string, path: string): Route | null {
  const app = path.startsWith('/') ? appOf(path) : null
  if (app === null) return null
  const below = path.slice(app.length + 1).replace(/\/$/, '')
  const [word = '', id = '', ...rest] = below.split('/')
  if (word.toLowerCase() !== REQUESTS || id === '') return null
  const { job, below: segments } = jobAt([id, ...rest])
  const end = rooted(segments)
  const upstreamPath: Route['upstreamPath'] = (upstreamId, model = null) =>
    jobPath(appAt({ prefix: app, model }), upstreamId ?? job, end)
  return { ...kindOf(method, end), prefix: app, job, upstreamPath }
}

function kindOf(method: string, below: string): Kind {
  if (isRead(method) && below === '/status') return POLL
  if (isRead(method) && below === '') return RESULT
  if (method === 'PUT' && below === '/cancel') return CANCEL
  return withIds(method)
}

const WEBHOOK = 'fal_webhook'

function readFalSubmit(sent: SubmitBody, route: Route): Submission {
  const path = route.upstreamPath(null)
  const model = modelNamed(path.slice(1), 'the path')
  const body = openBody(sent.bytes, sent.contentType)
  return submissionOf(body, sent, path, {
    model,
    ...inputFacts(new Map(body.fields.map(({ name, value }) => [name, value]))),
    rebuild: ({ model: own, shadow, webhook }) => ({
      bytes: shadow ? shadowCopy(body) : sent.bytes,
      path: route.upstreamPath(null, own),
      ...(webhook && !shadow ? { search: withWebhook(sent.search, webhook) } : {}),
    }),
  })
}

/** Everything else in the query as it is written. */
function withWebhook(search: string, sealed: (url: string) => string): string {
  const [asked] = new URLSearchParams(search).getAll(WEBHOOK)
  if (asked === undefined) return search
  const pieces = search.slice(1).split('&')
  const others = pieces.filter((piece) => !new URLSearchParams(piece).has(WEBHOOK))
  return `?${[...others, `${WEBHOOK}=${encodeURIComponent(sealed(asked))}`].join('&')}`
}

const STATUS: Record<string, JobStatus> = { IN_QUEUE: 'queued', IN_PROGRESS: 'running', COMPLETED: 'ended' }
/** Statuses of a result that say that the request itself was at fault. */
const REFUSALS = new Set([400, 403, 413, 415, 422, 451])
/** Not about the job: who asks, how often, and whether there is one. */
const NOT_OF_JOB = new Set([401, 404, 405, 408, 410, 429])
const NO_HEADERS = { get: () => null }

/** Of a submit's or a status' answer; null where it shows no job. Every word but the three is a job that has not ended. */
function readFalJob({ status: httpStatus, body, job }: BackendAnswer): BackendJob | null {
  if (httpStatus < 200 || httpStatus >= 300 || !isObject(body)) return null
  const { status: word, metrics } = body
  const id = body['request_id'] ?? job
  if (typeof word !== 'string' || !isResourceId(id)) return null
  const status = statusIn(STATUS, word)
  const isMeasured = status === 'ended' && isObject(metrics)
  return { ...plainJob(id, status), runSeconds: isMeasured ? secondsOf(metrics['inference_time']) : null }
}

/** Of what came of a job; null where the answer is not about it. */
function readFalResult({ status, headers, body, job }: BackendAnswer): BackendJob | null {
  if (job === null) return null
  if (status === 202) return plainJob(job, 'running')
  if (status >= 200 && status < 300) return body === undefined ? null : plainJob(job, 'succeeded')
  if (status < 400 || NOT_OF_JOB.has(status) || !isObject(body)) return null
  const { detail, error_type: errorType } = body
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
function readFalWebhook(body: unknown): BackendJob | null {
  if (!isObject(body)) return null
  const { request_id: id, status: word, payload, error } = body
  if (!isResourceId(id) || (word !== 'OK' && word !== 'ERROR')) return null
  if (word === 'OK') return plainJob(id, 'succeeded')
  const code = typeof error === 'string' ? /\b[45]\d\d\b/.exec(error.slice(0, MESSAGE_CHARS))?.[0] : undefined
  const answer = { status: Number(code ?? 500), headers: NO_HEADERS, job: id }
  return readFalResult({ ...answer, body: payload }) ?? readFalResult({ ...answer, body: { detail: error ?? '' } })
}

function isCancel(errorType: unknown, message: string | null): boolean {
  return errorType === 'request_cancelled' || /^request (was )?cancell?ed/i.test(message ?? '')
}

/** A sentence, or of a refused parameter the first of its problems. */
function messageOf(detail: unknown): string | null {
  const first: unknown = Array.isArray(detail) ? detail[0] : detail
  const message = isObject(first) ? first['msg'] : first
  return typeof message === 'string' ? message.slice(0, MESSAGE_CHARS) : null
}
