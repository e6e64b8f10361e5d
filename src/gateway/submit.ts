/**
 * A submit from its bytes to its answer: which arm, sent once, the job's id sealed on the way back.
 * What runs beside it (copies, counters) is only started here.
 */
import { replicaHash } from '../config/replica.ts'
import { SluiceError } from '../core/errors.ts'
import { type JobTag, sealJobId } from '../core/job-id.ts'
import { isArmError, type Outcome } from '../core/outcome.ts'
import { MAX_RESCUE_BODY_BYTES } from '../core/rescue-plan.ts'
import { within } from '../durable/deadline.ts'
import { type LedgerJob, toJobUpdate } from '../durable/job-shapes.ts'
import { answerJson } from '../protocols/answer-json.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'
import type { BackendJob } from '../protocols/protocol.ts'
import { rebuildForArm } from '../protocols/submission/for-arm.ts'
import type { RebuiltSubmit } from '../protocols/submit.ts'
import { answer, errorAnswer } from './answer.ts'
import { type Attempt, attempt, callerOf, type Submit } from './attempt.ts'
import { withChosenId } from './chosen-id.ts'
import { sealedWebhook } from './client-webhooks.ts'
import { REGISTER_MS } from './deadlines.ts'
import { decideArm, expose } from './decide.ts'
import { type Decided, settle, type Exchange } from './exchange.ts'
import { type Answer, isRedirect, upstreamError } from './forward.ts'
import { withoutLength, withoutRetry } from './headers.ts'
import type { JobRuntime } from './isolate.ts'
import { translatedAround } from './long-answer.ts'
import { ownedJob } from './owned-job.ts'
import { rescue, showsFailure } from './rescue.ts'
import { copyToShadow } from './shadow.ts'
import { translatedAsItComes } from './text-stream.ts'
import { translationOf } from './translation.ts'

/** Answers that say for certain that nothing was begun; after every other error a job may exist. */
const NOTHING_BEGUN: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 413, 415, 422, 429])

/** The answer, and what an idempotency key is settled with. */
export interface Submitted {
  response: Response
  /** The job's client id, where one came to be that can be named. */
  clientId: string | null
  /** Whether each backend that was asked has said so. */
  nothingBegun: boolean
}

/** Rejects only where nothing was sent: whatever goes wrong later is an answer that invites nobody to repeat the submit. */
export async function sendSubmit(ctx: Exchange, runtime: JobRuntime, submit: Submit): Promise<Submitted> {
  try {
    return await submitted(ctx, runtime, submit)
  } catch (error) {
    if (!ctx.submitSent) throw error
    const ended = refused(ctx, error)
    ended.response.headers.set('x-should-retry', 'false')
    return ended
  }
}

function submitted(ctx: Exchange, runtime: JobRuntime, submit: Submit): Promise<Submitted> {
  const { referred } = submit
  const routed = referred.owner
    ? { arm: referred.owner.arm, reason: 'job' as const }
    : decideArm(ctx, runtime, submit.subject, submit.submission)
  const first = settle(ctx, runtime, routed)
  return withChosenId(ctx, runtime, submit, () => sent(ctx, first, submit))
}

/** To the arm that was decided, and to control where that one fails and the release says so. */
async function sent(ctx: Exchange, first: Decided<JobRuntime>, submit: Submit): Promise<Submitted> {
  expose(ctx, first, submit.subject, submit.submission)
  const tried = await attempt(ctx, first, submit)
  if (submit.referred.owner || !failsOver(first, tried.outcome)) return finish(ctx, first, submit, tried)
  // An answer that was read to its end is locked, and over anyway.
  if (tried.upstream.ok && tried.text === null) await (tried.rest ?? tried.upstream.response.body)?.cancel()
  const rerouted = settle(ctx, first.runtime, { arm: 'control', reason: 'failover' })
  const ended = await finish(ctx, rerouted, submit, await attempt(ctx, rerouted, submit))
  if (beganNothing(tried)) return ended
  // Whatever control says, the candidate may have begun a job.
  if (!ended.response.ok) ended.response.headers.set('x-should-retry', 'false')
  return { ...ended, nothingBegun: false }
}

/** A full queue has taken nothing either, whatever status its wire says that with. */
function beganNothing({ upstream, outcome }: Attempt): boolean {
  return upstream.ok && (outcome === 'saturated' || NOTHING_BEGUN.has(upstream.response.status))
}

function failsOver({ runtime, snapshot, routed }: Decided, outcome: Outcome): boolean {
  const mayFail = routed.arm === 'candidate' && routed.reason !== 'override'
  return mayFail && (snapshot?.failover ?? runtime.release.failover) && isArmError(outcome)
}

