/** From the id that a client holds to the release and backend that own the job, or a 404 that tells nothing. */
import type { Arm } from '../core/arm.ts'
import { SluiceError } from '../core/errors.ts'
import { isTagged, type JobTag, openJobId } from '../core/job-id.ts'
import type { LedgerJob } from '../durable/rpc.ts'
import { within } from '../durable/stubs.ts'
import type { Exchange } from './exchange.ts'
import { replicaHash } from '../config/replica.ts'
import type { Lane } from './isolate.ts'
import type { Subject } from './subject.ts'

const LEDGER_DEADLINE_MS = 1000

/** What a backend could take for more than one path segment, or for the way up. */
// oxlint-disable-next-line no-control-regex -- NUL is one of them
const CAN_BE_NO_ID = /[/\\;\u0000]|^\.{1,2}$/

export interface OwnedJob extends Pick<JobTag, 'arm' | 'replica' | 'upstreamId'> {
  lane: Lane
  clientId: string
  /** Null where Sluice has no record of the job, or where it goes on at another backend than its id says. */
  tag: Omit<JobTag, 'release'> | null
  /** Whose it is; null where nobody here issued or recorded the id. */
  holder: Pick<JobTag, 'owner' | 'nameless'> | null
  /** Nobody here issued or recorded the id: it was there before Sluice, and is control's. */
  foreign: boolean
}

/** Throws `job_not_found` for ids that were altered, are of another release, or belong to somebody else. */
export async function resolveJob(
  x: Exchange,
  lanes: readonly Lane[],
  clientId: string,
  subject: Subject,
): Promise<OwnedJob> {
  if (isTagged(clientId)) {
    const job = resolveTagged(x, lanes, clientId, subject)
    // A signed path is a file's, and no job's.
    if (job.upstreamId.startsWith('/')) throw jobNotFound()
    return job
  }
  if (CAN_BE_NO_ID.test(clientId)) throw jobNotFound()
  const recorded = await Promise.all(
    lanes.map(async (lane) => ({ lane, job: await recordOf(lane, clientId, subject) })),
  )
  const known = recorded.flatMap(({ lane, job }) => (job ? [{ lane, job }] : []))
  const own = known.find(({ job }) => mayUse(job, subject))
  if (own) return { ...own.job, lane: own.lane, clientId, tag: own.job, holder: own.job, foreign: false }
  if (known.length > 0) throw jobNotFound()
  const [first] = lanes as [Lane, ...Lane[]]
  return foreignJob(lanes.find(({ release }) => release.match.models === null) ?? first, clientId, 'control')
}

/** What a tagged id names, a job or a file. Throws `job_not_found` like `resolveJob`. */
export function resolveTagged(x: Exchange, lanes: readonly Lane[], clientId: string, subject: Subject): OwnedJob {
  const tag = openJobId(clientId, x.isolate.keys)
  const lane = tag && lanes.find(({ hash }) => hash === tag.release)
  if (!tag || !lane || !mayUse(tag, subject)) throw jobNotFound()
  const { arm, replica, upstreamId } = tag
  return { lane, arm, replica, upstreamId, clientId, tag, holder: tag, foreign: false }
}

/** Whether a job that its backend calls so is found again by the id that its client gets. */
export function canBeFound({ release, protocol }: Lane, upstreamId: string): boolean {
  // What begins with a slash would be a file's signed path.
  if (release.idMode === 'tagged') return !upstreamId.startsWith('/')
  const way = protocol.route('GET', protocol.pollCall(upstreamId, '').path)
  return way.operation === 'poll' && way.job === upstreamId && !isTagged(upstreamId) && !CAN_BE_NO_ID.test(upstreamId)
}

/** Where else a job that nobody recorded may be: control's other replicas; with native ids, and only to read it, the candidate's. */
export function placesOf({ lane, upstreamId }: OwnedJob, isRead: boolean): OwnedJob[] {
  const { release } = lane
  const at = (arm: Arm) => release.arms[arm].urls.map((url) => foreignJob(lane, upstreamId, arm, url))
  return [...at('control').slice(1), ...(isRead && release.idMode === 'native' ? at('candidate') : [])]
}

/** A job that Sluice knows nothing of, at this replica of an arm. */
function foreignJob(lane: Lane, upstreamId: string, arm: Arm, url = lane.release.arms[arm].urls[0]!): OwnedJob {
  const replica = replicaHash(url)
  return { lane, arm, replica, upstreamId, clientId: upstreamId, tag: null, holder: null, foreign: true }
}

/** `id_mode = "native"`: ids carry nothing, so the ledgers are asked, after what this isolate still holds back. */
async function recordOf(lane: Lane, upstreamId: string, subject: Subject): Promise<LedgerJob | null> {
  if (lane.release.idMode === 'tagged') return null
  await lane.telemetry.flush()
  try {
    const asked = lane
      .ledgers()
      .map((ledger) => within(LEDGER_DEADLINE_MS, ledger.find(upstreamId, [...subject.owners])))
    // Backends number their jobs alike, so another subject's ledger may know one of the same name.
    const jobs = (await Promise.all(asked)).filter((job) => job !== null)
    return jobs.find((job) => mayUse(job, subject)) ?? jobs[0] ?? null
  } catch (cause) {
    // Without the ledger nobody can say whose job this is, and it must not be handed to just anybody.
    const headers = { 'retry-after': '2' }
    throw new SluiceError('control_plane_unavailable', "the job's owner can't be looked up now", { cause, headers })
  }
}

/** Issued to the caller; or issued to a caller without identity, and this one shows none either. */
function mayUse(tag: Pick<JobTag, 'owner' | 'nameless'>, subject: Subject): boolean {
  return subject.owners.includes(tag.owner) || (tag.nameless && subject.nameless)
}

export function jobNotFound(): SluiceError {
  return new SluiceError('job_not_found', 'there is no such job')
}
