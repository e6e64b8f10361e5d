/**
 * The one route that pages of other sites may call: CORS for it, and a write-only key in place of a role. The key says
 * who posts, and opens nothing else.
 */
import type { MiddlewareHandler } from 'hono'
import type { Caller } from '../auth/caller.ts'
import type { Role } from '../auth/roles.ts'
import { presentedKey, readEventKeys, findToken } from '../auth/tokens.ts'
import { SluiceError } from '../core/errors.ts'
import type { ControlDeps } from './deps.ts'
import { keyLimitsOf } from './key-limits.ts'
import { type ControlEnv, requireRole } from './pipeline.ts'

const PREFLIGHT_SECONDS = '86400'

/** No credentials of the browser's are let in: with `*` a browser sends none, and a bearer token is the page's own. */
export const openToPages: MiddlewareHandler<ControlEnv> = async (c, next) => {
  c.header('access-control-allow-origin', '*')
  if (c.req.method !== 'OPTIONS') return next()
  c.header('access-control-allow-methods', 'POST')
  c.header('access-control-allow-headers', 'content-type, x-sluice-key')
  c.header('access-control-max-age', PREFLIGHT_SECONDS)
  return c.body(null, 204)
}

export function requireRoleOrKey(deps: ControlDeps, role: Role): MiddlewareHandler<ControlEnv> {
  const needsRole = requireRole(deps, role)
  return async (c, next) => {
    const shown = presentedKey(c.req.raw)
    if (shown === null) return needsRole(c, next)
    const held = readEventKeys(deps.readEnv(c.env).eventKeys)
    if (held.unreadable) {
      throw new SluiceError('config_invalid', 'the secret SLUICE_EVENT_KEYS is not valid', { details: held.issues })
    }
    const key = findToken(held.entries, shown)
    if (!key) throw new SluiceError('unauthenticated', 'the key is not known here')
    const who = `key:${key.name}`
    keyLimitsOf(c.var.config).takeBatch(who, addressOf(c.req.raw), deps.now())
    c.set('caller', { who, role: 'viewer', credential: 'explicit' })
    return next()
  }
}

/** Whether a page posts, with a key that everybody can read in it. */
export function isPage(caller: Caller): boolean {
  return caller.who.startsWith('key:')
}

/** As Cloudflare names it; clients can't set it there. */
export function addressOf(request: Request): string {
  return request.headers.get('cf-connecting-ip') ?? ''
}
