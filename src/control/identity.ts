/**
 * Who a control-plane request comes from, and whether they may do it: session cookie, static token or signed token
 * → caller, or the refusal as a SluiceError. Roles of single routes stand in the route table.
 */
import { type Caller, type CallerConfig, callerOf } from '../auth/caller.ts'
import { signingKeys } from '../auth/keys.ts'
import type { JwksDeps } from '../auth/jwks.ts'
import { atLeast, type Role } from '../auth/roles.ts'
import { readTokens } from '../auth/tokens.ts'
import type { SluiceConfig } from '../config/load.ts'
import { SluiceError } from '../core/errors.ts'
import type { ControlSettings } from './deps.ts'
import { openSession, readSessionCookie } from './session.ts'

export interface IdentityConfig extends CallerConfig {
  cookieKeys: readonly string[]
}

/** Throws `config_invalid` or `auth_not_configured` where nobody could ever be known, for a slip or for want of any. */
export function identityConfig(settings: ControlSettings, config: SluiceConfig): IdentityConfig {
  const slip = lockedOut(settings, config)
  if (slip) throw slip
  const { entries: tokens } = readTokens(settings.tokens)
  if (tokens.length === 0 && !config.controlPlane) {
    const message = 'set the secret SLUICE_TOKENS or [vars.SLUICE.auth.control_plane] to use the control plane'
    throw new SluiceError('auth_not_configured', message)
  }
  return { tokens, cookieKeys: signingKeys(settings.cookieKey), controlPlane: config.controlPlane }
}

/** Why nobody can be known although tokens were meant to be: each entry is wrong. Null where somebody can. */
export function lockedOut(settings: ControlSettings, config: SluiceConfig): SluiceError | null {
  const { entries, issues } = readTokens(settings.tokens)
  if (entries.length > 0 || issues.length === 0 || config.controlPlane) return null
  return new SluiceError('config_invalid', 'the secret SLUICE_TOKENS holds no token that is valid', { details: issues })
}

export async function identify(request: Request, config: IdentityConfig, deps: JwksDeps): Promise<Caller> {
  return (await sessionCaller(request, config, deps.now())) ?? (await credentialCaller(request, config, deps))
}

async function sessionCaller(request: Request, config: IdentityConfig, nowMs: number): Promise<Caller | null> {
  if (request.headers.has('authorization')) return null
  const value = readSessionCookie(new URL(request.url), request.headers.get('cookie'))
  const token = value === null ? null : await openSession(value, config.tokens, config.cookieKeys, nowMs)
  return token && { who: `token:${token.name}`, role: token.role, credential: 'ambient' }
}

async function credentialCaller(request: Request, config: IdentityConfig, deps: JwksDeps): Promise<Caller> {
  const result = await callerOf(request.headers, config, deps)
  if (result.ok) return result.caller
  const details = result.fault ? [result.fault] : []
  throw new SluiceError(result.code, result.message, { details, headers: headersOf(result.code) })
}

function headersOf(code: 'unauthenticated' | 'identity_unavailable' | 'forbidden'): Record<string, string> {
  if (code === 'unauthenticated') return { 'www-authenticate': 'Bearer realm="sluice"' }
  return code === 'identity_unavailable' ? { 'retry-after': '5' } : {}
}

/** Throws `forbidden`, or `origin_mismatch` where a page elsewhere makes a browser change something here. */
export function authorise(request: Request, caller: Caller, needed: Role): void {
  requireAtLeast(needed, caller)
  if (caller.credential === 'ambient') requireOwnOrigin(request)
}

/** Throws `forbidden`. */
export function requireAtLeast(needed: Role, { role }: Caller): void {
  if (!atLeast(role, needed))
    throw new SluiceError('forbidden', `this needs the role ${needed}; the caller's role is ${role}`)
}

/** Browsers name the origin in every request that changes something; other clients have no ambient credentials. */
export function requireOwnOrigin(request: Request): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  if (request.headers.get('origin') === new URL(request.url).origin) return
  throw new SluiceError('origin_mismatch', "changes with a browser's credentials must come from this site's own pages")
}
