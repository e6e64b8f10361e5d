/** Jobs that a submit refers to (remix, extension, edit): they decide its arm, and their ids are opened for the backend. */
import { SluiceError } from '../core/errors.ts'
import type { Route, Submission } from '../protocols/protocol.ts'
import type { Exchange } from './exchange.ts'
import type { JobLane } from './isolate.ts'
import { type OwnedJob, resolveJob } from './owned-job.ts'
import { whereNow } from './rescue.ts'
import type { Subject } from './subject.ts'

export interface Referred {
  /** The job that decides release and arm; null where the submit stands for itself. */
  owner: OwnedJob | null
  /** Client id → backend id. */
  ids: Map<string, string>
}

/** All must be of one backend, since none knows another's jobs. Throws `job_not_found` as a poll would. */
export async function referredJobs(
  x: Exchange,
  lanes: readonly JobLane[],
  route: Route,
  submission: Submission,
  subject: Subject,
): Promise<Referred> {
  const clientIds = new Set([...(route.job === null ? [] : [route.job]), ...submission.jobs])
  const ids = new Map<string, string>()
  let owner: OwnedJob | null = null
  for (const clientId of clientIds) {
    // One that was rescued is control's by now.
    const job = await whereNow(await resolveJob(x, lanes, clientId, subject), route)
    ids.set(clientId, job.upstreamId)
    if (owner && (owner.lane !== job.lane || owner.arm !== job.arm || owner.replica !== job.replica)) {
      throw new SluiceError('invalid_request', 'the jobs referred to are not on the same backend')
    }
    owner = job
  }
  return { owner, ids }
}
