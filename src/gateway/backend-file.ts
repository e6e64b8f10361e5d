/**
 * Files that a backend names by a URL outside the wire's own paths, such as `/files/out.mp4`: the client gets a
 * signed path that leads to the same backend, for the job's owner only, whatever the split has become.
 */
import { SluiceError } from '../core/errors.ts'
import { isTagged } from '../core/job-id.ts'
import type { Route } from '../protocols/protocol.ts'
import type { Exchange } from './exchange.ts'
import { jobNotFound, type OwnedJob, resolveTagged } from './owned-job.ts'
import type { Subject } from './subject.ts'

/** The tagged id of a file: what stands for the backend's id is its path. */
const SIGNED_PATH = /^\/([^/]+)(?:\/[^/]*)?$/

export const FILE_ROUTE: Route = {
  operation: 'other',
  job: '',
  body: 'none',
  answer: 'bytes',
  prefix: '',
  upstreamPath: (path) => path!,
}

/** `id`: signed for the file's path. The name at the end is for people and players. */
export function filePath(id: string, upstreamPath: string): string {
  return `/${id}/${upstreamPath.slice(upstreamPath.lastIndexOf('/') + 1)}`
}

/** The file that a path names; null for any other path. Throws `job_not_found` for what was altered or is somebody else's. */
export function fileOf(x: Exchange, subject: Subject): OwnedJob | null {
  const id = SIGNED_PATH.exec(x.url.pathname)?.[1]
  if (id === undefined || !isTagged(id)) return null
  if (!['GET', 'HEAD'].includes(x.request.method))
    throw new SluiceError('method_not_allowed', 'a file can only be read', { headers: { allow: 'GET, HEAD' } })
  const lanes = x.isolate.lanes.filter(({ protocol }) => protocol.hasJobs)
  const file = resolveTagged(x, lanes, id, subject)
  if (!file.upstreamId.startsWith('/')) throw jobNotFound()
  return file
}
