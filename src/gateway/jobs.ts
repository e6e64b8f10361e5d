/**
 * Requests about a job that exists: poll, content, cancel and whatever else names one. They go to
 * the arm that owns the job, whatever the split has become.
 */
import type { JobTag } from '../core/job-id.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Snapshot } from '../core/release.ts'
import { within } from '../durable/stubs.ts'
import type { JobSight, Route } from '../protocols/protocol.ts'
import { answer, type Exchange, outgoing, recordEnd, type Routed } from './exchange.ts'
import { armErrorOf, callBackend, parseJson, readPrefix, replicaUrl, type Upstream, upstreamError } from './forward.ts'
import { toBackend } from './headers.ts'
import { type Lane, now } from './isolate.ts'
import { jobNotFound, type OwnedJob } from './owned-job.ts'
import { endOf, outcomeOf, sightingOf } from './sighting.ts'

const MAX_JOB_JSON_BYTES = 1024 * 1024
/** A rescue submits to control before it answers. */
const RESCUE_DEADLINE_MS = 15_000

export async function aboutJob(
  x: Exchange,
  lane: Lane,
  snapshot: Snapshot | null,
  route: Route,
  job: OwnedJob,
): Promise<Response> {
  const routed: Routed = { arm: job.arm, reason: 'job', matched: job.tag?.matched ?? false }
  const { upstream, url } = await call(x, lane, route, job)
  if (!upstream.ok) {
    recordEnd(lane, snapshot, routed, route.operation, upstream.failure, { latency: upstream.seconds })
    throw upstreamError(upstream.failure, job.arm, false)
  }
  if (route.answer === 'bytes') return streamed(x, lane, snapshot, route, job, routed, upstream)
  return json(x, lane, snapshot, route, job, routed, upstream, url)
}

async function call(
  x: Exchange,
  lane: Lane,
  route: Route,
  job: OwnedJob,
): Promise<{ upstream: Upstream; url: string }> {
  const config = lane.release.arms[job.arm]
  const url = replicaUrl(config, job.replica)
  if (url === null) throw jobNotFound()
  const request = {
    url: url + route.upstreamPath(job.upstreamId) + x.url.search,
    method: x.request.method,
    headers: toBackend(x.request.headers, lane.protocol.requestHeaders, outgoing(x, lane, job.arm)),
    body: route.body === 'stream' ? x.request.body : null,
    timeoutMs: config.timeoutMs,
  }
  return { upstream: await callBackend(request, now), url }
}

/** Content: headers and bytes pass through as they are; a client that goes away ends the backend's stream. */
async function streamed(
  x: Exchange,
  lane: Lane,
  snapshot: Snapshot | null,
  route: Route,
  job: OwnedJob,
  routed: Routed,
  upstream: Extract<Upstream, { ok: true }>,
): Promise<Response> {
  upstream.done()
  const { response } = upstream
  if (job.arm === 'candidate' && lane.release.rescue && response.status >= 400) {
    const rescued = await rescue(lane, job)
    if (rescued) {
      await response.body?.cancel()
      return aboutJob(x, lane, snapshot, route, rescued)
    }
  }
  if (job.tag === null && response.status === 404) return unknown(x, lane, snapshot, routed, route, upstream)
  recordEnd(lane, snapshot, routed, route.operation, contentOutcome(lane, route, response), {
    latency: upstream.seconds,
  })
  return answer(x, lane, snapshot, routed, response, null)
}

function contentOutcome(lane: Lane, route: Route, { status, headers, ok }: Response): Outcome {
  if (status === 410) return 'bad_output'
  if (ok && route.operation === 'content') return lane.protocol.isGoodContent(status, headers) ? 'ok' : 'bad_output'
  return armErrorOf(status) ?? (status >= 400 ? 'client_error' : 'ok')
}

