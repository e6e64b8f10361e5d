/**
 * The caller's own jobs of both arms, newest first: which they are the ledger knows, how they stand the backends. A long
 * page asks backends for some of its jobs only, those of which least is known, and shows the rest by the ledger.
 */
import { replicaUrl } from '../config/replica.ts'
import { isTagged, openJobId } from '../core/job-id.ts'
import { within } from '../durable/deadline.ts'
import { type ListedJob, toJobUpdate } from '../durable/job-shapes.ts'
import type { ListCursor } from '../durable/rpc.ts'
import { exactJson } from '../protocols/answer-json.ts'
import { isGone, outcomeOf } from '../protocols/job-outcome.ts'
import type { JobAddress } from '../protocols/protocol.ts'
import { BACKENDS_AT_ONCE, inParallel } from '../protocols/send.ts'
import { ownAnswer } from './browsers.ts'
import { LIST_MS, unavailable } from './deadlines.ts'
import { type Decided, type Exchange, recordEnd } from './exchange.ts'
import type { JobRuntime, JobRuntimes } from './isolate.ts'
import { askBackend } from './job-result.ts'
import { knownJob, ownedJob } from './owned-job.ts'
import { rescue, showsFailure } from './rescue.ts'
import type { Choice } from './select-release.ts'
import { LIST_AGE_MS } from './shared-polls.ts'
import type { Subject } from './subject.ts'
import { translationOf } from './translation.ts'

/** Calls to backends for one list, whatever its length. */
const MAX_CALLS = 20
/** A page further back is empty. */
const MAX_SKIPPED = 1000
/** Of its caller's newest jobs, for those that go on. */
const MAX_LOOKED_THROUGH = 200
/** How often a page is filled up for jobs that are gone; the last time by the ledger alone. */
const MAX_ROUNDS = 4
/** A job that was seen open so lately is asked for after the others. */
const FRESH_MS = 5000

/** `list`: how the first release's protocol asks and answers. */
export async function listJobs(
  ctx: Exchange,
  { runtime, runtimes, list: words }: Extract<Choice, { kind: 'list' }>,
  { owners }: Subject,
): Promise<Response> {
  const { now } = ctx.isolate.deps
  const began = now()
  const url = new URL(ctx.url.href)
  const { limit, after, order, skip = 0 } = words.query(url.searchParams)
  const decided: Decided = { runtime, snapshot: ctx.snapshot, routed: { arm: 'control', reason: 'job' } }
  let cursor = after === null ? null : await cursorOf(ctx, runtimes, after, owners)
  let more = after === null || cursor !== null
  if (more && skip > 0) {
    const passed = skip > MAX_SKIPPED ? [] : await jobsAfter(runtimes, { owners, cursor, limit: skip, order })
    const last = passed[skip - 1]?.job
    more = last !== undefined
    if (last) cursor = { submittedAt: last.submittedAt, clientId: last.clientId }
  }
  const jobs: unknown[] = []
  const asking: Asking = { callsLeft: MAX_CALLS, unreachable: new Set() }
  // Jobs that their backends no longer know leave room on the page for those behind them.
  for (let round = 0; more && jobs.length < limit && round < MAX_ROUNDS; round++) {
    const found = await jobsAfter(runtimes, { owners, cursor, limit, order })
    const page = found.slice(0, limit - jobs.length)
    if (round === MAX_ROUNDS - 1) asking.callsLeft = 0
    const asked = new Set(leastKnown(page, began).slice(0, asking.callsLeft))
    const ofKnown = words.ofKnown?.(url)
    const shown = ofKnown
      ? page.map(({ job }) => ofKnown({ ...job, gatewayOrigin: ctx.url.origin }))
      : await inParallel(page, BACKENDS_AT_ONCE, (own) => listedJob(ctx, own, asked.has(own) ? asking : null))
    jobs.push(...shown.filter((job) => job !== null))
    more = found.length > page.length
    const last = page.at(-1)?.job
    if (last) cursor = { submittedAt: last.submittedAt, clientId: last.clientId }
  }
  recordEnd(decided, 'list', 'ok', (now() - began) / 1000)
  return ownAnswer(ctx, decided, words.answer(jobs, more && jobs.length > 0, url))
}

interface OwnJob {
  runtime: JobRuntime
  job: ListedJob
}

interface Question {
  owners: readonly string[]
  cursor: ListCursor | null
  limit: number
  order: 'asc' | 'desc'
}

/** The caller's newest jobs of these releases that go on, as far as the ledgers know, whatever has ended since. */
export async function openJobs(runtimes: JobRuntimes, { owners }: Subject, limit: number): Promise<OwnJob[]> {
  const found = await jobsAfter(runtimes, { owners, cursor: null, limit: MAX_LOOKED_THROUGH, order: 'desc' })
  return found.filter(({ job }) => job.end === null).slice(0, limit)
}

