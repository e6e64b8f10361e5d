/**
 * A submit from its bytes to its answer: which arm, sent once, the job's id signed on the way back.
 * What runs beside it (copies, counters) is only started here.
 */
import { assign } from '../core/assignment.ts'
import { SluiceError } from '../core/errors.ts'
import { type JobTag, signJobId } from '../core/job-id.ts'
import { isArmError, type Outcome } from '../core/outcome.ts'
import type { Snapshot } from '../core/release.ts'
import type { JobEntry } from '../durable/rpc.ts'
import type { JobSight, Route, Submission } from '../protocols/protocol.ts'
import { answer, attributesOf, type Exchange, outgoing, overrideOf, recordEnd, type Routed } from './exchange.ts'
import {
  armErrorOf,
  callBackend,
  parseJson,
  readPrefix,
  replicaHash,
  replicaUrl,
  type Upstream,
  upstreamError,
} from './forward.ts'
import { toBackend } from './headers.ts'
import { type Lane, now } from './isolate.ts'
import { jobOf } from './owned-job.ts'
import { copyToShadow } from './shadow.ts'
import { sightingOf } from './sighting.ts'
import type { Subject } from './subject.ts'

/** Job JSON beyond this is a video in disguise (Dynamo's base64) and is streamed on unread. */
const MAX_JOB_JSON_BYTES = 1024 * 1024

export interface Submit {
  route: Route
  submission: Submission
  subject: Subject
  owner: string
}

/** The answer, and the job's client id where one came to be (what an idempotency key is settled with). */
export interface Submitted {
  response: Response
  clientId: string | null
}

export async function submit(x: Exchange, lane: Lane, snapshot: Snapshot | null, s: Submit): Promise<Submitted> {
  const referred = referredJobs(x, lane, s)
  const routed = referred.owner
    ? { arm: referred.owner.arm, reason: 'job' as const, matched: false }
    : await decide(x, lane, snapshot, s)
  const tried = await send(x, lane, snapshot, s, routed, referred)
  const rerouted = failsOver(lane, snapshot, routed, tried.outcome) && !referred.owner
  if (!rerouted) return finish(x, lane, snapshot, s, routed, tried)
  if (tried.upstream.ok) await tried.upstream.response.body?.cancel()
  const control: Routed = { arm: 'control', reason: 'failover', matched: false }
  return finish(x, lane, snapshot, s, control, await send(x, lane, snapshot, s, control, referred))
}

async function decide(x: Exchange, lane: Lane, snapshot: Snapshot | null, s: Submit): Promise<Routed> {
  if (x.isolate.forceControl) return { arm: 'control', reason: 'forced_control', matched: false }
  const forced = await overrideOf(x)
  if (forced) return { arm: forced, reason: 'override', matched: false }
  if (!snapshot) return { arm: 'control', reason: 'control_plane_unknown', matched: false }
  const { onLostControl, leaseMs } = lane.release
  const age = lane.snapshots.ageMs(now())
  if (onLostControl === 'control' && age > leaseMs)
    return { arm: 'control', reason: 'control_plane_unknown', matched: false }
  const assigned = assign(snapshot, s.subject.value, attributesOf(x, s.subject, s.submission))
  if (assigned.arm === 'candidate' && age > LOST_CONTROL_MS && !lane.breaker.allows(now()))
    return { arm: 'control', reason: 'breaker', matched: false }
  return assigned
}

/** From this age of the snapshot on the control plane counts as lost, and the isolate's own breaker is asked. */
const LOST_CONTROL_MS = 5000

interface Referred {
  /** The job that decides the arm; null where the submit stands for itself. */
  owner: Pick<JobTag, 'arm' | 'replica' | 'upstreamId'> | null
  /** Client id → backend id. */
  ids: Map<string, string>
  /** The job named in the path, by its backend's id. */
  inPath: string | null
}

