/**
 * The control plane as a Hono app: every path under `/_sluice`, in the order in which a request goes through it.
 * It mounts the route table, the browser's log-in and the dashboard; what they do stands elsewhere.
 */
import { Hono, type MiddlewareHandler } from 'hono'
import { SluiceError } from '../core/errors.ts'
import type { ControlDeps } from './deps.ts'
import { HEALTH_ROUTES } from './health.ts'
import { mountPages } from './pages.ts'
import {
  answerHeaders,
  CONTROL_PREFIX,
  type ControlEnv,
  errorAnswer,
  notFound,
  prepare,
  requireRole,
} from './pipeline.ts'
import { readBody, readQuery } from './read-request.ts'
import { type AnyRoute, queryOf } from './route.ts'
import { ROUTES } from './routes/index.ts'
import { openToPages, requireRoleOrKey } from './write-key.ts'

export function createControl(deps: ControlDeps): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  app.onError(errorAnswer(deps))
  app.use(answerHeaders(deps))
  // Before the methods, since a browser asks with one of its own.
  for (const route of ROUTES) if (route.openToPages) app.use(honoPath(route), openToPages)
  app.use(servedMethods(app))
  for (const health of HEALTH_ROUTES) {
    app.get(CONTROL_PREFIX + health.path, (c) => c.json(health.run(() => deps.readEnv(c.env))))
  }
  for (const route of ROUTES) mount(app, deps, route)
  app.all(`${CONTROL_PREFIX}/api/*`, notFound)
  mountPages(app, deps)
  app.all('*', notFound)
  return app
}

function mount(app: Hono<ControlEnv>, deps: ControlDeps, route: AnyRoute): void {
  const path = honoPath(route)
  const admit = route.openToPages ? requireRoleOrKey(deps, route.role) : requireRole(deps, route.role)
  app.on(route.method.toUpperCase(), path, prepare(deps), admit, async (c) => {
    const answer = await route.run({
      c,
      service: c.var.service,
      name: c.req.param('name') ?? '',
      query: readQuery(new URL(c.req.url), queryOf(route)),
      body: route.body && (await readBody(c.req.raw, route.body)),
      caller: c.var.caller,
      now: () => deps.now(),
    })
    return answer instanceof Response ? answer : c.json(answer)
  })
}

function honoPath({ path }: AnyRoute): string {
  return CONTROL_PREFIX + path.replaceAll(/\{(\w+)\}/g, ':$1')
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/**
 * 405 with `Allow` where a path is served, but not by this method. Read from the routes themselves, so that pages,
 * log-in and health are told like the API. Comes before any question of who asks.
 */
function servedMethods(app: Hono<ControlEnv>): MiddlewareHandler<ControlEnv> {
  return async (c, next) => {
    const served = METHODS.filter((method) =>
      app.router.match(method, c.req.path)[0].some(([[, r]]) => r.method === method),
    )
    // Whoever serves GET serves HEAD.
    const allowed = served.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    if (allowed.length > 0 && !allowed.includes(c.req.method)) {
      const allow = allowed.join(', ')
      throw new SluiceError('method_not_allowed', `this path takes ${allow}`, { headers: { allow } })
    }
    await next()
  }
}
