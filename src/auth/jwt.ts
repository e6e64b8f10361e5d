/**
 * Signed tokens of users and of operators: signature, issuer, audience and times checked by jose with
 * every option set (RFC 8725). What a claim allows is decided by the callers.
 */
import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose'
import { detail, type ErrorDetail } from '../core/errors.ts'
import type { VerifierConfig } from '../config/sluice-schema.ts'
import { type JwksDeps, keysFor } from './jwks.ts'
import { MAX_CREDENTIAL_CHARS } from './tokens.ts'

type Claims = JWTPayload & { sub: string; exp: number; iat: number }

export interface Unverified {
  ok: false
  code: 'unauthenticated' | 'identity_unavailable'
  message: string
  /** Where the token is good but for the time: `token_expired`, `token_too_old` or `token_not_yet_valid`. */
  fault?: ErrorDetail
}
export type Verified = { ok: true; claims: Claims } | Unverified

const CLOCK_TOLERANCE_SECONDS = 30
const MAX_TOKEN_AGE_HOURS = 24
const MAX_TOKEN_AGE_SECONDS = MAX_TOKEN_AGE_HOURS * 3600
/** Verified tokens are remembered no longer than this, so that a key that was withdrawn loses its effect. */
const REMEMBER_MS = 5 * 60_000
const REMEMBER_TOKENS = 1000

type Remembered = Map<string, { claims: Claims; untilMs: number }>
const rememberedBy = new WeakMap<VerifierConfig, Remembered>()

/** Whether a credential has the shape of a signed token: three parts. */
export function looksLikeJwt(credential: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(credential)
}

export async function verifyUser(token: string, config: VerifierConfig, deps: JwksDeps): Promise<Verified> {
  if (token.length > MAX_CREDENTIAL_CHARS) return refused('the token is longer than 8 KB')
  let remembered = rememberedBy.get(config)
  if (!remembered) rememberedBy.set(config, (remembered = new Map()))
  const known = remembered.get(token)
  if (known && known.untilMs > deps.now()) return { ok: true, claims: known.claims }
  remembered.delete(token)
  const verified = await verify(token, config, deps)
  if (verified.ok) remember(remembered, token, verified.claims, deps.now())
  return verified
}

async function verify(token: string, config: VerifierConfig, deps: JwksDeps): Promise<Verified> {
  const read = unverified(token)
  if (!read) return refused('not a signed token')
  const { header, issuer } = read
  // Another issuer's token: its key is not listed here, and to look for it would hold the request up for nothing.
  if (issuer !== config.issuer) return refused("the token's claim iss is not accepted")
  if (!header.alg || !config.algorithms.includes(header.alg))
    return refused('the token is signed in a way not accepted')
  const found = await keysFor(config.jwksUrl, header.kid ?? null, deps)
  if (!found.ok && found.why === 'unknown_key')
    return refused('the token is signed with a key that the issuer does not list')
  if (!found.ok) return { ok: false, code: 'identity_unavailable', message: "the issuer's keys can't be fetched" }
  try {
    const { payload } = await jwtVerify(token, found.keys, {
      algorithms: config.algorithms,
      issuer: config.issuer,
      audience: config.audience,
      requiredClaims: ['exp', 'iat', 'sub'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      maxTokenAge: MAX_TOKEN_AGE_SECONDS,
      currentDate: new Date(deps.now()),
    })
    return hasSubject(payload) ? { ok: true, claims: payload } : refused('the token names no subject')
  } catch (error) {
    return mistimed(error) ?? refused(reasonOf(error))
  }
}

/** What a token says of itself before anything of it is proven; null where it is none. */
function unverified(token: string): { header: { alg?: string; kid?: string }; issuer: string | undefined } | null {
  try {
    return { header: decodeProtectedHeader(token), issuer: decodeJwt(token).iss }
  } catch {
    return null
  }
}

function hasSubject(payload: JWTPayload): payload is Claims {
  return typeof payload.sub === 'string' && payload.sub.length > 0 && payload.sub.length <= 256
}

/** What is wrong with its times, which its signature covers; null where that is not it. */
function mistimed(error: unknown): Verified | null {
  if (!(error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired)) return null
  if (error.reason !== 'check_failed') return null
  const isPast = error instanceof errors.JWTExpired
  const { exp, iat, nbf } = error.payload
  const made = `the token is of ${instantOf(iat)}`
  switch (error.claim) {
    case 'exp':
      return faulty('token_expired', `the token expired at ${instantOf(exp)}`)
    case 'nbf':
      return faulty('token_not_yet_valid', `the token is not valid before ${instantOf(nbf)}`)
    case 'iat':
      return isPast
        ? faulty('token_too_old', `${made}: none is taken for more than ${MAX_TOKEN_AGE_HOURS} h`)
        : faulty('token_not_yet_valid', `${made}, which is still to come`)
    default:
      return null
  }
}

function faulty(code: string, message: string): Verified {
  return { ok: false, code: 'unauthenticated', message, fault: detail('', code, message) }
}

/** Unix seconds, of any size. */
function instantOf(seconds: number | undefined): string {
  const at = new Date((seconds ?? Number.NaN) * 1000)
  return Number.isNaN(at.getTime()) ? String(seconds) : at.toISOString()
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed) return `the token's claim ${error.claim} is not accepted`
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return 'the token names no key (kid), and the issuer lists several that it could be'
  if (error instanceof errors.JOSEError || error instanceof TypeError) return 'the signature of the token is not valid'
  throw error
}

function remember(remembered: Remembered, token: string, claims: Claims, nowMs: number): void {
  if (remembered.size >= REMEMBER_TOKENS) remembered.delete(remembered.keys().next().value!)
  const endMs = Math.min(claims.exp, claims.iat + MAX_TOKEN_AGE_SECONDS) * 1000
  remembered.set(token, { claims, untilMs: Math.min(endMs, nowMs + REMEMBER_MS) })
}

function refused(message: string): Verified {
  return { ok: false, code: 'unauthenticated', message }
}