async function finish(ctx: Exchange, decided: Decided<JobRuntime>, submit: Submit, tried: Attempt): Promise<Submitted> {
  const { runtime, routed } = decided
  const { upstream, backendJob, outcome } = tried
  if (!upstream.ok) return refused(ctx, upstreamError(upstream.failure, routed.arm, true))
  const { response } = upstream
  // What a synchronous submit brought instead of a video is its client's to see.
  if (outcome === 'bad_output' && (submit.route.answer === 'job' || isRedirect(response.status))) {
    const message = `the ${routed.arm} backend's answer holds no job`
    return refused(ctx, new SluiceError('upstream_invalid', message, { headers: { 'x-should-retry': 'false' } }))
  }
  const { prefix } = submit.route
  const source = { ...tried.tag, runtime, url: tried.url, prefix }
  const known = new Map([...submit.referred.ids].map(([clientId, upstreamId]) => [upstreamId, clientId]))
  // Only an accepted job is one: what failed at once, or came as a video, only has its ids opened.
  if (!response.ok || !backendJob || submit.route.answer !== 'job') {
    const translation = await translationOf(ctx, source, known, response.ok || backendJob ? tried.json : null)
    const headers = response.ok || beganNothing(tried) ? response.headers : withoutRetry(response)
    const { status } = response
    const isError = !response.ok
    const translate = (text: string) => runtime.protocol.translate(text, { ...translation, isError })
    const unread = { status, headers, body: tried.rest ?? response.body }
    // One of no known length may never end: its client gets what has come, and no line is waited for.
    const coming = isError && headers.has('content-length') ? translatedAsItComes(unread, translate) : unread
    const body = tried.text === null ? coming.body : translate(tried.text)
    const shown = { ...coming, body, translation, cookie: submit.subject.cookie }
    return { response: answer(ctx, decided, shown), clientId: null, nothingBegun: beganNothing(tried) }
  }
  const entry = await register(ctx, decided, submit, tried, backendJob)
  if (routed.arm === 'control' && submit.route.operation === 'submit' && routed.reason !== 'job')
    copyToShadow(ctx, decided, submit, entry)
  const translation = await translationOf(ctx, source, known.set(backendJob.id, entry.clientId), tried.json)
  // A job that had failed before it was taken has failed all the same; its client need not know, where control takes over.
  const owned = ownedJob(runtime, entry)
  const rescued =
    entry.rescue && showsFailure(owned, response.status, backendJob) && (await rescue(owned, 'pending', 0))
  const going = runtime.protocol.placeholder({ ...entry, gatewayOrigin: ctx.url.origin, end: null })
  const { text, long } = tried
  const translate = (words: string) => runtime.protocol.translate(words, translation)
  const { status } = response
  if (rescued) await tried.rest?.cancel()
  const onRead = (all: string) => tellEnd(runtime, entry, backendJob, response, all)
  const rest = long && !rescued ? translatedAround(long, tried.rest!, translate, onRead) : null
  const headers = rest ? withoutLength(response.headers) : response.headers
  const body = rescued ? JSON.stringify(going) : text === null ? rest : translate(text)
  const shown = { status, headers, body, translation, cookie: submit.subject.cookie }
  // No poll would say again what has come as a stream: such a key is answered as one of a video.
  return { response: answer(ctx, decided, shown), clientId: rest ? null : entry.clientId, nothingBegun: false }
}

/** How a job ended by its whole answer, where what stands before its video had not told. */
function tellEnd(
  { protocol, telemetry, deps }: JobRuntime,
  entry: LedgerJob,
  began: BackendJob,
  { status, headers }: Pick<Answer, 'status' | 'headers'>,
  text: string,
): void {
  const last = protocol.readJob({ status, headers, body: answerJson(text), job: null })
  if (outcomeOf(began) === null && last) telemetry.seen(toJobUpdate(entry, { ...last, id: began.id }, deps.now()))
}

/** Seals the id and tells the ledger of the job, in memory. A native or chosen id says nothing, so there the ledger knows first. */
function register(
  ctx: Exchange,
  decided: Decided<JobRuntime>,
  submit: Submit,
  tried: Attempt,
  backendJob: BackendJob,
): LedgerJob | Promise<LedgerJob> {
  const { runtime } = decided
  const tag: JobTag = { ...tried.tag, upstreamId: backendJob.id }
  const isNative = runtime.release.idMode === 'native' || submit.submission.chosenId === backendJob.id
  const clientId = isNative ? backendJob.id : sealJobId(tag, ctx.isolate.keys)
  const job = { ...tag, clientId }
  const { work } = submit.submission
  const { prefix } = submit.route
  const entry: LedgerJob = { ...job, prefix, work, rescue: rescueOf(ctx, runtime, submit, job) }
  ctx.log['job'] = clientId
  const known = () => {
    // Of one that goes on the ledger has just been told.
    if (outcomeOf(backendJob) !== null) runtime.telemetry.seen(toJobUpdate(entry, backendJob, runtime.deps.now()))
    return entry
  }
  const tellLater = () => runtime.telemetry.submitted(entry)
  if (isNative) {
    const told = runtime.ledgerOf(entry).flush({ submitted: [entry], seen: [] })
    return within(REGISTER_MS, told).catch(tellLater).then(known)
  }
  tellLater()
  return known()
}

/** What control would be sent, should the candidate fail this job. */
function rescueOf(
  ctx: Exchange,
  runtime: JobRuntime,
  submit: Submit,
  job: JobTag & { clientId: string },
): RebuiltSubmit | null {
  const refers = submit.route.job !== null || submit.submission.jobs.length > 0
  if (!runtime.release.rescue || job.arm !== 'candidate' || refers) return null
  const { control } = runtime.release.arms
  const there = { ...job, arm: 'control', replica: replicaHash(control.urls[0]!), job: job.clientId } as const
  const webhook = sealedWebhook(ctx, runtime, { ...there, prefix: submit.route.prefix })
  const target = { jobIds: new Map(), shadow: false, caller: callerOf(submit.subject), webhook }
  const body = rebuildForArm(submit.submission, control, target)
  return body.bytes.byteLength > MAX_RESCUE_BODY_BYTES ? null : body
}

/** Our own error instead of the backend's answer; no job came of it that anybody could name. */
function refused(ctx: Exchange, error: unknown): Submitted {
  return { response: errorAnswer(error, ctx, ctx), clientId: null, nothingBegun: false }
}
