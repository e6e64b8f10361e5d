/** What an answer's ids become: the client's own for jobs that are known, new ones signed for resources that are not. */
import { type JobTag, signJobId } from '../core/job-id.ts'
import { within } from '../durable/stubs.ts'
import type { Translation } from '../protocols/protocol.ts'
import { filePath } from './backend-file.ts'
import type { Exchange } from './exchange.ts'
import { replicaHash } from '../config/replica.ts'
import type { Lane } from './isolate.ts'
import { canBeFound } from './owned-job.ts'

const LEDGER_DEADLINE_MS = 500
/** More resources than this in one answer are left as they are: no video API answers so many. */
const MAX_RESOURCES = 100
const MAX_REMEMBERED = 5000

/** Where an answer came from and for whom it is. */
export interface AnswerSource {
  lane: Lane
  url: string
  arm: JobTag['arm']
  /** Whose answer it is; null where nobody can be told to own what it names. */
  owner: string | null
  nameless: boolean
}

type OwnedSource = AnswerSource & { owner: string }

/** `known`: backend id → client id. `body` is searched for further ids that later requests can name. */
export async function translationOf(
  x: Exchange,
  source: AnswerSource,
  known: ReadonlyMap<string, string>,
  body: unknown,
): Promise<Translation> {
  const ids = new Map(known)
  const { lane, owner } = source
  if (lane.release.idMode === 'tagged' && owner !== null) {
    const found = lane.protocol.readIds(body).filter((id) => !ids.has(id) && canBeFound(lane, id))
    const issued = await issuedIds({ ...source, owner }, found.slice(0, MAX_RESOURCES))
    for (const [id, clientId] of issued) ids.set(id, clientId ?? newId(x, { ...source, owner }, id))
  }
  return {
    ids,
    clientId: (id) => ids.get(id) ?? null,
    upstreamOrigin: source.url,
    gatewayOrigin: x.url.origin,
    ...(owner === null ? {} : { fileUrl: (path: string) => filePath(newId(x, { ...source, owner }, path), path) }),
  }
}

/** The ids under which this caller knows these resources already; null for those that the ledger does not know. */
async function issuedIds(
  { lane, url, arm, owner }: OwnedSource,
  upstreamIds: string[],
): Promise<[string, string | null][]> {
  const ledger = lane.ledgerFor(owner)
  const replica = replicaHash(url)
  const find = async (id: string): Promise<[string, string | null]> => {
    const key = `${owner}|${arm}|${replica}|${id}`
    const remembered = lane.issuedIds.get(key)
    if (remembered !== undefined) return [id, remembered]
    const job = await within(LEDGER_DEADLINE_MS, ledger.find(id, [owner], { arm, replica })).catch(() => null)
    if (job?.owner !== owner) return [id, null]
    if (lane.issuedIds.size >= MAX_REMEMBERED) lane.issuedIds.clear()
    lane.issuedIds.set(key, job.clientId)
    return [id, job.clientId]
  }
  return Promise.all(upstreamIds.map(find))
}

/** An id that routes to a resource whose submit nobody here saw. */
function newId(x: Exchange, source: OwnedSource, upstreamId: string): string {
  const { lane, url, arm, owner, nameless } = source
  const place = { upstreamId, arm, release: lane.hash, replica: replicaHash(url), owner, nameless }
  return signJobId({ ...place, ...NOT_A_JOB_OF_OURS }, x.isolate.keys)
}

/** A resource whose submit nobody saw: it routes, and is counted nowhere. */
const NOT_A_JOB_OF_OURS = { epoch: 0, stage: 'idle', submittedAt: 0, matched: false }

export function isCounted(tag: Pick<JobTag, 'submittedAt'>): boolean {
  return tag.submittedAt > 0
}
