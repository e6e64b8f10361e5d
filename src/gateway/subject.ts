/**
 * Who asks: the first source that yields, in the order of the configuration. Anonymous callers get
 * a signed cookie; a tampered one is replaced, never trusted.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { bearerOf } from '../auth/tokens.ts'
import { cookieOf } from '../auth/caller.ts'
import { looksLikeJwt, verifyUser } from '../auth/jwt.ts'
import type { JwksDeps } from '../auth/jwks.ts'
import type { SluiceConfig } from '../config/load.ts'
import { subjectKey } from '../config/subject-key.ts'
import { base64url } from '../core/base64url.ts'
import { SluiceError } from '../core/errors.ts'
import type { IdKey, IdKeys } from '../core/id-keys.ts'
import { ownerOf } from '../core/job-id.ts'
import { equal } from '../core/seal.ts'
import type { Exchange } from './exchange.ts'

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

type Asked = Pick<Exchange, 'headers' | 'url'>
type Users = NonNullable<SluiceConfig['users']>

export type SubjectDeps = JwksDeps & { newId: () => string }

/** `isTester`: the credentials are a tester's for Sluice itself, who need not be a user. */
export async function subjectOf(
  asked: Asked,
  config: SluiceConfig,
  keys: IdKeys,
  deps: SubjectDeps,
  isTester: boolean,
): Promise<Subject> {
  const claims = isTester || !config.users ? {} : await claimsOf(asked, config.users, deps)
  const source = sourceOf(asked, config, keys, claims, deps.newId)
  return { ...source, claims, owners: ownerOf(source.key, keys) as readonly [string, ...string[]] }
}

/** The first of the configured sources that yields; a caller without any is somebody new with each request. */
function sourceOf(
  { headers, url }: Asked,
  config: SluiceConfig,
  keys: IdKeys,
  claims: Record<string, unknown>,
  newId: () => string,
): Omit<Subject, 'claims' | 'owners'> {
  for (const source of config.subject) {
    const named = { anonymous: false, cookie: null }
    switch (source.kind) {
      case 'jwt': {
        const claim = claims[source.key]
        if (typeof claim === 'string' && claim !== '') return { ...named, value: claim, key: subjectKey('jwt', claim) }
        break
      }
      case 'header': {
        const value = headers.get(source.key)
        if (value) return { ...named, value, key: subjectKey('header', value) }
        break
      }
      case 'cookie': {
        const known = openCookie(cookieOf(headers.get('cookie'), SUBJECT_COOKIE), keys)
        if (known) return { ...named, value: known, key: subjectKey('cookie', known) }
        const id = newId()
        return {
          value: id,
          key: subjectKey('cookie', id),
          anonymous: true,
          cookie: setCookie(id, keys, url),
        }
      }
      case 'ip': {
        const ip = headers.get('cf-connecting-ip')
        if (ip) return { ...named, value: ip, key: subjectKey('ip', ip) }
        break
      }
    }
  }
  const id = newId()
  return { value: id, key: subjectKey('request', id), anonymous: true, cookie: null }
}

/** Verified claims of the user's token, which is required and must be good. */
async function claimsOf(asked: Asked, users: Users, deps: JwksDeps): Promise<Record<string, unknown>> {
  const bearer = bearerOf(asked.headers.get('authorization'))
  if (bearer === null || !looksLikeJwt(bearer)) {
    throw new SluiceError('unauthenticated', 'a signed bearer token is required', {
      headers: { 'www-authenticate': 'Bearer' },
    })
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

function setCookie(id: string, keys: IdKeys, url: Asked['url']): string {
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
