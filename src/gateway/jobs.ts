/**
 * Requests about a job that exists: poll, content, cancel and whatever else names one. They go to
 * the arm that owns the job, whatever the split has become.
 */
import type { JobTag } from '../core/job-id.ts'
import { SluiceError } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Snapshot } from '../core/release.ts'
import { within } from '../durable/stubs.ts'
import type { JobSight, Route } from '../protocols/protocol.ts'
import { answer, type Exchange, outgoing, recordEnd, type Routed } from './exchange.ts'
import { armErrorOf, callBackend, isRedirect, parseJson, readPrefix, type Upstream, upstreamError } from './forward.ts'
import { replicaUrl } from '../config/replica.ts'
import { toBackend } from './headers.ts'
import { type Lane, now } from './isolate.ts'
import { jobNotFound, type OwnedJob } from './owned-job.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'
import { endOf, sightingOf } from './sighting.ts'
import { type AnswerSource, isCounted, translationOf } from './translation.ts'

const MAX_JOB_JSON_BYTES = 1024 * 1024
/** A rescue submits to control before it answers. */
const RESCUE_DEADLINE_MS = 15_000

/** What was asked about a job, and how its backend answered. */
interface Answered {
  x: Exchange
  snapshot: Snapshot | null
  route: Route
  job: OwnedJob
  routed: Routed
  /** Base URL of the replica that answered. */
  url: string
  response: Response
  /** Until the answer's headers. */
  seconds: number
  /** The answer has been read, or need not be: ends the arm's deadline. */
  done: () => void
}

