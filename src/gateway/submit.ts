/**
 * A submit from its bytes to its answer: which arm, sent once, the job's id sealed on the way back.
 * What runs beside it (copies, counters) is only started here.
 */
import { SluiceError } from '../core/errors.ts'
import { type JobTag, sealJobId } from '../core/job-id.ts'
import { isArmError, type Outcome } from '../core/outcome.ts'
import type { Snapshot } from '../core/release.ts'
import { MAX_RESCUE_BODY_BYTES } from '../core/rescue-plan.ts'
import type { JobEntry } from '../durable/rpc.ts'
import { within } from '../durable/deadline.ts'
import type { JobSight, Translation } from '../protocols/protocol.ts'
import { type Attempt, attempt, type Submit } from './attempt.ts'
import { decideArm } from './decide.ts'
import { answer, errorAnswer } from './answer.ts'
import { REGISTER_MS } from './deadlines.ts'
import type { Decided, Exchange, Routed } from './exchange.ts'
import { expose } from './exposure.ts'
import { isRedirect, upstreamError } from './forward.ts'
import { replicaHash } from '../config/replica.ts'
import { withoutRetry } from './headers.ts'
import type { JobLane } from './isolate.ts'
import { copyToShadow } from './shadow.ts'
import { ownedJob, rescue, showsFailure } from './rescue.ts'
import { sightingOf } from './sighting.ts'
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
export async function submit(x: Exchange, lane: JobLane, snapshot: Snapshot | null, s: Submit): Promise<Submitted> {
  try {
    return await submitted(x, lane, snapshot, s)
  } catch (error) {
    if (!x.submitSent) throw error
    const response = errorAnswer(error, x, x)
    response.headers.set('x-should-retry', 'false')
    return { response, clientId: null, nothingBegun: false }
  }
}

async function submitted(x: Exchange, lane: JobLane, snapshot: Snapshot | null, s: Submit): Promise<Submitted> {
  const { referred } = s
  const routed = referred.owner
    ? { arm: referred.owner.arm, reason: 'job' as const }
    : decideArm(x, lane, snapshot, s.subject, s.submission)
  const decided: Decided<JobLane> = { lane, snapshot, routed }
  x.decided = decided
  expose(x, decided, s.subject, s.submission)
  const tried = await attempt(x, decided, s)
  if (referred.owner || !failsOver(decided, tried.outcome)) return finish(x, decided, s, tried)
  // An answer that was read to its end is locked, and over anyway.
  if (tried.upstream.ok && tried.text === null) await (tried.rest ?? tried.upstream.response.body)?.cancel()
  const toControl: Routed = { arm: 'control', reason: 'failover' }
  const rerouted: Decided<JobLane> = { lane, snapshot, routed: toControl }
  x.decided = rerouted
  const ended = await finish(x, rerouted, s, await attempt(x, rerouted, s))
  if (beganNothing(tried)) return ended
  // Whatever control says, the candidate may have begun a job.
  if (!ended.response.ok) ended.response.headers.set('x-should-retry', 'false')
  return { ...ended, nothingBegun: false }
}

function beganNothing({ upstream }: Attempt): boolean {
  return upstream.ok && NOTHING_BEGUN.has(upstream.response.status)
}

function failsOver({ lane, snapshot, routed }: Decided, outcome: Outcome): boolean {
  return (
    (snapshot?.failover ?? lane.release.failover) &&
    routed.arm === 'candidate' &&
    routed.reason !== 'override' &&
    isArmError(outcome)
  )
}

