/** From the id that a client holds to the backend that owns the job, or a 404 that tells nothing. */
import type { Arm } from '../core/arm.ts'
import { SluiceError } from '../core/errors.ts'
import { isTagged, type JobTag, openJobId } from '../core/job-id.ts'
import type { LedgerJob } from '../durable/rpc.ts'
import { within } from '../durable/stubs.ts'
import { type Exchange, ownersOf } from './exchange.ts'
import { replicaHash } from './forward.ts'
import type { Lane } from './isolate.ts'
import type { Subject } from './subject.ts'

const LEDGER_DEADLINE_MS = 1000

/** `tag` is null for ids that Sluice did not issue: they were there before it, and are control's. */
export interface OwnedJob extends Pick<JobTag, 'arm' | 'replica' | 'upstreamId'> {
  clientId: string
  tag: JobTag | null
}

/** An id that Sluice did not issue is `untagged`'s. Throws `job_not_found` for ids that were altered, are of another release, or belong to somebody else. */
export function jobOf(
  x: Exchange,
  lane: Lane,
  clientId: string,
  subject: Subject,
  untagged: Arm = 'control',
): OwnedJob {
  if (!isTagged(clientId)) {
    return {
      arm: untagged,
      replica: replicaHash(lane.release.arms[untagged].urls[0]!),
      upstreamId: clientId,
      clientId,
      tag: null,
    }
  }
  const tag = openJobId(clientId, x.isolate.keys)
  if (!tag || tag.release !== lane.hash || !mayUse(x, tag, subject)) throw jobNotFound()
  return { arm: tag.arm, replica: tag.replica, upstreamId: tag.upstreamId, clientId, tag }
}

/** `id_mode = "native"`: ids carry nothing, so the ledger is asked; null where it knows no such job. */
export async function nativeJobOf(
  x: Exchange,
  lane: Lane,
  upstreamId: string,
  subject: Subject,
): Promise<OwnedJob | null> {
  const owners = ownersOf(x, subject)
  const found = await within(LEDGER_DEADLINE_MS, lane.ledgerFor(owners[0]!).find(upstreamId)).catch(() => null)
  if (!found) return null
  if (!owners.includes(found.owner)) throw jobNotFound()
  return ownedOf(found)
}

export function ownedOf(job: LedgerJob): OwnedJob {
  return { arm: job.arm, replica: job.replica, upstreamId: job.upstreamId, clientId: job.clientId, tag: job }
}

/** Issued to the caller; or issued to a caller without identity, and this one shows none either. */
function mayUse(x: Exchange, tag: JobTag, subject: Subject): boolean {
  return ownersOf(x, subject).includes(tag.owner) || (tag.nameless && subject.nameless)
}

export function jobNotFound(): SluiceError {
  return new SluiceError('job_not_found', 'there is no such job')
}
