/**
 * Replicate's predictions: the model stands in the path or, as a version, in the body, and a job's paths name neither.
 * A prediction holds links to itself, and links to what it made.
 */
import { detail, SluiceError } from '../core/errors.ts'
import { isObject, idsAt, isResourceId } from './answer-json.ts'
import { applyEdits, type Edit, type FormBody } from './body/form-body.ts'
import { openJson } from './body/json.ts'
import { statusIn } from './job-outcome.ts'
import { aboutJob, asServersRead, plainSpelling } from './path-spelling.ts'
import type { BackendJob, JobProtocol, JobStatus, Route, ShownJob } from './protocol.ts'
import { MESSAGE_CHARS } from './protocol.ts'
import { CANCEL, fixed, isRead, type Kind, LIST, other, passed, POLL, SUBMIT, withIds } from './route-kinds.ts'
import { inputFacts } from './submission/facts.ts'
import { shadowCopy } from './submission/shadow-copy.ts'
import { modelNamed, submissionOf } from './submission/submission.ts'
import type { Submission, SubmitBody } from './submit.ts'
import { secondsBetween, secondsOf } from './times.ts'
import { translatedBelow } from './translate.ts'

const PREDICTIONS = '/v1/predictions'
const ROOTS = new Set(['predictions', 'models', 'deployments', 'files', 'trainings'])
/** Their lists are the whole account's, whoever asks. */
const OF_ACCOUNT = new Set(['files', 'trainings'])
/** The second is an older name, for the end alone. Replicate still calls it. */
const WEBHOOKS = new Set(['webhook', 'webhook_completed'])
/** Small enough for each job of a page to be asked for at its backend. */
const PAGE = 20

export const replicate: JobProtocol = {
  kind: 'jobs',
  name: 'replicate',
  authScheme: 'Bearer',
  requestHeaders: ['cancel-after', 'prefer'],
  route: routeReplicate,
  readSubmission,
  readJob: ({ body }) => readPrediction(body),
  readIds: (body) => idsAt(body, 'id'),
  ...translatedBelow(routeReplicate, {
    holdsFile: (path) => path[0] === 'output' && path.length <= 2,
    // Links to itself lead to the gateway whatever name their backend goes by, or clients would go past it.
    holdsOwnUrl: (path) => path[0] === 'urls' && path.length === 2,
  }),
  list: {
    query: (query) => ({ limit: PAGE, after: query.get('cursor') || null, order: 'desc' }),
    answer: (jobs, more, asked) => {
      const last = jobs.at(-1)
      const cursor =
        more && isObject(last) && typeof last['id'] === 'string' ? encodeURIComponent(last['id'].toWellFormed()) : null
      return { previous: null, next: cursor && `${asked.origin}${asked.pathname}?cursor=${cursor}`, results: jobs }
    },
  },
  placeholder,
  pollCall: (job) => ({ method: 'GET', path: jobPath(job.prefix, job.upstreamId) }),
  cancelCall: (job) => ({ method: 'POST', path: jobPath(job.prefix, job.upstreamId, '/cancel') }),
  readWebhook: readPrediction,
  makesAnyFile: true,
}

function jobPath(prefix: string, id: string, below = ''): string {
  return `${prefix}${PREDICTIONS}/${encodeURIComponent(id)}${below}`
}

/** Never throws: a path that is not of this wire is `other` and passes, in its plain spelling. */
function routeReplicate(method: string, given: string): Route {
  const plain = plainSpelling(given)
  const found = placeIn(plain) ?? (plain.includes('%') ? placeIn(asServersRead(plain)) : null)
  const { prefix = '', root = '', below = [] } = found ?? {}
  const [first, second, third] = below
  if (root === 'predictions' && first !== undefined)
    return { ...aboutJob(prefix + PREDICTIONS, below, () => kindOf(method, below)), prefix }
  if (root === 'predictions' && method === 'GET') return { ...fixed(LIST, prefix + PREDICTIONS), prefix }
  // No job has such an id, so that nobody reads what is others'.
  if (OF_ACCOUNT.has(root) && isRead(method) && first === undefined)
    return { ...other(method), prefix, job: `${prefix}/v1/${root}`, upstreamPath: () => plain }
  const isModel = ['models', 'deployments'].includes(root) && third === 'predictions' && below.length === 3
  if (method !== 'POST' || (root !== 'predictions' && !isModel)) return { ...passed(method, plain), prefix: '' }
  const model = isModel ? `${root === 'models' ? '' : `${root}/`}${first}/${second}` : ''
  const upstreamPath = (_: string | null, own: string | null = null) => prefix + submitPath(own ?? model)
  return { ...SUBMIT, prefix, job: null, upstreamPath }
}

/** What of a path begins with `/v1/predictions` and the like; some servers route without regard to case. */
function placeIn(path: string): { prefix: string; root: string; below: string[] } | null {
  const segments = path.replace(/\/$/, '').split('/')
  const words = segments.map((segment) => segment.toLowerCase())
  const from = words.findIndex((word, i) => i > 0 && word === 'v1' && ROOTS.has(words[i + 1]!))
  if (from < 0) return null
  const below = segments.slice(from + 2)
  return { prefix: segments.slice(0, from).join('/'), root: words[from + 1]!, below }
}

