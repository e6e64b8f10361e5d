/**
 * From the id that a client holds to the release and backend that own the job or its file, or a 404 that tells nothing.
 * Ids that backends gave the ledgers are asked for. A file that a backend names by a URL outside the wire's own paths,
 * such as `/files/out.mp4`, gets a path of the gateway's that leads to the same backend, for the job's owner only.
 */
import type { ReleaseConfig } from '../config/load.ts'
import { replicaHash } from '../config/replica.ts'
import type { Arm } from '../core/arm.ts'
import { SluiceError } from '../core/errors.ts'
import { type FileTag, isTagged, type JobTag, openFileId, openJobId } from '../core/job-id.ts'
import { within } from '../durable/deadline.ts'
import type { JobName, LedgerJob } from '../durable/job-shapes.ts'
import type { Caller } from '../durable/rpc.ts'
import type { Route } from '../protocols/protocol.ts'
import { other } from '../protocols/route-kinds.ts'
import { OWNER_MS, unavailable } from './deadlines.ts'
import type { Exchange } from './exchange.ts'
import { hasJobs, type JobRuntime, type JobRuntimes } from './isolate.ts'
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
  /** Whose it is; null where nobody here issued or recorded the id: it was there before Sluice, and is control's. */
  holder: Pick<JobTag, 'owner' | 'anonymous' | 'epoch'> | null
}

/** A job as the ledger or a submit knows it. */
export function ownedJob(runtime: JobRuntime, job: LedgerJob): OwnedJob {
  const { arm, replica, upstreamId, clientId } = job
  return { runtime, arm, replica, upstreamId, clientId, tag: job, holder: job }
}

/** As its ledger has it; of a job with a holder. */
export function nameOf({ arm, replica, upstreamId, holder }: OwnedJob): JobName {
  const { owner, epoch } = holder!
  return { arm, replica, upstreamId, owner, epoch }
}

/** Throws `job_not_found` for ids that were altered, are of another release, or belong to somebody else. */
export async function resolveJob(
  ctx: Exchange,
  runtimes: JobRuntimes,
  id: string,
  subject: Subject,
): Promise<OwnedJob> {
  if (!isTagged(id)) return resolveUntagged(ctx, runtimes, id, subject)
  const tag = openJobId(id, ctx.isolate.keys)
  return { ...owned(runtimes, tag, id, subject), tag, holder: tag }
}

/** The same for the id of a file. */
export function resolveFile(ctx: Exchange, runtimes: JobRuntimes, id: string, subject: Subject): OwnedJob {
  const tag = openFileId(id, ctx.isolate.keys)
  return { ...owned(runtimes, tag, id, subject), tag: null, holder: tag && { ...tag, epoch: 0 } }
}

function owned(runtimes: JobRuntimes, tag: FileTag | null, clientId: string, subject: Subject) {
  const runtime = tag && runtimes.find(({ hash }) => hash === tag.release)
  if (!tag || !runtime || !mayUse(tag, subject)) throw jobNotFound()
  const { arm, replica, upstreamId } = tag
  return { runtime, arm, replica, upstreamId, clientId }
}

/** A backend's own id: of the caller's job, of nobody's here and so from before Sluice, or of somebody else's. */
async function resolveUntagged(ctx: Exchange, runtimes: JobRuntimes, id: string, subject: Subject): Promise<OwnedJob> {
  if (id.length > MAX_ID_CHARS || CAN_BE_NO_ID.test(id)) throw jobNotFound()
  const [first] = runtimes as [JobRuntime, ...JobRuntime[]]
  const general = runtimes.find(({ release }) => release.match.models === null) ?? first
  const urls = legacyUrls(general.release, ctx.isolate.deps.now())
  const known = await knownJob(withSameBackends(ctx, runtimes, urls), { upstreamId: id, subject, urls })
  if (known !== null && known !== 'taken' && runtimes.includes(known.runtime)) return known
  if (known !== null || urls.length === 0) throw jobNotFound()
  return foreignJob(general, id, 'control')
}

export interface IdQuestion {
  upstreamId: string
  /** Who asks. */
  subject: Pick<Subject, 'owners' | 'anonymous'>
  /** Where the id could lead if it were nobody's: there it must not be a shadow copy's either. */
  urls: readonly string[]
  /** Only jobs at this replica are meant. */
  replica?: number
}

/**
 * The caller's own job, of the first of these releases that has one; `'taken'` where the id is known as others' only.
 * Throws `control_plane_unavailable`: without the ledgers nobody can say whose a job is.
 */
export async function knownJob(
  runtimes: JobRuntimes,
  { upstreamId, subject, urls, replica }: IdQuestion,
): Promise<OwnedJob | 'taken' | null> {
  const caller: Caller = { owners: [...subject.owners], anonymous: subject.anonymous, copiesAt: urls.map(replicaHash) }
  const inLedgers = async (runtime: JobRuntime) => {
    // What this isolate still holds back may be the very job.
    await runtime.telemetry.flush()
    const asked = runtime.places.all().map((index) => runtime.ledger(index).find(upstreamId, caller, replica))
    return (await within(OWNER_MS, Promise.all(asked))).map((known) => ({ runtime, known }))
  }
  try {
    const found = (await Promise.all(runtimes.map(inLedgers))).flat()
    // Backends number their jobs alike, so a ledger may know another subject's job of the same name.
    for (const { runtime, known } of found) if (known !== null && known !== 'taken') return ownedJob(runtime, known)
    return found.some(({ known }) => known === 'taken') ? 'taken' : null
  } catch (cause) {
    throw unavailable("the job's owner can't be looked up now", cause)
  }
}

