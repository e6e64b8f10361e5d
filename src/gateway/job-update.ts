/** What an answer says of a job, in the ledger's words. */
import type { Outcome } from '../core/outcome.ts'
import type { JobUpdate, LedgerJob } from '../durable/rpc.ts'
import type { BackendJob } from '../protocols/protocol.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'

export function toJobUpdate(job: LedgerJob, backendJob: BackendJob, at: number): JobUpdate {
  const reported = { queue: backendJob.queueSeconds, run: backendJob.runSeconds, total: backendJob.totalSeconds }
  return { job: tagOnly(job), outcome: outcomeOf(backendJob), reported, at }
}

/** A job that its backend no longer knows, or whose client gave it up. */
export function endOf(job: LedgerJob, outcome: Outcome, at: number): JobUpdate {
  return { job: tagOnly(job), outcome, reported: { queue: null, run: null, total: null }, at }
}

function tagOnly(job: LedgerJob): LedgerJob {
  const { upstreamId, arm, replica, epoch, stage, submittedAt, owner, anonymous, clientId, prefix } = job
  return { upstreamId, arm, replica, epoch, stage, submittedAt, owner, anonymous, clientId, prefix }
}
