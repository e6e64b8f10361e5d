/** The caller's own jobs of both arms, newest first: which they are the ledger knows, how they stand the backends. */
import type { Snapshot } from '../core/release.ts'
import { isTagged, openJobId } from '../core/job-id.ts'
import type { LedgerJob, ListCursor } from '../durable/rpc.ts'
import { within } from '../durable/stubs.ts'
import { SluiceError } from '../core/errors.ts'
import { answer } from './answer.ts'
import { readableAsAtControl } from './browsers.ts'
import { type Decided, type Exchange, outgoing, recordEnd } from './exchange.ts'
import { callBackend, parseJson } from './forward.ts'
import { replicaUrl } from '../config/replica.ts'
import { readCapped } from '../protocols/read-capped.ts'
import { toBackend } from './headers.ts'
import { type Lane, now } from './isolate.ts'
import { knownJob } from './known-job.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'
import { ownedJob, rescue, showsFailure } from './rescue.ts'
import { endOf, sightingOf } from './sighting.ts'
import type { Subject } from './subject.ts'
import { translationOf } from './translation.ts'

const LEDGER_DEADLINE_MS = 2000
/** Of one job's backend: a list is not worth an arm's whole timeout. */
const SHOW_DEADLINE_MS = 3000
const MAX_JOB_JSON_BYTES = 1024 * 1024
/** The platform lets a request wait for six backends at a time. */
const WIDTH = 6
const MAX_ROUNDS = 20

/** `lanes`: the releases that this path may belong to; the first one's protocol words the answer. */
export async function listJobs(
  x: Exchange,
  lanes: readonly Lane[],
  snapshot: Snapshot | null,
  subject: Subject,
): Promise<Response> {
  const [lane] = lanes as [Lane, ...Lane[]]
  const began = now()
  const { limit, after, order } = lane.protocol.listQuery(x.url.searchParams)
  const { owners } = subject
  const decided: Decided = { lane, snapshot, routed: { arm: 'control', reason: 'job', matched: false } }
  let cursor = after === null ? null : await cursorOf(x, lanes, after, owners)
  let more = after === null || cursor !== null
  const jobs: unknown[] = []
  const silent = new Set<string>()
  // Jobs that their backends no longer know leave room on the page for those behind them.
  for (let round = 0; more && jobs.length < limit && round < MAX_ROUNDS; round++) {
    const found = await jobsAfter(lanes, { owners, cursor, limit, order })
    const page = found.slice(0, limit - jobs.length)
    const shown = await inParallel(page, WIDTH, ({ lane: of, job }) => show(x, of, job, silent))
    jobs.push(...shown.filter((job) => job !== null))
    more = found.length > page.length
    const last = page.at(-1)?.job
    if (last) cursor = { submittedAt: last.submittedAt, clientId: last.clientId }
  }
  return listed(x, decided, jobs, more && jobs.length > 0, began)
}

async function listed(x: Exchange, decided: Decided, jobs: unknown[], more: boolean, began: number): Promise<Response> {
  recordEnd(decided, 'list', 'ok', { latency: (now() - began) / 1000 })
  const headers = new Headers({ 'content-type': 'application/json', 'cache-control': 'private, no-store' })
  for (const [name, value] of await readableAsAtControl(x, decided.lane)) headers.set(name, value)
  const body = JSON.stringify(decided.lane.protocol.listAnswer(jobs, more))
  return answer(x, decided, { status: 200, headers, body })
}

interface Question {
  owners: readonly string[]
  cursor: ListCursor | null
  limit: number
  order: 'asc' | 'desc'
}

