/**
 * Static bearer tokens, the secret SLUICE_TOKENS, and the write-only keys of SLUICE_EVENT_KEYS, which may stand in a page
 * and let their holder post events and nothing else; each read entry by entry, and looked up by its hash. Plain tokens are
 * kept nowhere.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import * as v from 'valibot'
import { equal } from '../core/seal.ts'
import { type Held, hashedEntries, readHeld } from './held-entries.ts'
import { ROLES } from './roles.ts'

/** Longer credentials are refused before anything looks into them. */
export const MAX_CREDENTIAL_CHARS = 8192

const tokenSchema = v.strictObject({ ...hashedEntries, role: v.pipe(v.string(), v.trim(), v.picklist(ROLES)) })
export type StaticToken = v.InferOutput<typeof tokenSchema>

let lastRead: { secret: string | undefined; held: Held<StaticToken> } | null = null

/** The secret's text → its tokens, and what is wrong with the others; none where the secret is not set. */
export function readTokens(secret: string | undefined): Held<StaticToken> {
  if (lastRead?.secret !== secret || lastRead === null)
    lastRead = { secret, held: readHeld('SLUICE_TOKENS', secret, tokenSchema) }
  return lastRead.held
}

/** The token that was presented, or null. Every hash is compared in full, whichever matches. */
export function findToken<T extends { sha256: string }>(tokens: readonly T[], presented: string): T | null {
  if (tokens.length === 0 || presented.length > MAX_CREDENTIAL_CHARS) return null
  const hash = hashToken(presented)
  let found: T | null = null
  for (const token of tokens) if (equal(token.sha256, hash)) found = token
  return found
}

/** Hash of a token as it stands in SLUICE_TOKENS. */
export function hashToken(token: string): string {
  return bytesToHex(sha256(utf8ToBytes(token)))
}

/** The credential of an `Authorization: Bearer …` header; null where there is none or it is too long. */
export function bearerOf(authorization: string | null | undefined): string | null {
  if (!authorization || authorization.length > MAX_CREDENTIAL_CHARS) return null
  return /^bearer +(\S+)\s*$/i.exec(authorization)?.[1] ?? null
}

const keySchema = v.strictObject(hashedEntries)
type EventKey = v.InferOutput<typeof keySchema>

/** The secret's text → its keys, and what is wrong with the others; none where the secret is not set. */
export function readEventKeys(secret: string | undefined): Held<EventKey> {
  return readHeld('SLUICE_EVENT_KEYS', secret, keySchema)
}

/** What a request shows in `x-sluice-key` or, for beacons that can set no header, in `?key=`; null: nothing. */
export function presentedKey(request: Request): string | null {
  return request.headers.get('x-sluice-key') ?? new URL(request.url).searchParams.get('key')
}
