/** What the ledgers know of a backend's id that comes without our tag: whose job it is, if it is anybody's. */
import { replicaHash } from '../config/replica.ts'
import { SluiceError } from '../core/errors.ts'
import type { Caller, LedgerJob } from '../durable/rpc.ts'
import { within } from '../durable/deadline.ts'
import { OWNER_MS } from './deadlines.ts'
import type { Exchange } from './exchange.ts'
import { hasJobs, type JobLane } from './isolate.ts'
import type { Subject } from './subject.ts'

export interface IdQuestion {
  upstreamId: string
  /** Who asks. */
  subject: Pick<Subject, 'owners' | 'nameless'>
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
  lanes: readonly JobLane[],
  { upstreamId, subject, urls, replica }: IdQuestion,
): Promise<{ lane: JobLane; job: LedgerJob } | 'taken' | null> {
  const caller: Caller = { owners: [...subject.owners], nameless: subject.nameless, copiesAt: urls.map(replicaHash) }
  const inLedgers = async (lane: JobLane) => {
    // What this isolate still holds back may be the very job.
    await lane.telemetry.flush()
    const asked = lane.ledgers().map((ledger) => ledger.find(upstreamId, caller, replica))
    return (await within(OWNER_MS, Promise.all(asked))).map((known) => ({ lane, known }))
  }
  try {
    const found = (await Promise.all(lanes.map(inLedgers))).flat()
    // Backends number their jobs alike, so a ledger may know another subject's job of the same name.
    for (const { lane, known } of found) if (known !== null && known !== 'taken') return { lane, job: known }
    return found.some(({ known }) => known === 'taken') ? 'taken' : null
  } catch (cause) {
    const headers = { 'retry-after': '2' }
    throw new SluiceError('control_plane_unavailable', "the job's owner can't be looked up now", { cause, headers })
  }
}

/** These releases and those at other paths that have their jobs at one of the backends `urls`, too. */
export function withSameBackends(x: Exchange, lanes: readonly JobLane[], urls: readonly string[]): JobLane[] {
  const isThere = ({ release: { arms } }: JobLane) =>
    [...arms.control.urls, ...arms.candidate.urls].some((url) => urls.includes(url))
  const others = x.isolate.lanes.filter(hasJobs).filter((lane) => !lanes.includes(lane) && isThere(lane))
  return [...lanes, ...others]
}
