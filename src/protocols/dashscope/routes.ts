/** Operations of Model Studio's API by method and path: services make jobs, and all jobs stand below `tasks`. */
import { aboutJob, routeBelow } from '../path-spelling.ts'
import type { Route } from '../protocol.ts'
import { CANCEL, fixed, isRead, LIST, passed, POLL, SUBMIT, type Unprefixed, withIds } from '../route-kinds.ts'

const API = '/api/v1'
const TASKS = 'tasks'
/** The last word of a service that makes a job. */
const MAKES_JOB = /^(video|image)-synthesis$/

/** Never throws: a path that is not of this wire is `other` and passes, in its plain spelling. */
export function routeDashscope(method: string, given: string): Route {
  return routeBelow(API, method, given, (base, below) => routeService(method, base, below))
}

/** `below`: with its slash, '' for the job itself. */
export function jobPath(prefix: string, id: string, below = ''): string {
  return `${prefix}${API}/${TASKS}/${encodeURIComponent(id)}${below}`
}

function routeService(method: string, base: string, below: string): Unprefixed {
  const [group = '', ...segments] = below.slice(1).replace(/\/$/, '').split('/')
  if (group.toLowerCase() === TASKS) return routeTasks(method, `${base}/${TASKS}`, segments)
  const isSubmit = method === 'POST' && group === 'services' && MAKES_JOB.test(segments.at(-1) ?? '')
  return isSubmit ? fixed(SUBMIT, base + below.replace(/\/$/, '')) : passed(method, base + below)
}

function routeTasks(method: string, base: string, segments: string[]): Unprefixed {
  if (segments.length === 0) return method === 'GET' ? fixed(LIST, `${base}/`) : passed(method, `${base}/`)
  return aboutJob(base, segments, (below) => {
    if (method === 'POST' && below.length === 1 && below[0] === 'cancel') return CANCEL
    return isRead(method) && below.length === 0 ? POLL : withIds(method)
  })
}
