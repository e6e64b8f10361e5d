/** Jobs that a submit refers to (remix, extension, edit): they decide its arm, and their ids are opened for the backend. */
import { SluiceError } from '../core/errors.ts'
import type { Route, Submission } from '../protocols/protocol.ts'
import type { Exchange } from './exchange.ts'
import type { JobRuntime } from './isolate.ts'
import { type OwnedJob, resolveJob } from './owned-job.ts'
import { locateJob } from './rescue.ts'
import type { Subject } from './subject.ts'

export interface Referred {
  /** The job that decides release and arm; null where the submit stands for itself. */
  owner: OwnedJob | null
  /** Client id → backend id. */
  ids: Map<string, string>
}

/** All must be of one backend, since none knows another's jobs. Throws `job_not_found` as a poll would. */
export async function referredJobs(
  ctx: Exchange,
  runtimes: readonly JobRuntime[],
  route: Route,
  submission: Submission,
  subject: Subject,
): Promise<Referred> {
  const clientIds = new Set([...(route.job === null ? [] : [route.job]), ...submission.jobs])
  const ids = new Map<string, string>()
  let owner: OwnedJob | null = null
  for (const clientId of clientIds) {
    // One that was rescued is control's by now.
    const job = await locateJob(await resolveJob(ctx, runtimes, clientId, subject), route)
    ids.set(clientId, job.upstreamId)
    if (owner && (owner.runtime !== job.runtime || owner.arm !== job.arm || owner.replica !== job.replica)) {
      throw new SluiceError('invalid_request', 'the jobs referred to are not on the same backend')
    }
    owner = job
  }
  return { owner, ids }
}
