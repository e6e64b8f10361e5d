/** What a signing secret is good for: a key of its own for each use, derived once (HKDF-SHA256, RFC 5869) and kept. */
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { remembered } from './remembered.ts'
import type { SealKey } from './seal.ts'

/** HMAC-SHA256 under a key of its own, 32 bytes. */
export type Mac = (message: Uint8Array) => Uint8Array

export interface IdKey {
  /** Seals job ids. */
  readonly jobIds: SealKey
  /** Names subjects inside ids and in the ledger. */
  readonly owners: Mac
  /** Signs the cookies of callers without identity. */
  readonly cookies: Mac
}

/** The newest first; older ones still open what they have sealed. */
export type IdKeys = readonly IdKey[]

export function idKeys(secrets: readonly string[]): IdKeys {
  return secrets.map(keyOf)
}

/** A deployment has few secrets. The number is the format's: what one format has sealed another does not open. */
const keyOf = remembered({ entries: 100, chars: Infinity }, (secret): IdKey => {
  const bytes = utf8ToBytes(secret)
  const keyFor = (use: string) => hkdf(sha256, bytes, undefined, utf8ToBytes(`sluice 1 ${use}`), 32)
  return {
    jobIds: { mac: macBy(keyFor('job id mac')), cipher: keyFor('job id cipher') },
    owners: macBy(keyFor('owner')),
    cookies: macBy(keyFor('cookie')),
  }
})

/** Begins from a prepared state, in memory that is used again: half the work of beginning with the key, and less to collect. */
function macBy(key: Uint8Array): Mac {
  const prepared = hmac.create(sha256, key)
  const used = prepared.clone()
  return (message) => prepared._cloneInto(used).update(message).digest()
}
