/**
 * 405 with `Allow` where a path is served, but not by this method. Read from the routes themselves, so that pages,
 * log-in and health are told like the API. Comes before any question of who asks.
 */
import type { Hono, MiddlewareHandler } from 'hono'
import { SluiceError } from '../core/errors.ts'
import type { ControlEnv } from './pipeline.ts'

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

export function servedMethods(app: Hono<ControlEnv>): MiddlewareHandler<ControlEnv> {
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
