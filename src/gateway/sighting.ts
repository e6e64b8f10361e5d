/** What an answer says of a job, in the ledger's words. */
import type { Outcome } from '../core/outcome.ts'
import type { JobSighting, LedgerJob } from '../durable/rpc.ts'
import type { JobSight } from '../protocols/protocol.ts'
import { outcomeOf } from '../protocols/job-outcome.ts'

export function sightingOf(job: LedgerJob, sight: JobSight, at: number): JobSighting {
  const told = { queue: sight.queueSeconds, run: sight.runSeconds, total: sight.totalSeconds }
  return { job: tagOnly(job), outcome: outcomeOf(sight), told, at }
}

/** A job that its backend no longer knows, or whose client gave it up. */
export function endOf(job: LedgerJob, outcome: Outcome, at: number): JobSighting {
  return { job: tagOnly(job), outcome, told: { queue: null, run: null, total: null }, at }
}

function tagOnly(job: LedgerJob): LedgerJob {
  const { upstreamId, arm, replica, epoch, stage, submittedAt, owner, nameless, clientId, prefix } = job
  return { upstreamId, arm, replica, epoch, stage, submittedAt, owner, nameless, clientId, prefix }
}
