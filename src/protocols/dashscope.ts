/**
 * Alibaba's Model Studio (DashScope): a submit is asynchronous by a header, all jobs stand below one path, and a
 * finished video is at an address that the job's own answer tells.
 */
import { idsAt, isObject, isResourceId } from './answer-json.ts'
import { applyEdits, type FormBody } from './body/form-body.ts'
import { openBody } from './body/open.ts'
import { statusIn } from './job-outcome.ts'
import { aboutJob, routeBelow } from './path-spelling.ts'
import type { JobProtocol, ListQuery, ShownJob, Route, BackendAnswer, BackendJob, JobStatus } from './protocol.ts'
import type { Unprefixed } from './route-kinds.ts'
import { CANCEL, LIST, POLL, SUBMIT, fixed, isRead, passed, withIds } from './route-kinds.ts'
import { positive, clipFacts, pixelsOf, promptChars } from './submission/facts.ts'
import { shadowEdits } from './submission/shadow-copy.ts'
import { modelNamed, submissionOf } from './submission/submission.ts'
import type { Facts, Submission, SubmitBody } from './submit.ts'
import { secondsBetween, wallClockMs } from './times.ts'
import { translatedBy } from './translate.ts'

/** Model Studio's clocks show China's time, without saying so. */
const ZONE_MS = 8 * 3_600_000
const PAGE_SIZE = 10
const MAX_PAGE_SIZE = 100

const words = {
  readPath: (path: string) => routeDashscope('GET', path),
  // Some models put their results one level deeper.
  holdsFile: ([first, ...below]: readonly string[]) => first === 'output' && FILES.has(below.join('.')),
}
const FILES = new Set(['video_url', 'results.video_url', 'results.url'])

export const dashscope: JobProtocol = {
  kind: 'jobs',
  name: 'dashscope',
  authScheme: 'Bearer',
  requestHeaders: [
    ...['x-dashscope-async', 'x-dashscope-datainspection'],
    ...['x-dashscope-ossresourceresolve', 'x-dashscope-workspace'],
  ],
  submitHeaders: { 'x-dashscope-async': 'enable' },
  route: routeDashscope,
  readSubmission: readDashscopeSubmit,
  readJob: readDashscopeJob,
  submitError: dashscopeSubmitError,
  readIds: (body) => idsAt(outputOf(body), 'task_id'),
  ...translatedBy(words),
  list: { query: listQuery, answer: listAnswer },
  placeholder,
  pollCall: ({ prefix, upstreamId }) => ({ method: 'GET', path: jobPath(prefix, upstreamId) }),
  cancelCall: ({ prefix, upstreamId }) => ({ method: 'POST', path: jobPath(prefix, upstreamId, '/cancel') }),
  limits: {
    always: ['dashscope stops a job only while it waits: of one that runs a cancel is refused'],
    ofCopies: [
      'dashscope stops no copy that runs already: a rollback lets it run to its end',
      "dashscope counts copies against the account's quota, which both arms share where they share a key",
    ],
  },
}

function placeholder({ clientId, submittedAt, end }: ShownJob) {
  const isFailed = end !== null && end.outcome !== 'ok'
  const code = end?.outcome === 'content_refused' ? 'DataInspectionFailed' : 'InternalError'
  return {
    output: {
      task_id: clientId,
      task_status: end === null ? 'RUNNING' : isFailed ? 'FAILED' : 'SUCCEEDED',
      submit_time: timeOf(submittedAt),
      ...(end === null ? {} : { end_time: timeOf(end.at) }),
      ...(isFailed ? { code, message: 'the job has failed; a poll of it tells why' } : {}),
    },
  }
}

function listQuery(query: URLSearchParams): ListQuery {
  const whole = (name: string) => Math.floor(positive(query.get(name)) ?? 0)
  const limit = Math.min(MAX_PAGE_SIZE, whole('page_size') || PAGE_SIZE)
  return { limit, after: null, order: 'desc', skip: (Math.max(1, whole('page_no')) - 1) * limit }
}

/** How many there are behind the page nobody has counted: `total` has one for them all. */
function listAnswer(jobs: unknown[], more: boolean, { searchParams }: URL) {
  const { limit, skip = 0 } = listQuery(searchParams)
  const page = skip / limit + 1
  const data = jobs.flatMap((job) => listItem(outputOf(job)))
  return {
    total: skip + data.length + (more ? 1 : 0),
    data,
    total_page: page + (more ? 1 : 0),
    page_no: page,
    page_size: limit,
  }
}

/** A job in a list tells its times in unix ms. */
function listItem(output: Record<string, unknown> | null) {
  if (!output) return []
  const { task_id, task_status: status, submit_time, scheduled_time, end_time } = output
  const times = { gmt_create: submit_time, start_time: scheduled_time, end_time }
  const known = Object.entries(times).flatMap(([name, time]) => {
    const ms = wallClockMs(time) - ZONE_MS
    return Number.isNaN(ms) ? [] : [[name, ms] as const]
  })
  return [{ task_id, status, ...Object.fromEntries(known) }]
}

