/**
 * Browser sessions: a signed cookie that stands for a static token and dies with it. Nothing is stored. The value
 * tells name and expiry; the signature also covers the token's role and hash, so changing either ends the session.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { cookieOf } from '../auth/caller.ts'
import type { StaticToken } from '../auth/tokens.ts'
import { base64url, fromBase64url } from '../core/base64url.ts'

const LIFETIME_SECONDS = 8 * 3600

/** The cookie's value: `NAME~EXPIRY~SIGNATURE`, expiry in unix seconds. */
export async function sealSession(token: StaticToken, key: string, nowMs: number): Promise<string> {
  const expiry = Math.floor(nowMs / 1000) + LIFETIME_SECONDS
  const signature = await crypto.subtle.sign('HMAC', await hmacKey(key), signedText(token, expiry))
  return `${token.name}~${expiry}~${base64url(new Uint8Array(signature))}`
}

/** The token that the cookie stands for, or null where it is forged, expired, or its token is gone. */
export async function openSession(
  value: string,
  tokens: readonly StaticToken[],
  keys: readonly string[],
  nowMs: number,
): Promise<StaticToken | null> {
  const [name, expiryText, sealed, ...rest] = value.split('~')
  // While a token is rotated, its name is held twice.
  const named = tokens.filter((candidate) => candidate.name === name)
  const expiry = Number(expiryText)
  const signature = fromBase64url(sealed ?? '')
  if (named.length === 0 || !signature || rest.length > 0 || !(expiry * 1000 > nowMs)) return null
  for (const key of keys) {
    const hmac = await hmacKey(key)
    for (const token of named) {
      const good = await crypto.subtle.verify('HMAC', hmac, new Uint8Array(signature), signedText(token, expiry))
      if (good) return token
    }
  }
  return null
}

/** Secure and bound to the host on https; browsers take that on plain http nowhere, so loopback gets a plain cookie. */
export function sessionCookie(url: URL, value: string): string {
  const secure = url.protocol === 'https:'
  const maxAge = value === '' ? 0 : LIFETIME_SECONDS
  return `${cookieName(url)}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAge}${secure ? '; Secure' : ''}`
}

export function readSessionCookie(url: URL, cookies: string | null): string | null {
  return cookieOf(cookies, cookieName(url))
}

/** Whether a session may be started here: over https, or without a network in between. */
export function mayHoldSession(url: URL): boolean {
  return url.protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)
}

function cookieName(url: URL): string {
  return url.protocol === 'https:' ? '__Host-sluice_session' : 'sluice_session'
}

function signedText(token: StaticToken, expiry: number): Uint8Array<ArrayBuffer> {
  return utf8(['sluice-session-v1', token.name, token.role, token.sha256, expiry].join('\n'))
}

function hmacKey(key: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', utf8(key), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(utf8ToBytes(text))
}
