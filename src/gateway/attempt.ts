/** A submit sent to one arm, once, and the job read out of the answer. What the client gets is said elsewhere. */
import { pickReplica, replicaHash, replicaUrl } from '../config/replica.ts'
import type { JobTag } from '../core/job-id.ts'
import { isArmError, type Outcome } from '../core/outcome.ts'
import { answerJson } from '../protocols/answer-json.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'
import type { BackendJob, Route } from '../protocols/protocol.ts'
import { rebuildForArm } from '../protocols/submission/for-arm.ts'
import type { Submission } from '../protocols/submit.ts'
import { showsNoVideo } from '../protocols/video-answer.ts'
import { sealedWebhook } from './client-webhooks.ts'
import { type Decided, type Exchange, headersFor, recordEnd } from './exchange.ts'
import type { Answer, Upstream } from './forward.ts'
import { MAX_JOB_JSON_BYTES, outcomeOfStatus, callBackend, isJson, isRedirect, readPrefix } from './forward.ts'
import { ofSubmit } from './headers.ts'
import type { JobRuntime } from './isolate.ts'
import { type LongAnswer, openLongAnswer } from './long-answer.ts'
import { canBeFound } from './owned-job.ts'
import type { Referred } from './select-release.ts'
import type { Subject } from './subject.ts'

/** JSON beyond this, in answer to a synchronous submit, may hold the video itself. */
const MAX_BARE_JSON_BYTES = 64 * 1024

/** A submit as it was read, before any arm is chosen. */
export interface Submit {
  route: Route
  submission: Submission
  subject: Subject
  referred: Referred
}

/** One submit as one backend answered it. */
export interface Attempt {
  upstream: Upstream
  outcome: Outcome
  url: string
  /** What the id of its job says but for the backend's own. */
  tag: Omit<JobTag, 'upstreamId'>
  /** The answer's bytes where it is JSON and small enough to be looked into. */
  text: string | null
  rest: ReadableStream<Uint8Array> | null
  /** A job's answer that is too long to be read whole: what of it `backendJob` was read from. */
  long: LongAnswer | null
  backendJob: BackendJob | null
  /** What its text says; missing where it is no JSON. */
  json?: unknown
}

/** What a wire that has names for its callers may call this one. Those who show no identity are one. */
export function callerOf({ owners, anonymous }: Subject): string {
  return anonymous ? 'anyone' : owners[0]
}

/** Sends once, whatever comes of it, and reads the job out of the answer. Counts the arm's end; throws only where nothing was sent. */
export async function attempt(ctx: Exchange, decided: Decided<JobRuntime>, submit: Submit): Promise<Attempt> {
  const { runtime } = decided
  const { arm } = decided.routed
  const { referred } = submit
  const { owners, anonymous } = submit.subject
  const [owner] = owners
  const { operation, prefix } = submit.route
  const { deps } = ctx.isolate
  const config = runtime.release.arms[arm]
  const url = (referred.owner ? replicaUrl(config, referred.owner.replica) : null) ?? pickReplica(config, deps.random())
  const submittedAt = deps.now()
  const { epoch, stage } = decided.snapshot ?? { epoch: 0, stage: 'idle' }
  const tag = { arm, release: runtime.hash, replica: replicaHash(url), epoch, stage, submittedAt, owner, anonymous }
  const webhook = sealedWebhook(ctx, runtime, { ...tag, prefix, job: null })
  // What makes no job, such as a character, has other fields.
  const mapping = operation === 'other' ? null : config.mapping
  const target = { jobIds: referred.ids, shadow: false, caller: callerOf(submit.subject), webhook }
  const body = rebuildForArm(submit.submission, { ...config, mapping }, target)
  const headers = ofSubmit(headersFor(ctx, runtime, arm))
  headers['content-type'] = body.contentType
  ctx.submitSent = true
  const timeoutMs = operation === 'sync' ? config.syncTimeoutMs : config.timeoutMs
  const request = { url: url + body.path, method: ctx.method, headers, body: body.bytes, timeoutMs }
  const upstream = await callBackend(request, deps, submittedAt)
  const tried: Attempt = { upstream, outcome: 'ok', url, tag, text: null, rest: null, long: null, backendJob: null }
  if (!upstream.ok) tried.outcome = upstream.failure
  else await lookInto(ctx, runtime, submit.route, tried, upstream)
  recordEnd(decided, operation, tried.outcome, upstream.seconds, { owner })
  if (arm === 'candidate') {
    if (isArmError(tried.outcome)) runtime.breaker.failed(deps.now())
    else runtime.breaker.succeeded()
  }
  return tried
}

