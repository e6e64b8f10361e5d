/** What an answer's ids become: the client's own for jobs that are known, new ones sealed for resources that are not. */
import { replicaHash } from '../config/replica.ts'
import { type FileTag, type JobTag, NOBODY, sealFileId, sealJobId } from '../core/job-id.ts'
import { within } from '../durable/deadline.ts'
import type { Translation } from '../protocols/translate-string.ts'
import { RESOURCE_MS } from './deadlines.ts'
import type { Exchange } from './exchange.ts'
import { clientUrlOf } from './hook-address.ts'
import type { JobRuntime } from './isolate.ts'
import { filePath, canBeFound, knownJob, withSameBackends } from './owned-job.ts'

/** More resources than this in one answer are left as they are: no video API answers so many. */
const MAX_RESOURCES = 100
const MAX_REMEMBERED = 5000

/** Where an answer came from and for whom it is. */
export interface AnswerSource {
  runtime: JobRuntime
  url: string
  /** What stands before a job's paths where the client asked. */
  prefix: string
  arm: JobTag['arm']
  /** Whose answer it is; null where nobody can be told to own what it names. */
  owner: string | null
  anonymous: boolean
}

type OwnedSource = AnswerSource & { owner: string }

/** `known`: backend id → client id. `body` is searched for further ids that later requests can name. */
export function translationOf(
  ctx: Exchange,
  source: AnswerSource,
  known: ReadonlyMap<string, string>,
  body: unknown,
): Translation | Promise<Translation> {
  const { runtime, owner } = source
  if (runtime.release.idMode !== 'tagged' || owner === null) return withIds(ctx, source, known)
  const found = runtime.protocol.readIds(body).filter((id) => !known.has(id) && canBeFound(runtime, id, source.prefix))
  if (found.length === 0) return withIds(ctx, source, known)
  const own = { ...source, owner }
  const named = found.slice(0, MAX_RESOURCES).map(async (id) => [id, await idOf(ctx, own, id)] as const)
  return Promise.all(named).then((more) => withIds(ctx, source, new Map([...known, ...more])))
}

/** Of an answer whose ids are nobody's: addresses alone. */
export function translationOfNothing({ url }: Exchange, upstreamOrigin: string, prefix: string): Translation {
  return { ids: new Map(), upstreamOrigin, gatewayOrigin: url.origin, prefix }
}

function withIds(ctx: Exchange, source: AnswerSource, ids: ReadonlyMap<string, string>): Translation {
  const { runtime, owner } = source
  return {
    ids,
    upstreamOrigin: source.url,
    prefix: source.prefix,
    gatewayOrigin: ctx.url.origin,
    ...(runtime.protocol.readWebhook ? { webhookOf: (url: string) => clientUrlOf(url, ctx.isolate.keys) } : {}),
    ...(owner === null
      ? {}
      : { fileUrl: (at: string) => filePath(sealFileId(placeOf({ ...source, owner }, at), ctx.isolate.keys), at) }),
  }
}

/**
 * The id under which this caller knows a resource; a new one where nobody has recorded it. One that is somebody else's,
 * such as an id that the client wrote and the backend repeats, gets an id that opens nothing; so does one of which
 * nobody can be asked now.
 */
async function idOf(ctx: Exchange, source: OwnedSource, upstreamId: string): Promise<string> {
  const { runtime, url, arm, owner } = source
  const replica = replicaHash(url)
  /** Routes to a resource whose submit nobody here saw. */
  const newId = (of: OwnedSource) => sealJobId({ ...placeOf(of, upstreamId), ...NOT_A_JOB_OF_OURS }, ctx.isolate.keys)
  const key = `${owner}|${arm}|${replica}|${upstreamId}`
  const remembered = runtime.issuedIds.get(key)
  if (remembered !== undefined) return remembered
  try {
    const caller = { owners: [owner], anonymous: false, copiesAt: [replica] }
    const asked = runtime.ledgersOf(owner).map((ledger) => ledger.find(upstreamId, caller, replica))
    const found = await within(RESOURCE_MS, Promise.all(asked))
    const own = found.find((each) => each !== null && each !== 'taken') ?? found.find((each) => each !== null) ?? null
    if (own !== null && own !== 'taken') {
      if (runtime.issuedIds.size >= MAX_REMEMBERED) runtime.issuedIds.clear()
      runtime.issuedIds.set(key, own.clientId)
      return own.clientId
    }
    const question = { upstreamId, subject: { owners: [owner] as const, anonymous: false }, urls: [url], replica }
    if ((own ?? (await knownJob(withSameBackends(ctx, [runtime], [url]), question))) === null) return newId(source)
  } catch {
    // Nobody can be asked now.
  }
  return newId({ ...source, owner: NOBODY, anonymous: false })
}

function placeOf({ runtime, url, arm, owner, anonymous }: OwnedSource, upstreamId: string): FileTag {
  return { upstreamId, arm, release: runtime.hash, replica: replicaHash(url), owner, anonymous }
}

/** A resource whose submit nobody saw: it routes, and is counted nowhere. */
const NOT_A_JOB_OF_OURS = { epoch: 0, stage: 'idle', submittedAt: 0 }

export function isCounted(tag: Pick<JobTag, 'submittedAt'>): boolean {
  return tag.submittedAt > 0
}
