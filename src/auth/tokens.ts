/**
 * Static bearer tokens: the secret SLUICE_TOKENS read and validated, and a presented token looked up
 * by its hash. Plain tokens are kept nowhere.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import * as v from 'valibot'
import { issueWords } from '../config/issue-words.ts'
import type { ErrorDetail } from '../core/errors.ts'
import { ROLES } from './roles.ts'

/** Longer credentials are refused before anything looks into them. */
export const MAX_CREDENTIAL_CHARS = 8192

/** A secret's name and its hash: what stands in place of the secret itself. */
export const hashedEntries = {
  name: v.pipe(v.string(), v.regex(/^[\w.@-]{1,64}$/, '1 to 64 letters, digits, ".", "_", "@" or "-"')),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-fA-F]{64}$/, '64 hex digits'), v.toLowerCase()),
}

const tokensSchema = v.pipe(
  v.array(v.strictObject({ ...hashedEntries, role: v.picklist(ROLES) })),
  v.maxLength(200),
  v.check((tokens) => new Set(tokens.map(({ name }) => name)).size === tokens.length, 'two tokens have the same name'),
)
export type StaticToken = v.InferOutput<typeof tokensSchema>[number]

export type TokensResult = { ok: true; tokens: StaticToken[] } | { ok: false; issues: ErrorDetail[] }

let lastRead: { secret: string; result: TokensResult } | null = null

/** The secret's text → its tokens; none where the secret is not set. Issues never quote the secret. */
export function readTokens(secret: string | undefined): TokensResult {
  if (secret === undefined || secret.trim() === '') return { ok: true, tokens: [] }
  if (lastRead?.secret !== secret) lastRead = { secret, result: parse(secret) }
  return lastRead.result
}

function parse(secret: string): TokensResult {
  let given: unknown
  try {
    given = JSON.parse(secret)
  } catch {
    return { ok: false, issues: [{ path: 'SLUICE_TOKENS', message: 'not JSON' }] }
  }
  const read = v.safeParse(tokensSchema, given)
  if (read.success) return { ok: true, tokens: read.output }
  return {
    ok: false,
    issues: read.issues.map((issue) => ({
      path: ['SLUICE_TOKENS', v.getDotPath(issue)].filter(Boolean).join('.'),
      message: issueWords(issue, false),
    })),
  }
}

/** The token that was presented, or null. Every hash is compared in full, whichever matches. */
export function findToken<T extends { sha256: string }>(tokens: readonly T[], presented: string): T | null {
  if (tokens.length === 0 || presented.length > MAX_CREDENTIAL_CHARS) return null
  const hash = hashToken(presented)
  let found: T | null = null
  for (const token of tokens) if (isSame(token.sha256, hash)) found = token
  return found
}

/** Hash of a token as it stands in SLUICE_TOKENS. */
export function hashToken(token: string): string {
  return bytesToHex(sha256(utf8ToBytes(token)))
}

/** In a time that does not tell where two hashes differ. */
function isSame(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < b.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}

/** The credential of an `Authorization: Bearer …` header; null where there is none or it is too long. */
export function bearerOf(authorization: string | null | undefined): string | null {
  if (!authorization || authorization.length > MAX_CREDENTIAL_CHARS) return null
  return /^bearer +(\S+)\s*$/i.exec(authorization)?.[1] ?? null
}
