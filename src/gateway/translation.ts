/** What an answer's ids become: the client's own for jobs that are known, new ones sealed for resources that are not. */
import { type FileTag, type JobTag, NOBODY, sealFileId, sealJobId } from '../core/job-id.ts'
import { within } from '../durable/deadline.ts'
import type { Translation } from '../protocols/protocol.ts'
import { filePath } from './backend-file.ts'
import { RESOURCE_MS } from './deadlines.ts'
import type { Exchange } from './exchange.ts'
import { replicaHash } from '../config/replica.ts'
import type { JobLane } from './isolate.ts'
import { canBeFound } from './owned-job.ts'
import { knownJob, withSameBackends } from './known-job.ts'

/** More resources than this in one answer are left as they are: no video API answers so many. */
const MAX_RESOURCES = 100
const MAX_REMEMBERED = 5000

/** Where an answer came from and for whom it is. */
export interface AnswerSource {
  lane: JobLane
  url: string
  /** What stands before a job's paths where the client asked. */
  prefix: string
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
    const found = lane.protocol.readIds(body).filter((id) => !ids.has(id) && canBeFound(lane, id, source.prefix))
    const own = { ...source, owner }
    const named = found.slice(0, MAX_RESOURCES).map(async (id) => ids.set(id, await idOf(x, own, id)))
    await Promise.all(named)
  }
  return {
    ids,
    upstreamOrigin: source.url,
    prefix: source.prefix,
    gatewayOrigin: x.url.origin,
    ...(owner === null ? {} : { fileUrl: (path: string) => filePath(fileId(x, { ...source, owner }, path), path) }),
  }
}

/**
 * The id under which this caller knows a resource; a new one where nobody has recorded it. One that is somebody else's,
 * such as an id that the client wrote and the backend repeats, gets an id that opens nothing; so does one of which
 * nobody can be asked now.
 */
async function idOf(x: Exchange, source: OwnedSource, upstreamId: string): Promise<string> {
  const { lane, url, arm, owner } = source
  const replica = replicaHash(url)
  const key = `${owner}|${arm}|${replica}|${upstreamId}`
  const remembered = lane.issuedIds.get(key)
  if (remembered !== undefined) return remembered
  try {
    const caller = { owners: [owner], nameless: false, copiesAt: [replica] }
    const own = await within(RESOURCE_MS, lane.ledgerFor(owner).find(upstreamId, caller, replica))
    if (own !== null && own !== 'taken') {
      if (lane.issuedIds.size >= MAX_REMEMBERED) lane.issuedIds.clear()
      lane.issuedIds.set(key, own.clientId)
      return own.clientId
    }
    const question = { upstreamId, subject: { owners: [owner] as const, nameless: false }, urls: [url], replica }
    const known = own ?? (await knownJob(withSameBackends(x, [lane], [url]), question))
    return newId(x, known === null ? source : { ...source, owner: NOBODY, nameless: false }, upstreamId)
  } catch {
    return newId(x, { ...source, owner: NOBODY, nameless: false }, upstreamId)
  }
}

/** An id that routes to a resource whose submit nobody here saw. */
function newId(x: Exchange, source: OwnedSource, upstreamId: string): string {
  return sealJobId({ ...placeOf(source, upstreamId), ...NOT_A_JOB_OF_OURS }, x.isolate.keys)
}

function fileId(x: Exchange, source: OwnedSource, path: string): string {
  return sealFileId(placeOf(source, path), x.isolate.keys)
}

function placeOf({ lane, url, arm, owner, nameless }: OwnedSource, upstreamId: string): FileTag {
  return { upstreamId, arm, release: lane.hash, replica: replicaHash(url), owner, nameless }
}

/** A resource whose submit nobody saw: it routes, and is counted nowhere. */
const NOT_A_JOB_OF_OURS = { epoch: 0, stage: 'idle', submittedAt: 0 }

export function isCounted(tag: Pick<JobTag, 'submittedAt'>): boolean {
  return tag.submittedAt > 0
}
