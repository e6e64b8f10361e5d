/** A submit sent to one arm, once, and the job read out of the answer. What the client gets is said elsewhere. */
import { answerJson } from '../protocols/answer-json.ts'
import { isArmError, type Outcome } from '../core/outcome.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'
import type { JobSight, Route, Submission } from '../protocols/protocol.ts'
import { showsNoVideo } from '../protocols/video-answer.ts'
import { type Decided, type Exchange, outgoing, recordEnd } from './exchange.ts'
import {
  armErrorOf,
  callBackend,
  isJson,
  isRedirect,
  MAX_JOB_JSON_BYTES,
  readPrefix,
  type Upstream,
} from './forward.ts'
import { pickReplica, replicaUrl } from '../config/replica.ts'
import { ofSubmit, toBackend } from './headers.ts'
import type { JobLane } from './isolate.ts'
import { canBeFound } from './owned-job.ts'
import type { Referred } from './referred-jobs.ts'
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
  seconds: number
  url: string
  startedAt: number
  /** The answer's bytes where it is JSON and small enough to be looked into. */
  text: string | null
  rest: ReadableStream<Uint8Array> | null
  sight: JobSight | null
  json: unknown
}

/** Sends once, whatever comes of it, and reads the job out of the answer. Counts the arm's end; throws nothing. */
export async function attempt(x: Exchange, decided: Decided<JobLane>, s: Submit): Promise<Attempt> {
  const { lane } = decided
  const { arm } = decided.routed
  const { referred } = s
  const { deps } = x.isolate
  const config = lane.release.arms[arm]
  const url = (referred.owner ? replicaUrl(config, referred.owner.replica) : null) ?? pickReplica(config, deps.random())
  const body = s.submission.rebuild({ model: config.model, jobIds: referred.ids, shadow: false })
  const headers = ofSubmit(toBackend(x.request.headers, lane.protocol.requestHeaders, outgoing(x, lane, arm)))
  headers.set('content-type', body.contentType)
  const isSync = s.route.operation === 'sync'
  const startedAt = deps.now()
  x.submitSent = true
  const upstream = await callBackend(
    {
      url: url + body.path,
      method: x.request.method,
      headers,
      body: body.bytes,
      timeoutMs: isSync ? config.syncTimeoutMs : config.timeoutMs,
    },
    deps,
  )
  const tried: Attempt = {
    upstream,
    outcome: 'ok',
    seconds: upstream.seconds,
    url,
    startedAt,
    text: null,
    rest: null,
    sight: null,
    json: null,
  }
  if (!upstream.ok) tried.outcome = upstream.failure
  else await readAnswer(x, lane, s.route, tried, upstream)
  recordEnd(decided, s.route.operation, tried.outcome, { latency: tried.seconds }, { owner: s.subject.owners[0] })
  if (arm === 'candidate') {
    if (isArmError(tried.outcome)) lane.breaker.failed(deps.now())
    else lane.breaker.succeeded()
  }
  return tried
}

/** Looks into a JSON answer within the arm's deadline; a body that never ends is a timeout like any other. */
async function readAnswer(
  x: Exchange,
  lane: JobLane,
  route: Route,
  tried: Attempt,
  upstream: Extract<Upstream, { ok: true }>,
): Promise<void> {
  const { response } = upstream
  const { status } = response
  tried.outcome = armErrorOf(status) ?? (isRedirect(status) ? 'bad_output' : status >= 400 ? 'client_error' : 'ok')
  // What should hold a job is looked into whatever it calls itself; other answers only where they say that they are JSON.
  const mustBeJob = response.ok && route.answer === 'job'
  const mustBeVideo = response.ok && route.operation === 'sync'
  if (!mustBeJob && !mustBeVideo && !isJson(response)) {
    upstream.done()
    return
  }
  try {
    // Of a video no more than its first bytes are waited for.
    const read = await readPrefix(response, mustBeVideo && !isJson(response) ? 0 : MAX_JOB_JSON_BYTES)
    tried.rest = read.rest
    tried.text = read.rest ? null : new TextDecoder().decode(read.bytes)
    if (tried.text !== null) {
      tried.json = answerJson(tried.text)
      tried.sight = lane.protocol.readJob({ status, headers: response.headers, body: tried.json, job: null })
    }
    if (mustBeJob && !read.rest && !(tried.sight && canBeFound(lane, tried.sight.id, route.prefix)))
      tried.outcome = 'bad_output'
    if (mustBeVideo) tried.outcome = outcomeOfVideo(x, lane, tried, response)
  } catch {
    tried.outcome = upstream.failure()
    tried.upstream = { ok: false, failure: tried.outcome, seconds: (x.isolate.deps.now() - tried.startedAt) / 1000 }
  } finally {
    upstream.done()
  }
}

/** Of a synchronous submit that was answered well: with the video, or as some servers do with JSON that holds it or tells of the job. */
function outcomeOfVideo(
  x: Exchange,
  { protocol }: JobLane,
  { sight, text, rest }: Attempt,
  response: Response,
): Outcome {
  if (sight) return outcomeOf(sight) ?? 'ok'
  if (isJson(response) && (rest || (text?.length ?? 0) > MAX_BARE_JSON_BYTES)) return 'ok'
  const asked = { method: x.request.method, headers: x.request.headers, query: x.url.searchParams }
  const { status, headers } = response
  return showsNoVideo(protocol, asked, { status, headers, isEmpty: text === '' }) ? 'bad_output' : 'ok'
}
