/** What the ledgers know of a backend's id that comes without our tag: whose job it is, if it is anybody's. */
import { replicaHash } from '../config/replica.ts'
import { SluiceError } from '../core/errors.ts'
import type { Caller, LedgerJob } from '../durable/rpc.ts'
import { within } from '../durable/deadline.ts'
import { OWNER_MS } from './deadlines.ts'
import type { Exchange } from './exchange.ts'
import { hasJobs, type JobRuntime } from './isolate.ts'
import type { Subject } from './subject.ts'

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
  runtimes: readonly JobRuntime[],
  { upstreamId, subject, urls, replica }: IdQuestion,
): Promise<{ runtime: JobRuntime; job: LedgerJob } | 'taken' | null> {
  const caller: Caller = { owners: [...subject.owners], anonymous: subject.anonymous, copiesAt: urls.map(replicaHash) }
  const inLedgers = async (runtime: JobRuntime) => {
    // What this isolate still holds back may be the very job.
    await runtime.telemetry.flush()
    const asked = runtime.ledgers().map((ledger) => ledger.find(upstreamId, caller, replica))
    return (await within(OWNER_MS, Promise.all(asked))).map((known) => ({ runtime, known }))
  }
  try {
    const found = (await Promise.all(runtimes.map(inLedgers))).flat()
    // Backends number their jobs alike, so a ledger may know another subject's job of the same name.
    for (const { runtime, known } of found) if (known !== null && known !== 'taken') return { runtime, job: known }
    return found.some(({ known }) => known === 'taken') ? 'taken' : null
  } catch (cause) {
    const headers = { 'retry-after': '2' }
    throw new SluiceError('control_plane_unavailable', "the job's owner can't be looked up now", { cause, headers })
  }
}

/** These releases and those at other paths that have their jobs at one of the backends `urls`, too. */
export function withSameBackends(
  ctx: Exchange,
  runtimes: readonly JobRuntime[],
  urls: readonly string[],
): JobRuntime[] {
  const isThere = ({ release: { arms } }: JobRuntime) =>
    [...arms.control.urls, ...arms.candidate.urls].some((url) => urls.includes(url))
  const others = ctx.isolate.runtimes
    .filter(hasJobs)
    .filter((runtime) => !runtimes.includes(runtime) && isThere(runtime))
  return [...runtimes, ...others]
}
