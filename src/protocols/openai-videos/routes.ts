/** Operations of the OpenAI Videos wire by method and path, after whatever prefix the API is mounted under. */
import type { Route } from '../protocol.ts'

/** The shortest prefix that ends in `/v1/videos`, then what stands below it. */
const VIDEOS = /^((?:\/[^/]+)*?\/v1\/videos)(?:\/(.*))?$/
/** Names below `/v1/videos` that are no job ids. */
const COLLECTIONS = new Set(['sync', 'edits', 'extensions', 'characters', 'generations'])

/** `Route` without what follows from the rest. */
type Kind = Pick<Route, 'operation' | 'body' | 'answer'>

const SUBMIT: Kind = { operation: 'submit', body: 'submission', answer: 'job' }
const SYNC: Kind = { operation: 'sync', body: 'submission', answer: 'bytes' }
const LIST: Kind = { operation: 'list', body: 'none', answer: 'list' }
const POLL: Kind = { operation: 'poll', body: 'none', answer: 'job' }
const CONTENT: Kind = { operation: 'content', body: 'none', answer: 'bytes' }
const CANCEL: Kind = { operation: 'cancel', body: 'none', answer: 'deletion' }
const MAKE_CHARACTER: Kind = { operation: 'other', body: 'submission', answer: 'json' }
const READ_CHARACTER: Kind = { operation: 'other', body: 'none', answer: 'json' }

/** Never throws: a path that is not of this wire, or does not decode, is `other` and passes as it is. */
export function routeVideos(method: string, path: string): Route {
  const match = VIDEOS.exec(path)
  if (!match) return passed(method, path)
  const base = match[1] as string
  // A trailing slash would only bring FastAPI's redirect to an absolute URL of the backend.
  const segments = (match[2] ?? '').replace(/\/$/, '').split('/')
  const [first = '', second, ...deeper] = segments
  if (first === '') return segments.length > 1 ? passed(method, path) : routeCollection(method, base)
  if (COLLECTIONS.has(first)) return routeNamed(method, path, base, segments)
  const job = decoded(first)
  if (job === null) return passed(method, path)
  const rest = segments.slice(1)
  const withJob = (kind: Kind): Route => ({
    ...kind,
    job,
    upstreamPath: (id) => [base, encodeURIComponent(id ?? job), ...rest].join('/'),
  })
  const isRead = method === 'GET' || method === 'HEAD'
  if (second === undefined && isRead) return withJob(POLL)
  if (second === undefined && method === 'DELETE') return withJob(CANCEL)
  if (second === 'content' && deeper.length === 0 && isRead) return withJob(CONTENT)
  if (second === 'remix' && deeper.length === 0 && method === 'POST') return withJob(SUBMIT)
  return withJob(other(method))
}

/** Whether `video` in the body of this submit names an earlier job. */
export function refersToJobs(route: Route): boolean {
  return route.job === null && /\/v1\/videos\/(edits|extensions|characters)$/.test(route.upstreamPath(null))
}

function routeCollection(method: string, base: string): Route {
  if (method === 'POST') return fixed(SUBMIT, base)
  if (method === 'GET') return fixed(LIST, base)
  return passed(method, base)
}

function routeNamed(method: string, path: string, base: string, segments: string[]): Route {
  const [name, id, ...deeper] = segments
  const own = `${base}/${name}`
  if (method === 'POST' && id === undefined) {
    if (name === 'sync') return fixed(SYNC, own)
    if (name === 'edits' || name === 'extensions') return fixed(SUBMIT, own)
    if (name === 'characters') return fixed(MAKE_CHARACTER, own)
  }
  const character = name === 'characters' && id !== undefined && deeper.length === 0 ? decoded(id) : null
  if (character !== null && (method === 'GET' || method === 'HEAD')) {
    const upstreamPath = (upstreamId: string | null) => `${own}/${encodeURIComponent(upstreamId ?? character)}`
    return { ...READ_CHARACTER, job: character, upstreamPath }
  }
  return passed(method, path)
}

function fixed(kind: Kind, path: string): Route {
  return { ...kind, job: null, upstreamPath: () => path }
}

function other(method: string): Kind {
  return { operation: 'other', body: method === 'GET' || method === 'HEAD' ? 'none' : 'stream', answer: 'bytes' }
}

/** A request that goes through unread. */
function passed(method: string, path: string): Route {
  return fixed(other(method), path)
}

function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment)
  } catch {
    return null
  }
}
