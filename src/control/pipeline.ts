/**
 * What every request of the control plane goes through: an id, the configuration, the caller, the role; and every
 * failure on its way out. No route knows of these steps.
 */
import type { ErrorHandler, MiddlewareHandler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Caller } from '../auth/caller.ts'
import type { Role } from '../auth/roles.ts'
import type { Env } from '../config/env.ts'
import type { ConfigResult, SluiceConfig } from '../config/load.ts'
import { SluiceError } from '../core/errors.ts'
import { wellFormedRequestId } from '../core/request-id.ts'
import type { ControlDeps } from './deps.ts'
import { failurePage, wantsPage } from './failure-page.ts'
import { authorise, identify, type IdentityConfig, identityConfig } from './identity.ts'
import { type ControlService, controlService } from './service.ts'

export const CONTROL_PREFIX = '/_sluice'

export interface ControlEnv {
  Bindings: Env
  Variables: {
    requestId: string
    config: SluiceConfig
    identity: IdentityConfig
    service: ControlService
    caller: Caller
  }
}

export function answerHeaders(deps: ControlDeps): MiddlewareHandler<ControlEnv> {
  return async (c, next) => {
    c.set('requestId', wellFormedRequestId(c.req.header('x-request-id')) ?? deps.newId())
    await next()
    if (!c.res.headers.has('cache-control')) c.header('cache-control', 'no-store')
    c.header('x-request-id', c.var.requestId)
    c.header('x-content-type-options', 'nosniff')
  }
}

/** Configuration and secrets that can be worked with, or 503. Nobody is known yet. */
export function prepare(deps: ControlDeps): MiddlewareHandler<ControlEnv> {
  return async (c, next) => {
    const settings = deps.readEnv(c.env)
    if (!settings.config.ok) throw invalidConfig(settings.config.issues)
    const { config } = settings.config
    c.set('config', config)
    c.set('identity', identityConfig(settings, config))
    c.set('service', controlService(deps, c.env, settings, config))
    await next()
  }
}

export function requireRole(deps: ControlDeps, role: Role): MiddlewareHandler<ControlEnv> {
  return async (c, next) => {
    const caller = await identify(c.req.raw, c.var.identity, deps)
    authorise(c.req.raw, caller, role)
    c.set('caller', caller)
    await next()
  }
}

export function invalidConfig(issues: (ConfigResult & { ok: false })['issues']): SluiceError {
  return new SluiceError('config_invalid', 'the configuration is not valid; nothing is routed until it is', {
    details: issues,
  })
}

export function notFound(): never {
  throw new SluiceError('not_found', 'nothing is served at this path')
}

/** A SluiceError as its own body or page; anything else as 500 without a word of what it was, which stands in the log. */
export function errorAnswer(deps: ControlDeps): ErrorHandler<ControlEnv> {
  return (thrown, c) => {
    const known = thrown instanceof SluiceError
    const error = known ? thrown : new SluiceError('internal', 'something went wrong inside Sluice', { cause: thrown })
    const requestId = c.var.requestId
    if (error.status >= 500) {
      deps.log({
        level: 'error',
        event: 'control_plane_error',
        request_id: requestId,
        method: c.req.method,
        path: c.req.path,
        code: error.code,
        message: error.message,
        cause: error.cause instanceof Error ? error.cause.message : null,
        ...(known ? {} : { stack: thrown.stack ?? null }),
      })
    }
    if (wantsPage(c)) return failurePage(c, error)
    return c.json(error.body(requestId), error.status as ContentfulStatusCode, error.headers)
  }
}