/** Opens every id that the submit refers to; all must be of one arm and replica, since no backend knows another's jobs. */
function referredJobs(x: Exchange, lane: Lane, s: Submit): Referred {
  const clientIds = [...(s.route.job === null ? [] : [s.route.job]), ...s.submission.jobs]
  const ids = new Map<string, string>()
  let owner: Referred['owner'] = null
  for (const clientId of clientIds) {
    const tag = jobOf(x, lane, clientId, s.subject)
    ids.set(clientId, tag.upstreamId)
    if (owner && (owner.arm !== tag.arm || owner.replica !== tag.replica)) {
      throw new SluiceError('invalid_request', 'the jobs referred to are not on the same backend')
    }
    owner = tag
  }
  return { owner, ids, inPath: s.route.job === null ? null : ids.get(s.route.job)! }
}

interface Tried {
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

/** Sends once and reads the job out of the answer. Counts the arm's end; throws nothing. */
async function send(
  x: Exchange,
  lane: Lane,
  snapshot: Snapshot | null,
  s: Submit,
  routed: Routed,
  referred: Referred,
): Promise<Tried> {
  const { arm } = routed
  const config = lane.release.arms[arm]
  const url = (referred.owner ? replicaUrl(config, referred.owner.replica) : null) ?? pick(config.urls)
  const body = s.submission.rebuild({ model: config.model, jobIds: referred.ids, shadow: false })
  const headers = toBackend(x.request.headers, lane.protocol.requestHeaders, outgoing(x, lane, arm))
  headers.set('content-type', body.contentType)
  const isSync = s.route.operation === 'sync'
  const startedAt = now()
  const upstream = await callBackend(
    {
      url: url + s.route.upstreamPath(referred.inPath) + x.url.search,
      method: x.request.method,
      headers,
      body: body.bytes,
      timeoutMs: isSync ? Math.max(config.timeoutMs, lane.release.jobTimeoutMs) : config.timeoutMs,
    },
    now,
  )
  const tried: Tried = {
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
  else if (isSync && upstream.response.ok) upstream.done()
  else await readAnswer(lane, tried, upstream)
  recordEnd(lane, snapshot, routed, s.route.operation, tried.outcome, { latency: tried.seconds })
  if (arm === 'candidate') {
    if (isArmError(tried.outcome)) lane.breaker.failed(now())
    else lane.breaker.succeeded()
  }
  return tried
}

/** Looks into a JSON answer within the arm's deadline; a body that never ends is a timeout like any other. */
async function readAnswer(lane: Lane, tried: Tried, upstream: Extract<Upstream, { ok: true }>): Promise<void> {
  const { response } = upstream
  const { status } = response
  tried.outcome = armErrorOf(status) ?? (status >= 400 ? 'client_error' : 'ok')
  if (!/json/i.test(response.headers.get('content-type') ?? '')) {
    upstream.done()
    return
  }
  try {
    const read = await readPrefix(response, MAX_JOB_JSON_BYTES)
    tried.rest = read.rest
    tried.text = read.rest ? null : new TextDecoder().decode(read.bytes)
    if (read.rest) return
    tried.json = parseJson(tried.text!)
    tried.sight = lane.protocol.readJob(status, tried.json)
    if (response.ok && !tried.sight) tried.outcome = 'bad_output'
  } catch {
    tried.upstream = { ok: false, failure: 'timeout', seconds: (now() - tried.startedAt) / 1000 }
    tried.outcome = 'timeout'
  } finally {
    upstream.done()
  }
}

function failsOver(lane: Lane, snapshot: Snapshot | null, routed: Routed, outcome: Outcome): boolean {
  return (
    (snapshot?.failover ?? lane.release.failover) &&
    routed.arm === 'candidate' &&
    routed.reason !== 'override' &&
    isArmError(outcome)
  )
}

function finish(
  x: Exchange,
  lane: Lane,
  snapshot: Snapshot | null,
  s: Submit,
  routed: Routed,
  tried: Tried,
): Submitted {
  const { upstream, sight, outcome } = tried
  if (!upstream.ok) {
    const error = upstreamError(upstream.failure, routed.arm, true)
    return { response: refusal(x, lane, snapshot, routed, error), clientId: null }
  }
  const { response } = upstream
  if (outcome === 'bad_output') {
    const error = new SluiceError('upstream_invalid', `the ${routed.arm} backend's answer holds no job`, {
      headers: { 'x-should-retry': 'false' },
    })
    return { response: refusal(x, lane, snapshot, routed, error), clientId: null }
  }
  if (!response.ok || !sight) {
    const headers = new Headers(response.headers)
    // The backend saw this submit and failed on it: a client that repeats it by itself could make a second job.
    if (outcome === 'http_5xx' && response.status !== 503) headers.set('x-should-retry', 'false')
    const body = tried.text ?? tried.rest ?? response.body
    return {
      response: answer(x, lane, snapshot, routed, { status: response.status, headers, body }, s.subject),
      clientId: null,
    }
  }
  const entry = register(x, lane, snapshot, s, routed, tried, sight)
  if (routed.arm === 'control' && s.route.operation === 'submit' && routed.reason !== 'job')
    copyToShadow(x, lane, snapshot, s.submission, s.route, entry)
  const body = lane.protocol.translate(tried.json, {
    clientId: (id) => (id === sight.id ? entry.clientId : null),
    upstreamOrigin: new URL(tried.url).origin,
    gatewayOrigin: x.url.origin,
  })
  return {
    response: answer(
      x,
      lane,
      snapshot,
      routed,
      { status: response.status, headers: response.headers, body: JSON.stringify(body) },
      s.subject,
    ),
    clientId: entry.clientId,
  }
}

/** Signs the id and tells the ledger of the job, in memory. */
function register(
  x: Exchange,
  lane: Lane,
  snapshot: Snapshot | null,
  s: Submit,
  routed: Routed,
  tried: Tried,
  sight: JobSight,
): JobEntry {
  const tag: JobTag = {
    upstreamId: sight.id,
    arm: routed.arm,
    release: lane.hash,
    replica: replicaHash(tried.url),
    epoch: snapshot?.epoch ?? 0,
    stage: snapshot?.stage ?? 'idle',
    submittedAt: tried.startedAt,
    matched: routed.matched,
    owner: s.owner,
    nameless: s.subject.nameless,
  }
  const clientId = lane.release.idMode === 'native' ? sight.id : signJobId(tag, x.isolate.keys)
  const entry: JobEntry = { ...tag, clientId, work: s.submission.work, rescue: rescueOf(lane, s, routed) }
  lane.telemetry.submitted(entry)
  const seen = sightingOf(entry, sight, now())
  if (seen.outcome) lane.telemetry.seen(seen)
  x.log['job'] = clientId
  return entry
}

/** What control would be sent, should the candidate fail this job. */
function rescueOf(lane: Lane, s: Submit, routed: Routed): JobEntry['rescue'] {
  if (!lane.release.rescue || routed.arm !== 'candidate' || s.route.job !== null || s.submission.jobs.length > 0)
    return null
  const body = s.submission.rebuild({ model: lane.release.arms.control.model, jobIds: new Map(), shadow: false })
  return { ...body, path: s.route.upstreamPath(null) }
}

/** Our own error, still marked with the arm that it came from. */
function refusal(x: Exchange, lane: Lane, snapshot: Snapshot | null, routed: Routed, error: SluiceError): Response {
  const headers = new Headers({ 'content-type': 'application/json', ...error.headers })
  x.log['code'] = error.code
  return answer(
    x,
    lane,
    snapshot,
    routed,
    { status: error.status, headers, body: JSON.stringify(error.body(x.requestId)) },
    null,
  )
}

function pick(urls: readonly string[]): string {
  return urls[Math.floor(Math.random() * urls.length)]!
}