function kindOf(method: string, [, word, ...deeper]: readonly string[]): Kind {
  if (isRead(method) && word === undefined) return POLL
  if (method === 'POST' && word === 'cancel' && deeper.length === 0) return { ...CANCEL, answer: 'job' }
  return withIds(method)
}

/** `owner/name`, `deployments/owner/name`, or a version, which stands in the body. */
function submitPath(model: string): string {
  if (isVersion(model)) return PREDICTIONS
  return model.startsWith('deployments/') ? `/v1/${model}/predictions` : `/v1/models/${model}/predictions`
}

function isVersion(model: string): boolean {
  return !/^(deployments\/)?[^/:]+\/[^/:]+$/.test(model)
}

function readSubmission(sent: SubmitBody, route: Route): Submission {
  if (!/^\s*application\/json\s*(;|$)/i.test(sent.contentType ?? '')) {
    const message = 'must be application/json'
    const details = [detail('content-type', 'unsupported_type', message)]
    throw new SluiceError('unsupported_media_type', `The content type ${message}.`, { details })
  }
  const body = openJson(sent.bytes)
  const path = route.upstreamPath(null)
  const model = modelIn(path.slice(route.prefix.length), body)
  const input = body.fields.find(({ name }) => name === 'input')?.value
  return submissionOf(body, sent, path, {
    model,
    ...inputFacts(new Map(isObject(input) ? Object.entries(input) : [])),
    rebuild: ({ model: own, shadow, webhook }) => {
      const version = own === null || own === model ? [] : versionEdits(body, own)
      const changed = applyEdits(sent.bytes, [...version, ...(webhook && !shadow ? webhookEdits(body, webhook) : [])])
      return {
        bytes: shadow ? shadowCopy(openJson(changed)) : changed,
        contentType: 'application/json',
        path: own === null ? path : route.upstreamPath(null, own),
      }
    },
  })
}

function webhookEdits(body: FormBody, sealed: (url: string) => string): Edit[] {
  return body.fields.flatMap((field) =>
    WEBHOOKS.has(field.name) && typeof field.value === 'string' ? body.set(field, { text: sealed(field.value) }) : [],
  )
}

function modelIn(path: string, { fields }: FormBody): string | null {
  const inPath = /^\/v1\/(?:models\/)?(.+)\/predictions$/.exec(path)?.[1]
  if (inPath !== undefined) return modelNamed(inPath, 'the path')
  return modelNamed(fields.find(({ name }) => name === 'version')?.value, 'version')
}

/** A version goes into the body, and out of it where the path names the arm's model. */
function versionEdits(body: FormBody, model: string): Edit[] {
  const field = body.fields.find(({ name }) => name === 'version')
  if (!isVersion(model)) return field ? body.remove(new Set([field])) : []
  const value = { text: model }
  return field ? body.set(field, value) : body.add([{ name: 'version', value }], body.fields.length === 0)
}

function placeholder({ clientId: id, prefix, gatewayOrigin, submittedAt, end }: ShownJob) {
  const isDone = end?.outcome === 'ok'
  const get = gatewayOrigin + jobPath(prefix, id)
  return {
    id,
    status: isDone ? 'succeeded' : end ? 'failed' : 'processing',
    input: {},
    output: null,
    error: end && !isDone ? 'the prediction has failed; a poll of it tells why' : null,
    logs: '',
    created_at: new Date(submittedAt).toISOString(),
    started_at: null,
    completed_at: end ? new Date(end.at).toISOString() : null,
    urls: { get, cancel: `${get}/cancel` },
  }
}

const STATUS: Record<string, JobStatus> = {
  starting: 'queued',
  succeeded: 'succeeded',
  failed: 'failed',
  canceled: 'cancelled',
  // Its deadline came before it had started: the arm was too slow to begin.
  aborted: 'failed',
}
/** Of an error that the request itself is to blame for; `error` is a sentence, often with a code at its end. */
const REFUSAL =
  /\bE00[56]\b|nsfw|flagged|sensitive content|moderation|content policy|safety (filter|system|check)|prohibited|responsible ai|invalid (input|prompt|parameter|argument)|input validation|field required/i
const LATE = /\bE6716\b|tim(ed|e) ?out|time limit|deadline/i

/** Whatever HTTP status it came with; every unknown word is a job that has not ended. */
function readPrediction(body: unknown): BackendJob | null {
  if (!isObject(body)) return null
  const { id, status: word, error, metrics, created_at: created, started_at: started, completed_at: completed } = body
  if (!isResourceId(id) || typeof word !== 'string') return null
  const status = statusIn(STATUS, word)
  const hasEnded = status !== 'queued' && status !== 'running'
  const measured: Record<string, unknown> = isObject(metrics) ? metrics : {}
  return {
    id,
    status,
    failure: status === 'failed' ? failureOf(word, error) : null,
    queueSeconds: secondsBetween(created, started),
    runSeconds: hasEnded ? (secondsOf(measured['predict_time']) ?? secondsBetween(started, completed)) : null,
    totalSeconds: hasEnded ? (secondsOf(measured['total_time']) ?? secondsBetween(created, completed)) : null,
  }
}

function failureOf(word: string, error: unknown): BackendJob['failure'] {
  if (word === 'aborted') return 'job_timeout'
  const message = typeof error === 'string' ? error.slice(0, MESSAGE_CHARS) : ''
  return REFUSAL.test(message) ? 'content_refused' : LATE.test(message) ? 'job_timeout' : 'job_failed'
}
