/**
 * Write-only keys that may stand in a page: the secret SLUICE_EVENT_KEYS, of the same shape as SLUICE_TOKENS without
 * the role. They let their holder post events and nothing else.
 */
import * as v from 'valibot'
import { findToken, hashedEntries } from './tokens.ts'

const keysSchema = v.pipe(v.array(v.strictObject(hashedEntries)), v.maxLength(200))
type EventKey = v.InferOutput<typeof keysSchema>[number]

/** The secret's text → its keys; none where the secret is not set, null where it can't be read. */
export function readEventKeys(secret: string | undefined): EventKey[] | null {
  if (secret === undefined || secret.trim() === '') return []
  try {
    const read = v.safeParse(keysSchema, JSON.parse(secret))
    return read.success ? read.output : null
  } catch {
    return null
  }
}

/** What a request shows in `x-sluice-key` or, for beacons that can set no header, in `?key=`; null: nothing. */
export function presentedKey(request: Request): string | null {
  return request.headers.get('x-sluice-key') ?? new URL(request.url).searchParams.get('key')
}

/** The name of the key that was shown; null where it is none of these. */
export function eventKeyName(keys: readonly EventKey[], presented: string): string | null {
  return findToken(keys, presented)?.name ?? null
}
