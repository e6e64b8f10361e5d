/**
 * Who calls with control-plane credentials, and in which role: a static token or a signed one. The gateway asks
 * this for `x-sluice-arm`, the control plane for everything; browser sessions are the control plane's alone.
 */
import { rememberedBy } from '../core/remembered.ts'
import type { SluiceSettings } from '../config/sluice-schema.ts'
import type { JwksDeps } from './jwks.ts'
import { looksLikeJwt, type Unverified, verifyUser } from './jwt.ts'
import { type Role, roleOf } from './roles.ts'
import { bearerOf, findToken, MAX_CREDENTIAL_CHARS, type StaticToken } from './tokens.ts'

export interface Caller {
  /** `token:NAME` or `user:SUBJECT`, as history shows it. */
  who: string
  role: Role
  /** `ambient`: sent by the browser or put in by Access without the page's doing, so that Origin has to be checked. */
  credential: 'explicit' | 'ambient'
}

export type CallerResult =
  | { ok: true; caller: Caller }
  | Unverified
  | { ok: false; code: 'unauthenticated' | 'forbidden'; message: string; fault?: undefined }

export interface CallerConfig {
  tokens: readonly StaticToken[]
  controlPlane: SluiceSettings['controlPlane']
}

interface Headers {
  get(name: string): string | null
}

export async function callerOf(headers: Headers, config: CallerConfig, deps: JwksDeps): Promise<CallerResult> {
  const bearer = bearerOf(headers.get('authorization'))
  const explicit = bearer === null ? null : await byBearer(bearer, config, deps)
  if (explicit?.ok) return explicit
  // A user's bearer token may stand beside what Access has put in; a cookie helps nobody who sends a wrong one.
  const cookie = explicit ? null : cookieOf(headers.get('cookie'), 'CF_Authorization')
  const access = headers.get('cf-access-jwt-assertion') ?? cookie
  if (access) return operator(access, 'ambient', config, deps)
  if (explicit) return explicit
  return { ok: false, code: 'unauthenticated', message: 'credentials are missing: a bearer token, or log in' }
}

async function byBearer(bearer: string, config: CallerConfig, deps: JwksDeps): Promise<CallerResult> {
  const token = findToken(config.tokens, bearer)
  if (token) return { ok: true, caller: { who: `token:${token.name}`, role: token.role, credential: 'explicit' } }
  if (looksLikeJwt(bearer)) return operator(bearer, 'explicit', config, deps)
  return { ok: false, code: 'unauthenticated', message: 'the token is not known here' }
}

async function operator(
  token: string,
  credential: Caller['credential'],
  config: CallerConfig,
  deps: JwksDeps,
): Promise<CallerResult> {
  if (!config.controlPlane)
    return { ok: false, code: 'unauthenticated', message: 'signed tokens are not accepted here' }
  const verified = await verifyUser(token, config.controlPlane, deps)
  if (!verified.ok) return verified
  const { claims } = verified
  const { roleClaim } = config.controlPlane
  const role = roleOf(claimAt(claims, roleClaim))
  if (!role) return { ok: false, code: 'forbidden', message: `the claim ${roleClaim} holds no role of Sluice` }
  return { ok: true, caller: { who: `user:${claims.sub}`, role, credential } }
}

/**
 * Whether the Authorization header is a credential for Sluice itself, in whatever form a static token stands in it
 * (`Bearer`, `Token`, Basic, bare), or a signed token that the control plane accepts. A header of several credentials
 * counts as one unread, since nobody but Sluice may be shown the one of them that may be Sluice's.
 */
export function isOwnCredential(headers: Headers, config: CallerConfig, deps: JwksDeps): boolean | Promise<boolean> {
  const header = headers.get('authorization')
  if (header === null) return false
  if (holdsToken(config.tokens, header)) return true
  if (!config.controlPlane) return false
  const bearer = bearerOf(header)
  if (bearer === null || !looksLikeJwt(bearer)) return false
  return verifyUser(bearer, config.controlPlane, deps).then(({ ok }) => ok)
}

/** A client sends the same header with each request, so what it holds is found out once, until the tokens change. */
const holdsToken = rememberedBy({ entries: 1000, chars: 1024 }, (tokens: readonly StaticToken[], header) => {
  const shown = credentialIn(header)
  return shown === 'several' || shown.some((part) => findToken(tokens, part) !== null)
})

/**
 * What may be a static token, each character at most once: the one credential, or name and password of Basic; nothing
 * in a scheme of parameters (`Digest a="b", c=d`). Two headers of this name arrive as one with a comma in it.
 */
function credentialIn(header: string): string[] | 'several' {
  const whole = header.trim()
  const blank = whole.search(/\s/)
  const value = blank < 0 ? whole : whole.slice(blank).trim()
  if (/[\s,]/.test(value)) {
    const parameters = value.replaceAll(/"[^"]*"/g, '""').split(',')
    return parameters.every((each) => PARAMETER.test(each.trim())) ? [] : 'several'
  }
  const isBasic = /^basic\s/i.test(whole)
  return (isBasic ? nameAndPassword(value) : null) ?? [value]
}

const PARAMETER = /^[\w!#$%&'*+.^`|~-]+\s*=\s*\S*$/

/** `user:password` in base64, as Basic has it; null for what is none. */
function nameAndPassword(value: string): string[] | null {
  try {
    const pair = atob(value)
    const colon = pair.indexOf(':')
    if (colon < 0 || /\p{Cc}/u.test(pair)) return null
    return [pair.slice(0, colon), pair.slice(colon + 1)].filter((part) => part !== '')
  } catch {
    return null
  }
}

/** A claim by its dotted path: Cloudflare Access puts an identity provider's claims under `custom`. */
function claimAt(claims: object, path: string): unknown {
  const whole = Object.entries(claims).find(([name]) => name === path)
  if (whole) return whole[1]
  return path.split('.').reduce<unknown>((value, name) => {
    const isTable = typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    return isTable ? (value as Record<string, unknown>)[name] : undefined
  }, claims)
}

/** One cookie's value out of a Cookie header; null where it is missing, empty or absurdly long. */
export function cookieOf(header: string | null, name: string): string | null {
  for (const part of header?.split(';') ?? []) {
    const [key, value] = part.trim().split(/=(.*)/s)
    if (key === name && value && value.length <= MAX_CREDENTIAL_CHARS) return value
  }
  return null
}