/** Looks into a JSON answer within the arm's deadline; a body that never ends is a timeout like any other. */
async function lookInto(
  ctx: Exchange,
  runtime: JobRuntime,
  route: Route,
  tried: Attempt,
  upstream: Extract<Upstream, { ok: true }>,
): Promise<void> {
  const { response } = upstream
  const { status } = response
  tried.outcome = isRedirect(status) ? 'bad_output' : outcomeOfStatus(status)
  // What should hold a job is looked into whatever it calls itself; other answers only where they say that they are JSON.
  const mustBeJob = response.ok && route.answer === 'job'
  const mustBeVideo = response.ok && route.operation === 'sync'
  if (!mustBeJob && !mustBeVideo && !isJson(response)) return upstream.done()
  try {
    // Of a video no more than its first bytes are waited for.
    const read = await readPrefix(response, mustBeVideo && !isJson(response) ? 0 : MAX_JOB_JSON_BYTES)
    tried.rest = read.rest
    tried.text = read.text
    if (mustBeJob && read.rest) await readLong(runtime, route, tried, response, read.rest)
    if (tried.text !== null) {
      tried.json = answerJson(tried.text)
      const shown = { status, headers: response.headers, body: tried.json, job: null }
      tried.backendJob = runtime.protocol.readJob(shown)
      if (status >= 400) tried.outcome = runtime.protocol.submitError?.(shown) ?? tried.outcome
    }
    if (mustBeJob && !read.rest && !(tried.backendJob && canBeFound(runtime, tried.backendJob.id, route.prefix)))
      tried.outcome = 'bad_output'
    if (mustBeVideo) tried.outcome = outcomeOfVideo(ctx, runtime, tried, response)
  } catch {
    const failure = upstream.failure()
    Object.assign(tried, { outcome: failure, upstream: { ok: false, failure, seconds: upstream.seconds } })
  } finally {
    upstream.done()
  }
}

/** A job whose video stands in the very answer, as far as it is told before that. */
async function readLong(
  runtime: JobRuntime,
  { prefix }: Route,
  tried: Attempt,
  { status, headers }: Answer,
  body: ReadableStream<Uint8Array>,
): Promise<void> {
  const { long, from, start } = await openLongAnswer(body)
  tried.json = long && answerJson(long.head + long.close)
  const job = runtime.protocol.readJob({ status, headers, body: tried.json, job: null })
  const isFound = job !== null && canBeFound(runtime, job.id, prefix)
  tried.rest = from(isFound ? start : 0)
  if (isFound) Object.assign(tried, { backendJob: job, long })
}

/** Of a synchronous submit that was answered well: with the video, or as some servers do with JSON that holds it or tells of the job. */
function outcomeOfVideo(
  ctx: Exchange,
  { protocol }: JobRuntime,
  { backendJob, text, rest }: Attempt,
  response: Answer,
): Outcome {
  if (backendJob) return outcomeOf(backendJob) ?? 'ok'
  if (isJson(response) && (rest || (text?.length ?? 0) > MAX_BARE_JSON_BYTES)) return 'ok'
  const asked = { method: ctx.method, headers: ctx.headers, query: new URLSearchParams(ctx.url.search) }
  const { status, headers } = response
  return showsNoVideo(protocol, asked, { status, headers, isEmpty: text === '' }) ? 'bad_output' : 'ok'
}
