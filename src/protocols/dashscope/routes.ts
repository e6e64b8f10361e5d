/** Operations of Model Studio's API by method and path: services make jobs, and all jobs stand below `tasks`. */
import { apiEnd, asServersRead, decodedSegment, plainSpelling } from '../path-spelling.ts'
import type { Route } from '../protocol.ts'

const API = '/api/v1'
const TASKS = 'tasks'
/** The last word of a service that makes a job. */
const MAKES_JOB = /^(video|image)-synthesis$/

type Kind = Pick<Route, 'operation' | 'body' | 'answer'>
type Unprefixed = Omit<Route, 'prefix'>

const SUBMIT: Kind = { operation: 'submit', body: 'submission', answer: 'job' }
const POLL: Kind = { operation: 'poll', body: 'none', answer: 'job' }
const CANCEL: Kind = { operation: 'cancel', body: 'none', answer: 'deletion' }
const LIST: Kind = { operation: 'list', body: 'none', answer: 'list' }

/** Never throws: a path that is not of this wire is `other` and passes, in its plain spelling. */
export function routeDashscope(method: string, given: string): Route {
  const plain = plainSpelling(given)
  const path = apiEnd(plain, API) > 0 ? plain : asServersRead(plain)
  const end = apiEnd(path, API)
  if (end === 0) return { ...passed(method, plain), prefix: '' }
  const prefix = path.slice(0, end - API.length)
  return { ...routeBelow(method, prefix + API, path.slice(end)), prefix }
}

/** `below`: with its slash, '' for the job itself. */
export function jobPath(prefix: string, id: string, below = ''): string {
  return `${prefix}${API}/${TASKS}/${encodeURIComponent(id)}${below}`
}

function routeBelow(method: string, base: string, below: string): Unprefixed {
  const [group = '', ...segments] = below.slice(1).replace(/\/$/, '').split('/')
  if (group.toLowerCase() === TASKS) return routeTasks(method, `${base}/${TASKS}`, segments)
  const isSubmit = method === 'POST' && group === 'services' && MAKES_JOB.test(segments.at(-1) ?? '')
  return isSubmit ? fixed(SUBMIT, base + below.replace(/\/$/, '')) : passed(method, base + below)
}

function routeTasks(method: string, base: string, segments: string[]): Unprefixed {
  if (segments.length === 0) return method === 'GET' ? fixed(LIST, `${base}/`) : passed(method, `${base}/`)
  const isRead = method === 'GET' || method === 'HEAD'
  // What stands below the id could lead a server out of it again, so all of it is one id that is none.
  const isOdd = segments.slice(1).some((segment) => /%(2f|5c|00)/i.test(segment))
  const [id = '', ...rest] = isOdd ? [segments.join('/')] : segments
  const job = decodedSegment(id)
  const isCancel = method === 'POST' && rest.length === 1 && rest[0] === 'cancel'
  const kind = isCancel ? CANCEL : isRead && rest.length === 0 ? POLL : { ...other(method), answer: 'json' as const }
  return { ...kind, job, upstreamPath: (own) => [base, encodeURIComponent(own ?? job), ...rest].join('/') }
}

function fixed(kind: Kind, path: string): Unprefixed {
  return { ...kind, job: null, upstreamPath: () => path }
}

function other(method: string): Kind {
  return { operation: 'other', body: method === 'GET' || method === 'HEAD' ? 'none' : 'stream', answer: 'bytes' }
}

/** A request that goes through unread. */
function passed(method: string, path: string): Unprefixed {
  return fixed(other(method), path)
}
