/** The caller's own jobs of both arms, newest first: which they are the ledger knows, how they stand the backends. */
import type { Snapshot } from '../core/release.ts'
import { openJobId } from '../core/job-id.ts'
import type { LedgerJob, ListCursor } from '../durable/rpc.ts'
import { within } from '../durable/stubs.ts'
import { SluiceError } from '../core/errors.ts'
import { answer } from './answer.ts'
import { type Decided, type Exchange, outgoing, recordEnd } from './exchange.ts'
import { callBackend, parseJson } from './forward.ts'
import { replicaUrl } from '../config/replica.ts'
import { readCapped } from '../protocols/read-capped.ts'
import { toBackend } from './headers.ts'
import { type Lane, now } from './isolate.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'
import { sightingOf } from './sighting.ts'
import type { Subject } from './subject.ts'
import { translationOf } from './translation.ts'

const LEDGER_DEADLINE_MS = 2000
const MAX_JOB_JSON_BYTES = 256 * 1024
/** The platform lets a request wait for six backends at a time. */
const WIDTH = 6

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
  const cursor = after === null ? null : await cursorOf(x, lane, after, owners[0])
  if (after !== null && !cursor) return listed(x, decided, [], false, began)
  const found = await Promise.all(lanes.map((each) => jobsOf(each, owners, cursor, limit, order)))
  const sign = order === 'desc' ? -1 : 1
  const all = found
    .flat()
    .sort((a, b) => sign * (a.job.submittedAt - b.job.submittedAt || (a.job.clientId < b.job.clientId ? -1 : 1)))
  const page = all.slice(0, limit)
  const shown = await inParallel(page, WIDTH, ({ lane: of, job }) => show(x, of, job))
  const jobs = shown.filter((job) => job !== null)
  return listed(x, decided, jobs, all.length > limit, began)
}

function listed(x: Exchange, decided: Decided, jobs: unknown[], more: boolean, began: number): Response {
  recordEnd(decided, 'list', 'ok', { latency: (now() - began) / 1000 })
  const headers = new Headers({ 'content-type': 'application/json', 'cache-control': 'private, no-store' })
  const body = JSON.stringify(decided.lane.protocol.listAnswer(jobs, more))
  return answer(x, decided, { status: 200, headers, body })
}

async function jobsOf(
  lane: Lane,
  owners: Subject['owners'],
  after: ListCursor | null,
  limit: number,
  order: 'asc' | 'desc',
) {
  // Jobs of this isolate that still wait for their flush belong into the list.
  await lane.telemetry.flush()
  try {
    const jobs = await within(LEDGER_DEADLINE_MS, lane.ledgerFor(owners[0]).list([...owners], after, limit, order))
    return jobs.map((job) => ({ lane, job }))
  } catch (cause) {
    throw new SluiceError('control_plane_unavailable', "the list of jobs can't be read now", {
      cause,
      headers: { 'retry-after': '2' },
    })
  }
}

/** The job as its backend shows it now, under the client's id; null where it is gone. */
async function show(x: Exchange, lane: Lane, job: LedgerJob): Promise<unknown> {
  const config = lane.release.arms[job.arm]
  const url = replicaUrl(config, job.replica)
  if (url === null) return null
  const poll = lane.protocol.pollCall(job.upstreamId)
  const headers = toBackend(pollHeaders(x, poll.headers), [], outgoing(x, lane, job.arm))
  const upstream = await callBackend(
    { url: url + poll.path, method: poll.method, headers, body: null, timeoutMs: config.timeoutMs },
    now,
  )
  // A backend that can't be asked takes no job out of its owner's list.
  const placeholder = lane.protocol.placeholder(job.clientId, job.submittedAt)
  if (!upstream.ok) return placeholder
  try {
    const { status, body: stream } = upstream.response
    const bytes = stream ? await readCapped(stream, MAX_JOB_JSON_BYTES) : null
    const body = bytes ? parseJson(new TextDecoder().decode(bytes)) : undefined
    const sight = lane.protocol.readJob(status, body)
    if (!sight) return status === 404 ? null : placeholder
    const tag = openJobId(job.clientId, x.isolate.keys)
    if (tag && outcomeOf(sight)) lane.telemetry.seen(sightingOf({ ...tag, clientId: job.clientId }, sight, now()))
    const source = { lane, url, arm: job.arm, owner: job.owner, nameless: job.nameless }
    const own = new Map([[job.upstreamId, job.clientId]])
    return lane.protocol.translate(body, await translationOf(x, source, own, body))
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
async function cursorOf(x: Exchange, lane: Lane, clientId: string, owner: string): Promise<ListCursor | null> {
  const tag = openJobId(clientId, x.isolate.keys)
  if (tag) return { submittedAt: tag.submittedAt, clientId }
  if (lane.release.idMode === 'tagged') return null
  const job = await within(LEDGER_DEADLINE_MS, lane.ledgerFor(owner).find(clientId)).catch(() => null)
  return job && { submittedAt: job.submittedAt, clientId }
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
