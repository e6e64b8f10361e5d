/**
 * Write-only keys that may stand in a page: the secret SLUICE_EVENT_KEYS, of the same shape as SLUICE_TOKENS without
 * the role. They let their holder post events and nothing else.
 */
import * as v from 'valibot'
import { type Held, hashedEntries, readHeld } from './held-entries.ts'

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