/** These releases and those at other paths that have their jobs at one of the backends `urls`, too. */
export function withSameBackends(ctx: Exchange, runtimes: JobRuntimes, urls: readonly string[]): JobRuntime[] {
  const isThere = ({ release: { arms } }: JobRuntime) =>
    [...arms.control.urls, ...arms.candidate.urls].some((url) => urls.includes(url))
  const ofJobs = ctx.isolate.runtimes.filter(hasJobs)
  return [...runtimes, ...ofJobs.filter((runtime) => !runtimes.includes(runtime) && isThere(runtime))]
}

/** Where an id that nobody here issued or recorded may lead; nowhere once the release's `legacy_ids` serves none any more. */
function legacyUrls({ arms, idMode, legacyIdsUntilMs }: ReleaseConfig, nowMs: number): string[] {
  if (legacyIdsUntilMs !== null && nowMs >= legacyIdsUntilMs) return []
  return [...arms.control.urls, ...(idMode === 'native' ? arms.candidate.urls : [])]
}

/** Whether a job that its backend calls so is found again by the id that its client gets. `prefix`: of its submit's route. */
export function canBeFound({ release, protocol }: JobRuntime, upstreamId: string, prefix: string): boolean {
  if (release.idMode === 'tagged') return true
  const call = protocol.pollCall({ upstreamId, prefix, model: null })
  const route = protocol.route(call.method, call.path)
  const isAsked = route.operation === 'poll' && route.job === upstreamId
  return isAsked && !isTagged(upstreamId) && !CAN_BE_NO_ID.test(upstreamId)
}

/** Where else a job that nobody recorded may be: control's other replicas; with native ids, and only to read it, the candidate's. */
export function placesOf({ runtime, upstreamId }: OwnedJob, isRead: boolean): OwnedJob[] {
  const { release } = runtime
  const at = (arm: Arm) => release.arms[arm].urls.map((url) => foreignJob(runtime, upstreamId, arm, url))
  return [...at('control').slice(1), ...(isRead && release.idMode === 'native' ? at('candidate') : [])]
}

/** A job that Sluice knows nothing of, at this replica of an arm. */
function foreignJob(runtime: JobRuntime, id: string, arm: Arm, url = runtime.release.arms[arm].urls[0]!): OwnedJob {
  const replica = replicaHash(url)
  return { runtime, arm, replica, upstreamId: id, clientId: id, tag: null, holder: null }
}

/** Issued to the caller; or issued to a caller without identity, and this one shows none either. */
function mayUse(tag: Pick<JobTag, 'owner' | 'anonymous'>, subject: Subject): boolean {
  return subject.owners.includes(tag.owner) || (tag.anonymous && subject.anonymous)
}

export function jobNotFound(): SluiceError {
  return new SluiceError('job_not_found', 'there is no such job')
}

/** The tagged id of a file, and its name. */
const FILE_PATH = /^\/([^/]+)(?:\/[^/]*)?$/

export const FILE_ROUTE: Route = { ...other('GET'), job: '', prefix: '', upstreamPath: (path) => path! }

/** A file that a wire names together with the job that made it (`path#job`): its download is the job's content. */
export function outputOf(file: OwnedJob, search: string): { job: OwnedJob; route: Route } {
  const [path = '', job] = file.upstreamId.split('#')
  const route = { ...FILE_ROUTE, search, upstreamPath: () => path }
  if (job === undefined) return { job: file, route }
  return { job: { ...file, upstreamId: decodeURIComponent(job) }, route: { ...route, operation: 'content' } }
}

/** `id`: sealed for the file's path (`sealFileId`). Players go by the ending; the backend's own name often holds its id. */
export function filePath(id: string, upstreamPath: string): string {
  return `/${id}/file${upstreamPath.slice(upstreamPath.lastIndexOf('.'))}`
}

/**
 * The file that a path names; null for any other path. `offers`: how the wires read it, of which some have a job's id where
 * a file's stands. Throws `job_not_found` for what was altered or is somebody else's.
 */
export function fileOf(ctx: Exchange, subject: Subject, offers: readonly { route: Route }[]): OwnedJob | null {
  const id = FILE_PATH.exec(ctx.url.pathname)?.[1]
  if (id === undefined || !isTagged(id)) return null
  if (openFileId(id, ctx.isolate.keys) === null && offers.some(({ route }) => route.job === id)) return null
  if (!['GET', 'HEAD'].includes(ctx.method))
    throw new SluiceError('method_not_allowed', 'a file can only be read', { headers: { allow: 'GET, HEAD' } })
  const runtimes = ctx.isolate.runtimes.filter(hasJobs)
  return resolveFile(ctx, runtimes, id, subject)
}