async function json(
  x: Exchange,
  lane: Lane,
  snapshot: Snapshot | null,
  route: Route,
  job: OwnedJob,
  routed: Routed,
  upstream: Extract<Upstream, { ok: true }>,
  url: string,
): Promise<Response> {
  const { response, seconds } = upstream
  const { status } = response
  const read = await readPrefix(response, MAX_JOB_JSON_BYTES).catch(() => {
    recordEnd(lane, snapshot, routed, route.operation, 'timeout', { latency: seconds })
    throw upstreamError('timeout', job.arm, false)
  })
  upstream.done()
  const text = read.bytes ? new TextDecoder().decode(read.bytes) : null
  const body = text === null ? undefined : parseJson(text)
  const sight = route.operation === 'poll' ? lane.protocol.readJob(status, body) : null
  const rescued = await goesOn(lane, job, route, status, sight)
  if (rescued) return aboutJob(x, lane, snapshot, route, rescued)
  if (job.tag === null && status === 404) return unknown(x, lane, snapshot, routed, route, upstream)
  // A poll that shows a failed job is a good poll, whatever status the backend gave it.
  recordEnd(
    lane,
    snapshot,
    routed,
    route.operation,
    sight ? 'ok' : (armErrorOf(status) ?? (status >= 400 ? 'client_error' : 'ok')),
    { latency: seconds },
  )
  if (job.tag) note(lane, { ...job.tag, clientId: job.clientId }, route, status, sight)
  if (body === undefined || (!response.ok && !sight))
    return answer(x, lane, snapshot, routed, { status, headers: response.headers, body: text ?? read.rest }, null)
  const translated = lane.protocol.translate(body, {
    clientId: (id) => (id === job.upstreamId ? job.clientId : null),
    upstreamOrigin: new URL(url).origin,
    gatewayOrigin: x.url.origin,
  })
  const shown = sight && !lane.release.passthroughStatus ? 200 : status
  return answer(
    x,
    lane,
    snapshot,
    routed,
    { status: shown, headers: response.headers, body: JSON.stringify(translated) },
    null,
  )
}

/** Tells the ledger what this answer shows of the job. */
function note(
  lane: Lane,
  job: JobTag & { clientId: string },
  route: Route,
  status: number,
  sight: JobSight | null,
): void {
  if (sight) lane.telemetry.seen(sightingOf(job, sight, now()))
  else if (route.operation === 'cancel' && status < 300) lane.telemetry.seen(endOf(job, 'cancelled', now()))
  else if (route.operation === 'poll' && status === 404) lane.telemetry.seen(endOf(job, 'job_lost', now()))
}

/** With `rescue`, a candidate's job that failed or was lost goes on at control under the same id. */
async function goesOn(
  lane: Lane,
  job: OwnedJob,
  route: Route,
  status: number,
  sight: JobSight | null,
): Promise<OwnedJob | null> {
  if (!lane.release.rescue || job.arm !== 'candidate' || route.operation !== 'poll') return null
  const failed = sight ? outcomeOf(sight) === 'job_failed' : status === 404
  if (!failed) return null
  if (sight && job.tag) lane.telemetry.seen(sightingOf({ ...job.tag, clientId: job.clientId }, sight, now()))
  return rescue(lane, job)
}

async function rescue(lane: Lane, job: OwnedJob): Promise<OwnedJob | null> {
  if (!job.tag) return null
  // The body may still wait in this isolate for its flush.
  await lane.telemetry.flush()
  const found = await within(RESCUE_DEADLINE_MS, lane.ledgerFor(job.tag.owner).rescue(job.upstreamId)).catch(() => null)
  return found ? { ...job, arm: 'control', replica: found.replica, upstreamId: found.upstreamId, tag: null } : null
}

/** An id that nobody here issued and control does not know: the same 404 as for any job that never was. */
async function unknown(
  x: Exchange,
  lane: Lane,
  snapshot: Snapshot | null,
  routed: Routed,
  route: Route,
  upstream: Extract<Upstream, { ok: true }>,
): Promise<never> {
  recordEnd(lane, snapshot, routed, route.operation, 'client_error', { latency: upstream.seconds })
  x.log['arm'] = routed.arm
  throw jobNotFound()
}
