/**
 * Whose request it is, and which arm its sender may force. Of the sources of a subject the first that yields counts, in
 * the order of the configuration. Anonymous callers get a signed cookie; a tampered one is replaced, never trusted.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { type Caller, callerOf, isOwnCredential, cookieOf } from '../auth/caller.ts'
import type { JwksDeps } from '../auth/jwks.ts'
import { looksLikeJwt, verifyUser } from '../auth/jwt.ts'
import { atLeast } from '../auth/roles.ts'
import { bearerOf } from '../auth/tokens.ts'
import type { SubjectSource, VerifierConfig } from '../config/sluice-schema.ts'
import { subjectKey } from '../config/subject-key.ts'
import type { Arm } from '../core/arm.ts'
import { base64url } from '../core/base64url.ts'
import { detail, SluiceError } from '../core/errors.ts'
import type { IdKey, IdKeys } from '../core/id-keys.ts'
import { ownerOf } from '../core/job-id.ts'
import { equal } from '../core/seal.ts'
import type { Exchange } from './exchange.ts'

export async function identify(ctx: Exchange): Promise<Subject> {
  const { config, keys, deps } = ctx.isolate
  const forced = ctx.headers.has('x-sluice-arm') ? await forcedArm(ctx) : null
  ctx.forced = forced?.arm ?? null
  // A credential that was found good is not looked up again.
  ctx.ownCredential = forced?.credential === 'explicit' || (await isOwnCredential(ctx.headers, knownTo(ctx), deps))
  // Whoever forces an arm as a tester need not be a user as well; any other control-plane credential names no user.
  const claims = ctx.forced || !config.users ? {} : await claimsOf(ctx, config.users, deps)
  const source = sourceOf(ctx, claims)
  return { ...source, claims, owners: ownerOf(source.key, keys) as readonly [string, ...string[]] }
}

/** The arm that `x-sluice-arm` names, for callers who may. */
async function forcedArm(ctx: Exchange): Promise<{ arm: Arm; credential: Caller['credential'] }> {
  const wanted = ctx.headers.get('x-sluice-arm')
  const found = await callerOf(ctx.headers, knownTo(ctx), ctx.isolate.deps)
  if (!found.ok && found.code === 'identity_unavailable')
    throw new SluiceError(found.code, found.message, { headers: { 'retry-after': '5' } })
  if (!found.ok || !atLeast(found.caller.role, 'tester'))
    throw new SluiceError('override_not_allowed', 'x-sluice-arm needs credentials with the role tester or higher')
  if (wanted !== 'control' && wanted !== 'candidate') {
    const details = [detail('x-sluice-arm', 'unknown_arm', 'unknown arm')]
    throw new SluiceError('invalid_request', 'x-sluice-arm is control or candidate', { details })
  }
  return { arm: wanted, credential: found.caller.credential }
}

function knownTo(ctx: Exchange) {
  return { tokens: ctx.isolate.tokens, controlPlane: ctx.isolate.config.controlPlane }
}

export const SUBJECT_COOKIE = 'sluice_sid'

export interface Subject {
  /** What is hashed: the user's id, the cookie's id, or the address. */
  value: string
  /** Tells sources apart, so that a header can't speak for a cookie: part of a job's owner. */
  key: string
  /** How job ids name this subject: by the present signing key first, then by those before it. */
  owners: readonly [string, ...string[]]
  /** The caller showed nothing; `value` was made up for this answer. */
  anonymous: boolean
  /** To be set on the answer; null where there is nothing to set. */
  cookie: string | null
  claims: Record<string, unknown>
}

/** The first of the configured sources that yields; a caller without any is somebody new with each request. */
function sourceOf(ctx: Exchange, claims: Subject['claims']): Omit<Subject, 'claims' | 'owners'> {
  const { config, keys, deps } = ctx.isolate
  for (const source of config.subject) {
    const { kind } = source
    const value = valueIn(source, ctx, claims)
    if (typeof value === 'string' && value !== '')
      return { value, key: subjectKey(kind, value), anonymous: false, cookie: null }
    if (kind === 'cookie') {
      const id = deps.newId()
      return { value: id, key: subjectKey('cookie', id), anonymous: true, cookie: setCookie(id, keys, ctx.url) }
    }
  }
  const id = deps.newId()
  return { value: id, key: subjectKey('request', id), anonymous: true, cookie: null }
}

/** What a source yields, if anything. */
function valueIn(source: SubjectSource, { headers, isolate }: Exchange, claims: Subject['claims']): unknown {
  switch (source.kind) {
    case 'jwt':
      return claims[source.key]
    case 'header':
      return headers.get(source.key)
    case 'cookie':
      return openCookie(cookieOf(headers.get('cookie'), SUBJECT_COOKIE), isolate.keys)
    case 'ip':
      return headers.get('cf-connecting-ip')
  }
}

/** Verified claims of the user's token, which is required and must be good. */
async function claimsOf(
  { headers: asked }: Exchange,
  users: VerifierConfig,
  deps: JwksDeps,
): Promise<Subject['claims']> {
  const bearer = bearerOf(asked.get('authorization'))
  if (bearer === null || !looksLikeJwt(bearer)) {
    const headers = { 'www-authenticate': 'Bearer' }
    throw new SluiceError('unauthenticated', 'a signed bearer token is required', { headers })
  }
  const verified = await verifyUser(bearer, users, deps)
  if (verified.ok) return verified.claims
  const headers: Record<string, string> =
    verified.code === 'identity_unavailable'
      ? { 'retry-after': '5' }
      : { 'www-authenticate': 'Bearer error="invalid_token"' }
  const details = verified.fault ? [verified.fault] : []
  throw new SluiceError(verified.code, verified.message, { details, headers })
}

function setCookie(id: string, keys: IdKeys, url: Exchange['url']): string {
  const secure = url.protocol === 'https:' ? '; Secure' : ''
  return `${SUBJECT_COOKIE}=${id}.${macOf(id, keys[0]!)}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax${secure}`
}

function openCookie(value: string | null, keys: IdKeys): string | null {
  const [id, mac, ...more] = value?.split('.') ?? []
  if (!id || !mac || more.length > 0) return null
  return keys.some((key) => equal(macOf(id, key), mac)) ? id : null
}

function macOf(id: string, key: IdKey): string {
  return base64url(key.cookies(utf8ToBytes(id)).subarray(0, 18))
}