/** The next jobs of all releases in the order asked for, at least one more than `limit` where there are as many. */
async function jobsAfter(lanes: readonly Lane[], question: Question): Promise<{ lane: Lane; job: LedgerJob }[]> {
  const { owners, cursor, limit, order } = question
  const sign = order === 'desc' ? -1 : 1
  const jobsOf = async (lane: Lane) => {
    // Jobs of this isolate that still wait for their flush belong into the list.
    await lane.telemetry.flush()
    const asked = owners.map((owner) => lane.ledgerFor(owner).list([owner], cursor, limit, order))
    const jobs = await within(LEDGER_DEADLINE_MS, Promise.all(asked))
    return jobs.flat().map((job) => ({ lane, job }))
  }
  try {
    const found = await Promise.all(lanes.map(jobsOf))
    return found
      .flat()
      .sort((a, b) => sign * (a.job.submittedAt - b.job.submittedAt || (a.job.clientId < b.job.clientId ? -1 : 1)))
  } catch (cause) {
    const headers = { 'retry-after': '2' }
    throw new SluiceError('control_plane_unavailable', "the list of jobs can't be read now", { cause, headers })
  }
}

/** The job as its backend shows it now, under the client's id; null where it is gone. `silent`: backends that did not answer. */
async function show(x: Exchange, lane: Lane, job: LedgerJob, silent: Set<string>): Promise<unknown> {
  const config = lane.release.arms[job.arm]
  const url = replicaUrl(config, job.replica)
  if (url === null) return null
  // A backend that can't be asked takes no job out of its owner's list.
  const placeholder = lane.protocol.placeholder(job.clientId, job.submittedAt)
  if (silent.has(url)) return placeholder
  const poll = lane.protocol.pollCall(job.upstreamId, job.prefix)
  const headers = toBackend(pollHeaders(x, poll.headers), [], outgoing(x, lane, job.arm))
  const timeoutMs = Math.min(config.timeoutMs, SHOW_DEADLINE_MS)
  const upstream = await callBackend({ url: url + poll.path, method: poll.method, headers, body: null, timeoutMs }, now)
  if (!upstream.ok) {
    silent.add(url)
    return placeholder
  }
  try {
    const { status, body: stream } = upstream.response
    const bytes = stream ? await readCapped(stream, MAX_JOB_JSON_BYTES) : null
    const text = bytes ? new TextDecoder().decode(bytes) : ''
    const body = parseJson(text)
    const sight = lane.protocol.readJob(status, body)
    const owned = ownedJob(lane, job)
    if (showsFailure(owned, status, sight)) {
      lane.telemetry.seen(sight ? sightingOf(job, sight, now()) : endOf(job, 'job_lost', now()))
      const onward = await rescue(owned, 'pending', 0)
      if (onward === 'pending') return placeholder
      if (onward)
        return show(x, lane, { ...job, arm: 'control', replica: onward.replica, upstreamId: onward.upstreamId }, silent)
    }
    if (!sight && status === 404) {
      lane.telemetry.seen(endOf(job, 'job_lost', now()))
      return null
    }
    if (!sight) return placeholder
    if (outcomeOf(sight)) lane.telemetry.seen(sightingOf(job, sight, now()))
    const source = { lane, url, arm: job.arm, owner: job.owner, nameless: job.nameless }
    const own = new Map([[job.upstreamId, job.clientId]])
    return JSON.parse(lane.protocol.translate(text, await translationOf(x, source, own, body))) as unknown
  } catch {
    return placeholder
  } finally {
    upstream.done()
  }
}

/** The caller's own credentials go along, for arms that are to see them. */
function pollHeaders(x: Exchange, own: Record<string, string> = {}): Headers {
  const authorization = x.request.headers.get('authorization')
  return new Headers({ accept: 'application/json', ...own, ...(authorization === null ? {} : { authorization }) })
}

/** Where the page before ended; null for an id that is nobody's job, behind which there is nothing. */
async function cursorOf(
  x: Exchange,
  lanes: readonly Lane[],
  clientId: string,
  owners: Subject['owners'],
): Promise<ListCursor | null> {
  const tag = openJobId(clientId, x.isolate.keys)
  // Somebody else's id is behind nothing here, or it would tell when their job was made.
  if (tag) return owners.includes(tag.owner) ? { submittedAt: tag.submittedAt, clientId } : null
  if (isTagged(clientId)) return null
  const known = await knownJob(lanes, { upstreamId: clientId, subject: { owners, nameless: false }, urls: [] })
  return known === null || known === 'taken' ? null : known.job
}

async function inParallel<T, R>(items: readonly T[], width: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const out: R[] = []
  let next = 0
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) out[i] = await work(items[i]!)
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
  return out
}
