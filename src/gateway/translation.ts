/** What an answer's ids become: the client's own for jobs that are known, new ones signed for resources that are not. */
import { type JobTag, signJobId } from '../core/job-id.ts'
import { within } from '../durable/stubs.ts'
import type { Translation } from '../protocols/protocol.ts'
import type { Exchange } from './exchange.ts'
import { replicaHash } from '../config/replica.ts'
import type { Lane } from './isolate.ts'

const LEDGER_DEADLINE_MS = 500
/** More resources than this in one answer are left as they are: no video API answers so many. */
const MAX_RESOURCES = 100

/** Where an answer came from and for whom it is. */
export interface AnswerSource {
  lane: Lane
  url: string
  arm: JobTag['arm']
  owner: string
  nameless: boolean
}

/** `known`: backend id → client id. `body` is searched for further ids that later requests can name. */
export async function translationOf(
  x: Exchange,
  source: AnswerSource,
  known: ReadonlyMap<string, string>,
  body: unknown,
): Promise<Translation> {
  const ids = new Map(known)
  const { lane } = source
  if (lane.release.idMode === 'tagged') {
    const found = lane.protocol.readIds(body).filter((id) => !ids.has(id))
    for (const id of found.slice(0, MAX_RESOURCES)) ids.set(id, await clientIdOf(x, source, id))
  }
  return {
    ids,
    clientId: (id) => ids.get(id) ?? null,
    upstreamOrigin: source.url,
    gatewayOrigin: x.url.origin,
  }
}

/** The id under which this caller knows the resource already, or else a new one that routes to it. */
async function clientIdOf(
  x: Exchange,
  { lane, url, arm, owner, nameless }: AnswerSource,
  upstreamId: string,
): Promise<string> {
  const known = await within(LEDGER_DEADLINE_MS, lane.ledgerFor(owner).find(upstreamId)).catch(() => null)
  if (known?.owner === owner) return known.clientId
  const place = { upstreamId, arm, release: lane.hash, replica: replicaHash(url), owner, nameless }
  return signJobId({ ...place, ...NOT_A_JOB_OF_OURS }, x.isolate.keys)
}

/** A resource whose submit nobody saw: it routes, and is counted nowhere. */
const NOT_A_JOB_OF_OURS = { epoch: 0, stage: 'idle', submittedAt: 0, matched: false }

export function isCounted(tag: JobTag): boolean {
  return tag.submittedAt > 0
}