async function finish(x: Exchange, decided: Decided<JobLane>, s: Submit, tried: Attempt): Promise<Submitted> {
  const { lane, routed } = decided
  const { upstream, sight, outcome } = tried
  if (!upstream.ok) return refused(x, upstreamError(upstream.failure, routed.arm, true))
  const { response } = upstream
  // What a synchronous submit brought instead of a video is its client's to see.
  if (outcome === 'bad_output' && (s.route.answer === 'job' || isRedirect(response.status))) {
    const error = new SluiceError('upstream_invalid', `the ${routed.arm} backend's answer holds no job`, {
      headers: { 'x-should-retry': 'false' },
    })
    return refused(x, error)
  }
  const { prefix } = s.route
  const source = {
    lane,
    url: tried.url,
    prefix,
    arm: routed.arm,
    owner: s.subject.owners[0],
    nameless: s.subject.nameless,
  }
  const known = new Map([...s.referred.ids].map(([clientId, upstreamId]) => [upstreamId, clientId]))
  // Only an accepted job is one: what failed at once, or came as a video, only has its ids opened.
  if (!response.ok || !sight || s.route.answer !== 'job') {
    const translation = await translationOf(x, source, known, response.ok || sight ? tried.json : null)
    const headers = response.ok ? response.headers : withoutRetry(response)
    const isError = !response.ok
    const body = translated(lane, tried, { ...translation, isError }) ?? tried.rest ?? response.body
    const shown = { status: response.status, headers, body, translation, cookie: s.subject.cookie }
    return { response: answer(x, decided, shown), clientId: null, nothingBegun: beganNothing(tried) }
  }
  const entry = await register(x, decided, s, tried, sight)
  if (routed.arm === 'control' && s.route.operation === 'submit' && routed.reason !== 'job')
    copyToShadow(x, decided, s, entry)
  const translation = await translationOf(x, source, known.set(sight.id, entry.clientId), tried.json)
  // A job that had failed before it was taken has failed all the same; its client need not know, where control takes over.
  const owned = ownedJob(lane, entry)
  const onward = entry.rescue && showsFailure(owned, response.status, sight) && (await rescue(owned, 'pending', 0))
  const going = lane.protocol.placeholder({ ...entry, gatewayOrigin: x.url.origin, end: null })
  const body = onward ? JSON.stringify(going) : translated(lane, tried, translation)
  const { status, headers } = response
  const shown = { status, headers, body, translation, cookie: s.subject.cookie }
  return { response: answer(x, decided, shown), clientId: entry.clientId, nothingBegun: false }
}

/** The answer's text for the client; null for what was not read. */
function translated(lane: JobLane, { text }: Attempt, translation: Translation): string | null {
  return text === null ? null : lane.protocol.translate(text, translation)
}

/** Seals the id and tells the ledger of the job, in memory. A native id says nothing, so there the ledger knows first. */
async function register(
  x: Exchange,
  decided: Decided<JobLane>,
  s: Submit,
  tried: Attempt,
  sight: JobSight,
): Promise<JobEntry> {
  const { lane, snapshot, routed } = decided
  const tag: JobTag = {
    upstreamId: sight.id,
    arm: routed.arm,
    release: lane.hash,
    replica: replicaHash(tried.url),
    epoch: snapshot?.epoch ?? 0,
    stage: snapshot?.stage ?? 'idle',
    submittedAt: tried.startedAt,
    owner: s.subject.owners[0],
    nameless: s.subject.nameless,
  }
  const isNative = lane.release.idMode === 'native'
  const clientId = isNative ? sight.id : sealJobId(tag, x.isolate.keys)
  const { work } = s.submission
  const entry: JobEntry = { ...tag, clientId, prefix: s.route.prefix, work, rescue: rescueOf(lane, s, routed) }
  if (!isNative || !(await isTold(lane, entry))) lane.telemetry.submitted(entry)
  const seen = sightingOf(entry, sight, lane.deps.now())
  if (seen.outcome) lane.telemetry.seen(seen)
  x.log['job'] = clientId
  return entry
}

/** False where the ledger does not answer in time: then it is told with the next flush. */
async function isTold(lane: JobLane, entry: JobEntry): Promise<boolean> {
  const told = lane.ledgerFor(entry.owner).flush({ submitted: [entry], seen: [] })
  return within(REGISTER_MS, told).then(
    () => true,
    () => false,
  )
}

/** What control would be sent, should the candidate fail this job. */
function rescueOf(lane: JobLane, s: Submit, routed: Routed): JobEntry['rescue'] {
  if (!lane.release.rescue || routed.arm !== 'candidate' || s.route.job !== null || s.submission.jobs.length > 0)
    return null
  const body = s.submission.rebuild({ model: lane.release.arms.control.model, jobIds: new Map(), shadow: false })
  return body.bytes.byteLength > MAX_RESCUE_BODY_BYTES ? null : body
}

/** Our own error instead of the backend's answer; no job came of it that anybody could name. */
function refused(x: Exchange, error: SluiceError): Submitted {
  return { response: errorAnswer(error, x, x), clientId: null, nothingBegun: false }
}
