/** Operations of the OpenAI Videos wire by method and path, after whatever prefix the API is mounted under. */
import { aboutJob, leadsOut, routeBelow } from '../path-spelling.ts'
import type { Route } from '../protocol.ts'
import type { Kind, Unprefixed } from '../route-kinds.ts'
import { CANCEL, CONTENT, LIST, POLL, SUBMIT, fixed, isRead, passed, withIds } from '../route-kinds.ts'

export const API = '/v1/videos'
/** Names below `/v1/videos` that are no job ids. */
const COLLECTIONS = new Set(['sync', 'edits', 'extensions', 'characters', 'generations'])

const SYNC: Kind = { operation: 'sync', body: 'submission', answer: 'bytes' }
const MAKE_CHARACTER: Kind = { operation: 'other', body: 'submission', answer: 'json' }

/**
 * Never throws: a path that is not of this wire is `other` and passes, in its plain spelling. An id
 * that no job can have (with a slash in it, or that does not decode) is a job's all the same, so
 * that it is looked for and not found.
 */
export function routeVideos(method: string, given: string): Route {
  return routeBelow(API, method, given, (base, below) => routeVideo(method, base + below, base, below.slice(1)))
}

/** Whether `video` in the body of this submit names an earlier job. */
export function refersToJobs(route: Route): boolean {
  return route.job === null && /\/v1\/videos\/(edits|extensions|characters)$/.test(route.upstreamPath(null))
}

function routeVideo(method: string, path: string, base: string, below: string): Unprefixed {
  // A trailing slash would only bring FastAPI's redirect to an absolute URL of the backend.
  const segments = below.replace(/\/$/, '').split('/')
  const [first = '', second, ...deeper] = segments
  if (first === '' && method === 'POST') return fixed(SUBMIT, base)
  if (first === '') return method === 'GET' ? fixed(LIST, base) : passed(method, base)
  if (COLLECTIONS.has(first) && !leadsOut(segments.slice(1))) return routeNamed(method, path, base, segments)
  const ofJob = (kind: Kind) => aboutJob(base, segments, () => kind)
  if (second === undefined && isRead(method)) return ofJob(POLL)
  if (second === undefined && method === 'DELETE') return ofJob(CANCEL)
  if (second === 'content' && deeper.length === 0 && isRead(method)) return ofJob(CONTENT)
  if (second === 'remix' && deeper.length === 0 && method === 'POST') return ofJob(SUBMIT)
  return ofJob(withIds(method))
}

function routeNamed(method: string, path: string, base: string, segments: string[]): Unprefixed {
  const [name, id] = segments
  const own = `${base}/${name}`
  if (method === 'POST' && id === undefined) {
    if (name === 'sync') return fixed(SYNC, own)
    if (name === 'edits' || name === 'extensions') return fixed(SUBMIT, own)
    if (name === 'characters') return fixed(MAKE_CHARACTER, own)
  }
  if (name === 'characters' && id !== undefined) return aboutJob(own, segments.slice(1), () => withIds(method))
  return passed(method, path)
}
