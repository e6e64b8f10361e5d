/** Jobs that a submit refers to (remix, extension, edit): they decide its arm, and their ids are opened for the backend. */
import { SluiceError } from '../core/errors.ts'
import type { Route, Submission } from '../protocols/protocol.ts'
import type { Exchange } from './exchange.ts'
import type { Lane } from './isolate.ts'
import { jobOf, type OwnedJob } from './owned-job.ts'
import type { Subject } from './subject.ts'

export interface Referred {
  /** The job that decides the arm; null where the submit stands for itself. */
  owner: OwnedJob | null
  /** Client id → backend id. */
  ids: Map<string, string>
  /** The job named in the path, by its backend's id. */
  inPath: string | null
}

/** All must be of one arm and replica, since no backend knows another's jobs. Throws `job_not_found` as a poll would. */
export function referredJobs(
  x: Exchange,
  lane: Lane,
  route: Route,
  submission: Submission,
  subject: Subject,
): Referred {
  const clientIds = [...(route.job === null ? [] : [route.job]), ...submission.jobs]
  const ids = new Map<string, string>()
  let owner: OwnedJob | null = null
  for (const clientId of clientIds) {
    const job = jobOf(x, lane, clientId, subject)
    ids.set(clientId, job.upstreamId)
    if (owner && (owner.arm !== job.arm || owner.replica !== job.replica)) {
      throw new SluiceError('invalid_request', 'the jobs referred to are not on the same backend')
    }
    owner = job
  }
  return { owner, ids, inPath: route.job === null ? null : ids.get(route.job)! }
}
