/**
 * Requests about a job that exists: poll, content, cancel and whatever else names one. They go to
 * the arm that owns the job, whatever the split has become.
 */
import { replicaUrl } from '../config/replica.ts'
import { SluiceError } from '../core/errors.ts'
import { isGone } from '../protocols/job-outcome.ts'
import type { BackendAnswer, BackendJob, Route } from '../protocols/protocol.ts'
import { answer } from './answer.ts'
import { ownAnswer } from './browsers.ts'
import { countDownload, givesUp, tellStopping } from './download.ts'
import { bodyOf, type Decided, settle, type Exchange, headersFor, recordEnd } from './exchange.ts'
import type { Answer, CallFailure, ReadAnswer } from './forward.ts'
import { isJson, isRedirect, outcomeOfStatus, readAnswer, readIfJson, readPrefix, upstreamError } from './forward.ts'
import type { JobRuntime } from './isolate.ts'
import { goesOn, jobInPoll } from './job-result.ts'
import { jobNotFound, type OwnedJob } from './owned-job.ts'
import { isRescuable, recordUpdate, rescue, showsFailure, locateJob } from './rescue.ts'
import { translatedAsItComes } from './text-stream.ts'
import { type AnswerSource, translationOf } from './translation.ts'

/** What a client asks of a job that it waits for. */
const AFTER_FAILURE: ReadonlySet<string> = new Set(['poll', 'content'])

/** What was asked about a job, and how its backend answered. */
interface Answered {
  ctx: Exchange
  decided: Decided<JobRuntime>
  route: Route
  job: OwnedJob
  /** Base URL of the replica that answered. */
  url: string
  response: Answer
  /** Until the answer's headers. */
  seconds: number
  /** Unix ms. */
  sentAt: number
  /** The answer has been read, or need not be: ends the arm's deadline. */
  done: () => void
  failure: () => CallFailure
  /** There is nowhere else to look for the job. */
  isLast: boolean
}

/** Throws `job_not_found` where it is not there; unless `isLast`, also where it may not be. */
export async function proxyJob(ctx: Exchange, route: Route, named: OwnedJob, isLast = true): Promise<Response> {
  const { places, snapshots } = named.runtime
  // Submitted in an epoch that another isolate has heard of first; more ledgers may have come with it.
  if (named.tag && !places.knows(named.tag)) await snapshots.renew(ctx.isolate.deps.now, ctx.waitUntil)
  const job = await locateJob(named, route)
  const { runtime } = job
  const served = settle(ctx, runtime, { arm: job.arm, reason: 'job' })
  if (route.operation === 'cancel') givesUp(job)
  const sentAt = ctx.isolate.deps.now()
  const { upstream, url } = await call(ctx, runtime, route, job)
  if (route.operation === 'cancel' && !(upstream.ok && upstream.response.status < 500)) tellStopping(job)
  if (!upstream.ok) {
    recordEnd(served, route.operation, upstream.failure, upstream.seconds)
    // A job that was rescued goes on at control even when the candidate can't be reached any more.
    const rescued = isRescuable(job) && AFTER_FAILURE.has(route.operation) ? await rescue(job, null) : null
    if (rescued === 'pending' && route.operation === 'poll') return pendingAnswer(ctx, served, route, job)
    if (rescued && rescued !== 'pending') return proxyJob(ctx, route, rescued)
    throw upstreamError(upstream.failure, job.arm, ctx.streamed !== null)
  }
  const { response, seconds, done, failure } = upstream
  if (route.answer === 'bytes' && response.status >= 400 && isRescuable(job)) {
    const rescued = await rescue(job, null)
    if (rescued && rescued !== 'pending') {
      await response.body?.cancel()
      return proxyJob(ctx, route, rescued)
    }
  }
  const answered: Answered = { ctx, decided: served, route, job, url, response, seconds, sentAt, done, failure, isLast }
  // The answer to a HEAD shows nothing of the job: some servers have none for it at all.
  if (ctx.method === 'HEAD' || !mayTellOfJob(runtime, route, response)) return streamed(answered)
  if (['job', 'result', 'deletion'].includes(route.answer) || isJson(response)) return json(answered)
  const { response: whole, read } = await readIfJson(response).catch(() => brokeOff(answered))
  return read ? json({ ...answered, response: whole }, read) : streamed({ ...answered, response: whole })
}

/** Whether an answer that is JSON is read for what it says of the job, and not passed on as it is. */
function mayTellOfJob({ protocol }: JobRuntime, { operation, answer: asked }: Route, { status }: Answer): boolean {
  // JSON where a video should be, and nothing else may be: some wires' files are of any kind.
  const isInstead = operation === 'content' && status === 200 && !protocol.makesAnyFile
  return asked !== 'bytes' || status >= 400 || isInstead
}

async function call(ctx: Exchange, runtime: JobRuntime, route: Route, job: OwnedJob) {
  const config = runtime.release.arms[job.arm]
  const url = replicaUrl(config, job.replica)
  if (url === null) throw jobNotFound()
  const request = {
    url: url + route.upstreamPath(job.upstreamId, config.model) + (route.search ?? ctx.url.search),
    method: ctx.method,
    headers: headersFor(ctx, runtime, job.arm),
    body: route.body === 'stream' ? await bodyOf(ctx) : null,
    upload: ctx.streamed,
    timeoutMs: config.timeoutMs,
  }
  return { upstream: (await ctx.isolate.polls.call(job.upstreamId, route.operation, request)).upstream, url }
}