export async function aboutJob(x: Exchange, snapshot: Snapshot | null, route: Route, job: OwnedJob): Promise<Response> {
  const { lane } = job
  const routed: Routed = { arm: job.arm, reason: 'job', matched: job.tag?.matched ?? false }
  x.decided = { lane, snapshot, routed }
  const { upstream, url } = await call(x, lane, route, job)
  if (!upstream.ok) {
    recordEnd(lane, snapshot, routed, route.operation, upstream.failure, { latency: upstream.seconds })
    // A job that was rescued goes on at control even when the candidate can't be reached any more.
    const rescued = canGoOn(job) ? await rescue(job) : null
    if (rescued) return aboutJob(x, snapshot, route, rescued)
    throw upstreamError(upstream.failure, job.arm, false)
  }
  const { response, seconds, done } = upstream
  const answered: Answered = { x, snapshot, route, job, routed, url, response, seconds, done }
  const isJson = /json/i.test(response.headers.get('content-type') ?? '')
  const isStreamed = route.answer === 'bytes' || (route.answer === 'json' && !isJson)
  return isStreamed ? streamed(answered) : json(answered)
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
async function streamed(answered: Answered): Promise<Response> {
  const { x, snapshot, route, job, routed, url, response, seconds, done } = answered
  const { lane } = job
  done()
  if (canGoOn(job) && response.status >= 400) {
    const rescued = await rescue(job)
    if (rescued) {
      await response.body?.cancel()
      return aboutJob(x, snapshot, route, rescued)
    }
  }
  if (job.foreign && response.status === 404) return unknown(answered)
  recordEnd(lane, snapshot, routed, route.operation, contentOutcome(lane, route, response), { latency: seconds })
  const translation = await translationOf(x, sourceOf(job, url), new Map([[job.upstreamId, job.clientId]]), null)
  const { status, headers, body } = response
  return answer(x, lane, snapshot, routed, { status, headers, body, translation }, null)
}

function contentOutcome(lane: Lane, route: Route, { status, headers, ok }: Response): Outcome {
  if (status === 410) return 'bad_output'
  if (ok && route.operation === 'content') return lane.protocol.isGoodContent(status, headers) ? 'ok' : 'bad_output'
  return armErrorOf(status) ?? (status >= 400 ? 'client_error' : 'ok')
}

async function json(answered: Answered): Promise<Response> {
  const { x, snapshot, route, job, routed, url, response, seconds, done } = answered
  const { lane } = job
  const { status } = response
  const read = await readPrefix(response, MAX_JOB_JSON_BYTES).catch(() => {
    recordEnd(lane, snapshot, routed, route.operation, 'timeout', { latency: seconds })
    throw upstreamError('timeout', job.arm, false)
  })
  done()
  const text = read.bytes ? new TextDecoder().decode(read.bytes) : null
  const body = text === null ? undefined : parseJson(text)
  const sight = route.operation === 'poll' ? lane.protocol.readJob(status, body) : null
  const rescued = await goesOn(job, route, status, sight)
  if (rescued) return aboutJob(x, snapshot, route, rescued)
  if (job.foreign && status === 404) return unknown(answered)
  const showsNoJob = route.operation === 'poll' && x.request.method === 'GET' && !sight && text !== null
  const isBad = isRedirect(status) || (showsNoJob && response.ok)
  // A poll that shows a failed job is a good poll, whatever status the backend gave it.
  const outcome = sight ? 'ok' : isBad ? 'bad_output' : (armErrorOf(status) ?? (status >= 400 ? 'client_error' : 'ok'))
  recordEnd(lane, snapshot, routed, route.operation, outcome, { latency: seconds })
  if (job.tag && isCounted(job.tag)) note(lane, { ...job.tag, clientId: job.clientId }, route, status, sight)
  if (isBad) throw new SluiceError('upstream_invalid', `the ${job.arm} backend's answer holds no job`)
  const own = new Map([[job.upstreamId, job.clientId]])
  const translation = await translationOf(x, sourceOf(job, url), own, response.ok || sight ? body : null)
  const shown = body === undefined ? (text ?? read.rest) : JSON.stringify(lane.protocol.translate(body, translation))
  const shownStatus = sight && !lane.release.passthroughStatus ? 200 : status
  const shownAs = { status: shownStatus, headers: response.headers, body: shown, translation }
  return answer(x, lane, snapshot, routed, shownAs, null)
}

function sourceOf(job: OwnedJob, url: string): AnswerSource {
  const { lane, arm, tag } = job
  return { lane, url, arm, owner: tag?.owner ?? '', nameless: tag?.nameless ?? false }
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

/** Whether `rescue` may let this job go on at control under the same id. */
function canGoOn({ lane, arm, tag }: OwnedJob): boolean {
  return lane.release.rescue && arm === 'candidate' && tag !== null
}

/** A candidate's job that failed or was lost goes on at control. */
async function goesOn(job: OwnedJob, route: Route, status: number, sight: JobSight | null): Promise<OwnedJob | null> {
  if (!canGoOn(job) || route.operation !== 'poll') return null
  const failed = sight ? outcomeOf(sight) === 'job_failed' : status === 404
  if (!failed) return null
  note(job.lane, { ...job.tag!, clientId: job.clientId }, route, status, sight)
  return rescue(job)
}

/** Asks the ledger, which resubmits a failed job once and knows where each of them is now. */
async function rescue(job: OwnedJob): Promise<OwnedJob | null> {
  const { lane, tag, upstreamId } = job
  // The job's end, and its body, may still wait in this isolate for their flush.
  await lane.telemetry.flush()
  const found = await within(RESCUE_DEADLINE_MS, lane.ledgerFor(tag!.owner).rescue(upstreamId)).catch(() => null)
  return found && { ...job, arm: 'control', replica: found.replica, upstreamId: found.upstreamId, tag: null }
}

/** An id that nobody here issued and control does not know: the same 404 as for any job that never was. */
async function unknown({ x, snapshot, route, job, routed, seconds }: Answered): Promise<never> {
  recordEnd(job.lane, snapshot, routed, route.operation, 'client_error', { latency: seconds })
  x.log['arm'] = routed.arm
  throw jobNotFound()
}