/** The next jobs of all releases in the order asked for, at least one more than `limit` where there are as many. */
async function jobsAfter(runtimes: JobRuntimes, question: Question): Promise<OwnJob[]> {
  const { owners, cursor, limit, order } = question
  const sign = order === 'desc' ? -1 : 1
  const jobsOf = async (runtime: JobRuntime) => {
    // Jobs of this isolate that still wait for their flush belong into the list.
    await runtime.telemetry.flush()
    const asked = owners.flatMap((owner) =>
      runtime.ledgersOf(owner).map((ledger) => ledger.list([owner], cursor, limit, order)),
    )
    const jobs = await within(LIST_MS, Promise.all(asked))
    return jobs.flat().map((job) => ({ runtime, job }))
  }
  try {
    const found = await Promise.all(runtimes.map(jobsOf))
    return found
      .flat()
      .sort((a, b) => sign * (a.job.submittedAt - b.job.submittedAt || (a.job.clientId < b.job.clientId ? -1 : 1)))
  } catch (cause) {
    throw unavailable("the list of jobs can't be read now", cause)
  }
}

/** Where the page before ended; null for an id that is nobody's job, behind which there is nothing. */
async function cursorOf(
  ctx: Exchange,
  runtimes: JobRuntimes,
  clientId: string,
  owners: Subject['owners'],
): Promise<ListCursor | null> {
  const tag = openJobId(clientId, ctx.isolate.keys)
  // Somebody else's id is behind nothing here, or it would tell when their job was made.
  if (tag) return owners.includes(tag.owner) ? { submittedAt: tag.submittedAt, clientId } : null
  if (isTagged(clientId)) return null
  const known = await knownJob(runtimes, { upstreamId: clientId, subject: { owners, anonymous: false }, urls: [] })
  return known === null || known === 'taken' ? null : { submittedAt: known.tag!.submittedAt, clientId: known.clientId }
}

/** Those first that nobody has seen lately, then those seen open, then those that have ended; each in the page's order. */
function leastKnown(page: readonly OwnJob[], at: number): OwnJob[] {
  const known = ({ job: { end, openAt } }: OwnJob) => (end ? 2 : openAt !== null && at - openAt <= FRESH_MS ? 1 : 0)
  return page.toSorted((a, b) => known(a) - known(b))
}

/** Of one job's backend: a list is not worth an arm's whole timeout. */
const SHOWN = { timeoutMs: 3000, maxBytes: 1024 * 1024 }

/** What the jobs of one list have in common when they ask. */
interface Asking {
  callsLeft: number
  /** Backends that did not answer; they are not asked for the rest. */
  unreachable: Set<string>
}

/** Under the client's id; null where the job is gone. `asking` null: by the ledger alone. */
async function listedJob(ctx: Exchange, { runtime, job }: OwnJob, asking: Asking | null): Promise<unknown> {
  const config = runtime.release.arms[job.arm]
  const url = replicaUrl(config, job.replica)
  if (url === null) return null
  // A backend that can't be asked takes no job out of its owner's list.
  const placeholder = (end = job.end) => runtime.protocol.placeholder({ ...job, gatewayOrigin: ctx.url.origin, end })
  if (!asking || asking.callsLeft <= 0 || asking.unreachable.has(url)) return placeholder()
  asking.callsLeft--
  const { now } = runtime.deps
  const began = now()
  try {
    const owned = ownedJob(runtime, job)
    const poll = { call: (address: JobAddress) => runtime.protocol.pollCall(address) }
    const polledAfter = async (maxAgeMs: number) => {
      const told = await askBackend(ctx, owned, job, poll, { ...SHOWN, maxAgeMs })
      return told && { ...told, backendJob: runtime.protocol.readJob(told.answer) }
    }
    let polled = await polledAfter(LIST_AGE_MS)
    // The ledger has learned since then that it has ended.
    if (polled && polled.at < began && job.end && polled.backendJob && !outcomeOf(polled.backendJob))
      polled = await polledAfter(0)
    if (!polled) {
      asking.unreachable.add(url)
      return placeholder()
    }
    const { at, text, backendJob } = polled
    const { status, body } = polled.answer
    if (showsFailure(owned, status, backendJob)) {
      runtime.telemetry.seen(toJobUpdate(job, backendJob ?? 'job_lost', now()))
      const rescued = await rescue(owned, 'pending', 0)
      if (rescued === 'pending') return placeholder(null)
      if (rescued) {
        const { replica, upstreamId } = rescued
        const there: ListedJob = { ...job, arm: 'control', replica, upstreamId, end: null }
        return await listedJob(ctx, { runtime, job: there }, asking)
      }
    }
    if (!backendJob && isGone(status)) {
      runtime.telemetry.seen(toJobUpdate(job, 'job_lost', now()))
      return null
    }
    if (!backendJob) return placeholder()
    // What an earlier look has seen was told then.
    if (at >= began) runtime.telemetry.seen(toJobUpdate(job, backendJob, at))
    const own = new Map([[job.upstreamId, job.clientId]])
    const translation = await translationOf(ctx, { ...job, runtime, url }, own, body)
    return exactJson(runtime.protocol.translate(text, translation))
  } catch {
    return placeholder()
  }
}