/** Content: headers and bytes pass through as they are; a client that goes away ends the backend's stream. */
async function streamed(answered: Answered): Promise<Response> {
  const { ctx, decided, route, job, url, response, done } = answered
  if (job.holder === null && isGone(response.status)) {
    done()
    return unknown(answered)
  }
  const body = await started(answered)
  done()
  count(answered, body === null)
  const own = new Map([[job.upstreamId, job.clientId]])
  const translation = await translationOf(ctx, sourceOf(job, route, url), own, null)
  const { status, headers } = response
  const isError = status >= 400
  const coming = { status, headers, body }
  const translate = (text: string) => job.runtime.protocol.translate(text, { ...translation, isError })
  const shown = route.answer === 'json' || isError ? translatedAsItComes(coming, translate) : coming
  return answer(ctx, decided, { ...shown, translation })
}

/** The body, null where it is empty: of a video of unknown length the first bytes are waited for. */
async function started(answered: Answered) {
  const { ctx, route, response } = answered
  const isUnknown = response.ok && ctx.method === 'GET' && !response.headers.has('content-length')
  if (route.operation !== 'content' || !isUnknown) return response.body
  const { rest } = await readPrefix(response, 0).catch(() => brokeOff(answered))
  return rest
}

function brokeOff({ ctx, decided, route, job, seconds, failure }: Answered): never {
  recordEnd(decided, route.operation, failure(), seconds)
  throw upstreamError(failure(), job.arm, ctx.streamed !== null)
}

function count({ ctx, decided, route, job, response, seconds, sentAt }: Answered, isEmpty: boolean): void {
  if (route.operation === 'content') countDownload(ctx, { decided, job, response, isEmpty, seconds, sentAt })
  else recordEnd(decided, route.operation, outcomeOfStatus(response.status), seconds)
}

async function json(answered: Answered, known: ReadAnswer | null = null): Promise<Response> {
  const { ctx, decided, route, job, url, response, seconds, done } = answered
  const { runtime } = decided
  const { status } = response
  const { text, rest, json: body } = known ?? (await readAnswer(response).catch(() => brokeOff(answered)))
  done()
  const asked = { ctx, route, job }
  const told = { status, headers: response.headers, body, job: job.upstreamId }
  const backendJob = await jobInPoll(asked, told)
  if (route.operation === 'poll' && (backendJob || route.answer === 'job') && showsFailure(job, status, backendJob)) {
    recordUpdate(job, route, status, backendJob)
    const rescued = await rescue(job, 'pending')
    if (rescued === 'pending') {
      recordEnd(decided, route.operation, 'ok', seconds)
      return pendingAnswer(ctx, decided, route, job)
    }
    if (rescued) return proxyJob(ctx, route, rescued)
  }
  if (isUnknown(answered, told, backendJob)) return unknown(answered)
  const showsNoJob = route.operation === 'poll' && !backendJob && text !== null
  const isBad = isRedirect(status) || (showsNoJob && response.ok)
  // A poll that shows a failed job is a good poll, whatever status the backend gave it.
  if (backendJob || isBad) recordEnd(decided, route.operation, backendJob ? 'ok' : 'bad_output', seconds)
  else count(answered, text === '')
  const isCancel = route.operation === 'cancel'
  const said = isCancel ? runtime.protocol.cancelSays?.(told) : null
  const isRefused = said === 'refused' || (isCancel && response.ok && (await goesOn(asked)) === true)
  if (!isRefused) recordUpdate(job, route, said === 'taken' ? 202 : status, backendJob)
  if (isBad) throw new SluiceError('upstream_invalid', `the ${job.arm} backend's answer holds no job`)
  const own = new Map([[job.upstreamId, job.clientId]])
  const translation = await translationOf(ctx, sourceOf(job, route, url), own, response.ok || backendJob ? body : null)
  const isError = !response.ok && !backendJob
  const shown = text === null ? rest : runtime.protocol.translate(text, { ...translation, isError })
  const keepsStatus = route.answer === 'result' || runtime.release.passthroughStatus
  const shownStatus = backendJob && !response.ok && !keepsStatus ? 200 : status
  return answer(ctx, decided, { status: shownStatus, headers: response.headers, body: shown, translation })
}

/** A job that failed at the candidate and is on its way to control: for its client it is still under way. */
async function pendingAnswer(
  ctx: Exchange,
  decided: Decided<JobRuntime>,
  { answer: asked, prefix }: Route,
  { clientId, tag }: OwnedJob,
): Promise<Response> {
  const { protocol } = decided.runtime
  const { submittedAt } = tag!
  const { status, body } = (asked === 'result' && protocol.result?.pending) || {
    status: 200,
    body: protocol.placeholder({ clientId, prefix, gatewayOrigin: ctx.url.origin, submittedAt, end: null }),
  }
  return ownAnswer(ctx, decided, body, status)
}

function sourceOf({ runtime, arm, holder }: OwnedJob, { prefix }: Route, url: string): AnswerSource {
  return { runtime, url, prefix, arm, owner: holder?.owner ?? null, anonymous: holder?.anonymous ?? false }
}

/** Whether a backend that was asked for an id which nobody here issued has no such job. */
function isUnknown({ job, route, isLast }: Answered, told: BackendAnswer, backendJob: BackendJob | null): boolean {
  if (job.holder !== null) return false
  if (isGone(told.status) || backendJob?.failure === 'job_lost') return true
  const tells = backendJob !== null || route.operation === 'cancel'
  return !isLast && tells && job.runtime.protocol.mayLackJob?.(told) === true
}

/** An id that nobody here issued and control does not know: the same 404 as for any job that never was. */
async function unknown({ ctx, decided, route, response, seconds }: Answered): Promise<never> {
  recordEnd(decided, route.operation, response.ok ? 'ok' : 'client_error', seconds)
  Object.assign(ctx.log, { release: decided.runtime.release.name, arm: decided.routed.arm })
  // Marked with an arm it would tell that nobody else has such a job.
  ctx.decided = null
  throw jobNotFound()
}
