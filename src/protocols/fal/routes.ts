/** Operations of fal's queue by method and path. A submit names a model below an app; a job stands below the app alone. */
import { asServersRead, jobAt, plainSpelling } from '../path-spelling.ts'
import type { Route } from '../protocol.ts'
import { CANCEL, isRead, type Kind, passed, POLL, RESULT, SUBMIT, withIds } from '../route-kinds.ts'

/** What a result that is not there yet says, with status 400. */
export const STILL_IN_PROGRESS = 'Request is still in progress'

/** Apps of several models stand below one of these. */
const NAMESPACES = new Set(['workflows', 'comfy'])
const REQUESTS = 'requests'

/** Never throws: a path that is not of this wire is `other` and passes, in its plain spelling. */
export function routeFal(method: string, given: string): Route {
  const plain = plainSpelling(given)
  const found = jobIn(plain) ?? (plain.includes('%') ? jobIn(asServersRead(plain)) : null)
  if (found) return aboutJob(method, found)
  const path = plain.length > 1 ? plain.replace(/\/$/, '') : plain
  const app = appOf(path)
  if (method !== 'POST' || app === null) return { ...passed(method, plain), prefix: '' }
  return { ...SUBMIT, prefix: app, job: null, upstreamPath: (_, model = null) => (model === null ? path : `/${model}`) }
}

/** `/owner/alias`, or with a namespace before it, of a model's path; null where it names none. */
export function appOf(path: string): string | null {
  const segments = path.split('/').slice(1)
  const app = segments.slice(0, NAMESPACES.has(segments[0]!) ? 3 : 2)
  return app.length >= 2 && app.every((segment) => segment !== '') && app.length === (NAMESPACES.has(app[0]!) ? 3 : 2)
    ? `/${app.join('/')}`
    : null
}

/** `below`: with its slash, '' for the result. */
export function jobPath(app: string, id: string, below = ''): string {
  return `${app}/${REQUESTS}/${encodeURIComponent(id)}${below}`
}

interface NamedJob {
  app: string
  id: string
  /** What stands behind the id, with its slash. */
  below: string
}

/** The job that a path names; some servers route without regard to case, so such a job is its owner's only as well. */
function jobIn(path: string): NamedJob | null {
  const app = path.startsWith('/') ? appOf(path) : null
  if (app === null) return null
  const [word = '', id = '', ...below] = path
    .slice(app.length + 1)
    .replace(/\/$/, '')
    .split('/')
  if (word.toLowerCase() !== REQUESTS || id === '') return null
  const named = jobAt([id, ...below])
  return { app, id: named.job, below: named.below.map((segment) => `/${segment}`).join('') }
}

function aboutJob(method: string, { app, id, below }: NamedJob): Route {
  return {
    ...kindOf(method, below),
    prefix: app,
    job: id,
    upstreamPath: (upstreamId, model = null) =>
      jobPath(model === null ? app : (appOf(`/${model}`) ?? app), upstreamId ?? id, below),
  }
}

function kindOf(method: string, below: string): Kind {
  if (isRead(method) && below === '/status') return POLL
  if (isRead(method) && below === '') return RESULT
  if (method === 'PUT' && below === '/cancel') return CANCEL
  return withIds(method)
}
