/** What an answer says of a job, in the ledger's words. */
import type { Outcome } from '../core/outcome.ts'
import type { JobUpdate, LedgerJob } from '../durable/rpc.ts'
import type { BackendJob } from '../protocols/protocol.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'

export function toJobUpdate(job: LedgerJob, backendJob: BackendJob, at: number): JobUpdate {
  const reported = { queue: backendJob.queueSeconds, run: backendJob.runSeconds, total: backendJob.totalSeconds }
  return { job: tagOnly(job), outcome: outcomeOf(backendJob), reported, at }
}

/** Jobs remembered at a time; beyond it all of them are told anew. */
const MOST_TOLD = 20_000

/** What an isolate has told of jobs, so that not each poll is one more write: what has changed, and a fifth of a job's age. */
export class ToldSights {
  readonly #quietAfterMs: number
  readonly #reported = new Map<string, Pick<JobUpdate, 'outcome' | 'at'>>()

  /** `quietAfterMs`: a job that the ledger has not heard of for so long it polls by itself. */
  constructor(quietAfterMs: number) {
    this.#quietAfterMs = quietAfterMs
  }

  /** Whether the ledger should hear of it; asked once for each sight, which is told if so. */
  isNew({ job, outcome, at }: JobUpdate): boolean {
    const key = `${job.upstreamId}|${job.arm}|${job.replica}`
    const last = this.#reported.get(key)
    const openForMs = Math.min((at - job.submittedAt) / 5, this.#quietAfterMs / 2)
    if (last?.outcome === outcome && (outcome !== null || at - last.at < openForMs)) return false
    if (this.#reported.size >= MOST_TOLD) this.#reported.clear()
    this.#reported.set(key, { outcome, at })
    return true
  }

  /** Nobody knows what of it has arrived. */
  forget(): void {
    this.#reported.clear()
  }
}

/** A job that its backend no longer knows, or whose client gave it up. */
export function endOf(job: LedgerJob, outcome: Outcome, at: number): JobUpdate {
  return { job: tagOnly(job), outcome, reported: { queue: null, run: null, total: null }, at }
}

function tagOnly(job: LedgerJob): LedgerJob {
  const { upstreamId, arm, replica, epoch, stage, submittedAt, owner, anonymous, clientId, prefix } = job
  return { upstreamId, arm, replica, epoch, stage, submittedAt, owner, anonymous, clientId, prefix }
}
