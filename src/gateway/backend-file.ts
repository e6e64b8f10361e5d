/**
 * Files that a backend names by a URL outside the wire's own paths, such as `/files/out.mp4`: the client gets a
 * path of the gateway's that leads to the same backend, for the job's owner only, whatever the split has become.
 */
import { SluiceError } from '../core/errors.ts'
import { isTagged, openFileId } from '../core/job-id.ts'
import type { Route } from '../protocols/protocol.ts'
import type { Exchange } from './exchange.ts'
import { hasJobs } from './isolate.ts'
import { type OwnedJob, resolveFile } from './owned-job.ts'
import type { Subject } from './subject.ts'

/** The tagged id of a file, and its name. */
const FILE_PATH = /^\/([^/]+)(?:\/[^/]*)?$/

export const FILE_ROUTE: Route = {
  operation: 'other',
  job: '',
  body: 'none',
  answer: 'bytes',
  prefix: '',
  upstreamPath: (path) => path!,
}

/** A file that a wire names together with the job that made it (`path#job`): its download is the job's content. */
export function outputOf(file: OwnedJob, search: string): { job: OwnedJob; route: Route } {
  const [path = '', job] = file.upstreamId.split('#')
  const route = { ...FILE_ROUTE, search, upstreamPath: () => path }
  if (job === undefined) return { job: file, route }
  return { job: { ...file, upstreamId: decodeURIComponent(job) }, route: { ...route, operation: 'content' } }
}

/** `id`: sealed for the file's path (`sealFileId`). Players go by the ending; the backend's own name often holds its id. */
export function filePath(id: string, upstreamPath: string): string {
  return `/${id}/file${upstreamPath.slice(upstreamPath.lastIndexOf('.'))}`
}

/**
 * The file that a path names; null for any other path. `offers`: how the wires read it, of which some have a job's id where
 * a file's stands. Throws `job_not_found` for what was altered or is somebody else's.
 */
export function fileOf(ctx: Exchange, subject: Subject, offers: readonly { route: Route }[]): OwnedJob | null {
  const id = FILE_PATH.exec(ctx.url.pathname)?.[1]
  if (id === undefined || !isTagged(id)) return null
  if (openFileId(id, ctx.isolate.keys) === null && offers.some(({ route }) => route.job === id)) return null
  if (!['GET', 'HEAD'].includes(ctx.method))
    throw new SluiceError('method_not_allowed', 'a file can only be read', { headers: { allow: 'GET, HEAD' } })
  const runtimes = ctx.isolate.runtimes.filter(hasJobs)
  return resolveFile(ctx, runtimes, id, subject)
}