function timeOf(at: number): string {
  return new Date(at + ZONE_MS).toISOString().slice(0, -1).replace('T', ' ')
}

const API = '/api/v1'
const TASKS = 'tasks'
/** The last word of a service that makes a job. */
const MAKES_JOB = /^(video|image)-synthesis$/

/** Never throws: a path that is not of this wire is `other` and passes, in its plain spelling. */
function routeDashscope(method: string, given: string): Route {
  return routeBelow(API, method, given, (base, below) => routeService(method, base, below))
}

/** `below`: with its slash, '' for the job itself. */
function jobPath(prefix: string, id: string, below = ''): string {
  return `${prefix}${API}/${TASKS}/${encodeURIComponent(id)}${below}`
}

function routeService(method: string, base: string, below: string): Unprefixed {
  const [group = '', ...segments] = below.slice(1).replace(/\/$/, '').split('/')
  if (group.toLowerCase() === TASKS) return routeTasks(method, `${base}/${TASKS}`, segments)
  const isSubmit = method === 'POST' && group === 'services' && MAKES_JOB.test(segments.at(-1) ?? '')
  return isSubmit ? fixed(SUBMIT, base + below.replace(/\/$/, '')) : passed(method, base + below)
}

function routeTasks(method: string, base: string, segments: string[]): Unprefixed {
  if (segments.length === 0) return method === 'GET' ? fixed(LIST, `${base}/`) : passed(method, `${base}/`)
  return aboutJob(base, segments, (below) => {
    if (method === 'POST' && below.length === 1 && below[0] === 'cancel') return CANCEL
    return isRead(method) && below.length === 0 ? POLL : withIds(method)
  })
}

/** What `resolution` names, in the shape that is the default. */
const PIXELS: Record<string, number> = { '480P': 832 * 480, '720P': 1280 * 720, '1080P': 1920 * 1080 }
/** Of Wan's videos; no submit says it. */
const FPS = 30

function readDashscopeSubmit(sent: SubmitBody, route: Route): Submission {
  const body = openBody(sent.bytes, sent.contentType)
  const named = body.fields.find(({ name }) => name === 'model')
  const model = modelNamed(named?.value, 'model')
  return submissionOf(body, sent, route.upstreamPath(null), {
    model,
    ...factsOf(body),
    rebuild: ({ model: own, shadow }) => {
      const isOther = named && own !== null && own !== model
      const edits = [...(shadow ? shadowEdits(body) : []), ...(isOther ? body.set(named, { text: own }) : [])]
      return { bytes: applyEdits(sent.bytes, edits) }
    },
  })
}

function factsOf({ fields }: FormBody): Facts {
  const objectAt = (wanted: string): Record<string, unknown> => {
    const value = fields.find(({ name }) => name === wanted)?.value
    return isObject(value) ? value : {}
  }
  const { prompt } = objectAt('input')
  const { duration, size, resolution } = objectAt('parameters')
  const named = typeof resolution === 'string' && Object.hasOwn(PIXELS, resolution) ? PIXELS[resolution]! : null
  const pixels = pixelsOf(size) ?? named
  const clip = clipFacts({ seconds: positive(duration), frames: null, fps: FPS, pixels })
  return { promptChars: promptChars(prompt), ...clip }
}

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
function readDashscopeJob({ status: httpStatus, body, job }: BackendAnswer): BackendJob | null {
  const output = outputOf(body)
  if (httpStatus < 200 || httpStatus >= 300 || !output) return null
  const { task_id: id = job, task_status: word, code, submit_time, scheduled_time, end_time } = output
  if (typeof word !== 'string' || !isResourceId(id)) return null
  const status = statusIn(STATUS, word)
  const isFailed = status === 'failed'
  const hasRun = status === 'succeeded' || isFailed
  return {
    id,
    status,
    failure: !isFailed ? null : word === 'UNKNOWN' ? 'job_lost' : failureOf(code),
    queueSeconds: secondsBetween(submit_time, scheduled_time, wallClockMs),
    runSeconds: hasRun ? secondsBetween(scheduled_time, end_time, wallClockMs) : null,
    totalSeconds: hasRun ? secondsBetween(submit_time, end_time, wallClockMs) : null,
  }
}

/** An error's own body is flat. A quota that is used up, and refused content, have statuses that others have too. */
function dashscopeSubmitError({ body }: BackendAnswer): 'saturated' | 'content_refused' | null {
  const code = isObject(body) ? body['code'] : null
  if (typeof code !== 'string') return null
  return code.startsWith('Throttling') ? 'saturated' : CONTENT_REFUSALS.test(code) ? 'content_refused' : null
}

function outputOf(body: unknown): Record<string, unknown> | null {
  const output = isObject(body) ? body['output'] : null
  return isObject(output) ? output : null
}

function failureOf(code: unknown): NonNullable<BackendJob['failure']> {
  if (typeof code !== 'string') return 'job_failed'
  if (REFUSALS.test(code)) return 'content_refused'
  return /time_?out/i.test(code) ? 'job_timeout' : 'job_failed'
}
