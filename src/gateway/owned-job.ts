/** From the id that a client holds to the release and backend that own the job, or a 404 that tells nothing. */
import type { ReleaseConfig } from '../config/load.ts'
import { replicaHash } from '../config/replica.ts'
import type { Arm } from '../core/arm.ts'
import { SluiceError } from '../core/errors.ts'
import { type FileTag, isTagged, type JobTag, openFileId, openJobId } from '../core/job-id.ts'
import type { Exchange } from './exchange.ts'
import type { JobRuntime } from './isolate.ts'
import { knownJob, withSameBackends } from './known-job.ts'
import type { Subject } from './subject.ts'

/** What a backend could take for more than one path segment, for the way up, or for another id with blanks around it. */
// oxlint-disable-next-line no-control-regex -- they are meant
const CAN_BE_NO_ID = /[/\\;\u0000-\u001f\u007f]|^\s|\s$|^\.{1,2}$/
/** As long as the ids that any wire reads out of an answer. */
const MAX_ID_CHARS = 512

export interface OwnedJob extends Pick<JobTag, 'arm' | 'replica' | 'upstreamId'> {
  runtime: JobRuntime
  clientId: string
  /** Null where Sluice has no record of the job, where it goes on at another backend than its id says, and for a file. */
  tag: Omit<JobTag, 'release'> | null
  /** Whose it is; null where nobody here issued or recorded the id. */
  holder: Pick<JobTag, 'owner' | 'anonymous'> | null
  /** Nobody here issued or recorded the id: it was there before Sluice, and is control's. */
  foreign: boolean
}

/** Throws `job_not_found` for ids that were altered, are of another release, or belong to somebody else. */
export async function resolveJob(
  ctx: Exchange,
  runtimes: readonly JobRuntime[],
  clientId: string,
  subject: Subject,
): Promise<OwnedJob> {
  if (!isTagged(clientId)) return resolveUntagged(ctx, runtimes, clientId, subject)
  const tag = openJobId(clientId, ctx.isolate.keys)
  return { ...owned(runtimes, tag, clientId, subject), tag }
}

/** The same for the id of a file. */
export function resolveFile(
  ctx: Exchange,
  runtimes: readonly JobRuntime[],
  clientId: string,
  subject: Subject,
): OwnedJob {
  return { ...owned(runtimes, openFileId(clientId, ctx.isolate.keys), clientId, subject), tag: null }
}

function owned(
  runtimes: readonly JobRuntime[],
  tag: FileTag | null,
  clientId: string,
  subject: Subject,
): Omit<OwnedJob, 'tag'> {
  const runtime = tag && runtimes.find(({ hash }) => hash === tag.release)
  if (!tag || !runtime || !mayUse(tag, subject)) throw jobNotFound()
  const { arm, replica, upstreamId } = tag
  return { runtime, arm, replica, upstreamId, clientId, holder: tag, foreign: false }
}

/** A backend's own id: of the caller's job, of nobody's here and so from before Sluice, or of somebody else's. */
async function resolveUntagged(
  ctx: Exchange,
  runtimes: readonly JobRuntime[],
  id: string,
  subject: Subject,
): Promise<OwnedJob> {
  if (id.length > MAX_ID_CHARS || CAN_BE_NO_ID.test(id)) throw jobNotFound()
  const [first] = runtimes as [JobRuntime, ...JobRuntime[]]
  const general = runtimes.find(({ release }) => release.match.models === null) ?? first
  const urls = servesLegacyIds(general.release, ctx.isolate.deps.now()) ? legacyUrls(general.release) : []
  const known = await knownJob(withSameBackends(ctx, runtimes, urls), { upstreamId: id, subject, urls })
  if (known !== null && known !== 'taken' && runtimes.includes(known.runtime)) {
    const { runtime, job } = known
    const { arm, replica, upstreamId, clientId } = job
    return { runtime, arm, replica, upstreamId, clientId, tag: job, holder: job, foreign: false }
  }
  if (known !== null || urls.length === 0) throw jobNotFound()
  return foreignJob(general, id, 'control')
}

/** Whether ids that nobody here issued or recorded are still served. `legacy_ids` of the release that takes them says so. */
export function servesLegacyIds({ legacyIdsUntilMs }: Pick<ReleaseConfig, 'legacyIdsUntilMs'>, nowMs: number): boolean {
  return legacyIdsUntilMs === null || nowMs < legacyIdsUntilMs
}

/** Where such an id may lead. */
function legacyUrls({ arms, idMode }: ReleaseConfig): string[] {
  return [...arms.control.urls, ...(idMode === 'native' ? arms.candidate.urls : [])]
}

/** Whether a job that its backend calls so is found again by the id that its client gets. `prefix`: of its submit's route. */
export function canBeFound({ release, protocol }: JobRuntime, upstreamId: string, prefix: string): boolean {
  if (release.idMode === 'tagged') return true
  const call = protocol.pollCall({ upstreamId, prefix, model: null })
  const route = protocol.route(call.method, call.path)
  return (
    route.operation === 'poll' && route.job === upstreamId && !isTagged(upstreamId) && !CAN_BE_NO_ID.test(upstreamId)
  )
}

/** Where else a job that nobody recorded may be: control's other replicas; with native ids, and only to read it, the candidate's. */
export function placesOf({ runtime, upstreamId }: OwnedJob, isRead: boolean): OwnedJob[] {
  const { release } = runtime
  const at = (arm: Arm) => release.arms[arm].urls.map((url) => foreignJob(runtime, upstreamId, arm, url))
  return [...at('control').slice(1), ...(isRead && release.idMode === 'native' ? at('candidate') : [])]
}

/** A job that Sluice knows nothing of, at this replica of an arm. */
function foreignJob(
  runtime: JobRuntime,
  upstreamId: string,
  arm: Arm,
  url = runtime.release.arms[arm].urls[0]!,
): OwnedJob {
  const replica = replicaHash(url)
  return { runtime, arm, replica, upstreamId, clientId: upstreamId, tag: null, holder: null, foreign: true }
}

/** Issued to the caller; or issued to a caller without identity, and this one shows none either. */
function mayUse(tag: Pick<JobTag, 'owner' | 'anonymous'>, subject: Subject): boolean {
  return subject.owners.includes(tag.owner) || (tag.anonymous && subject.anonymous)
}

export function jobNotFound(): SluiceError {
  return new SluiceError('job_not_found', 'there is no such job')
}
