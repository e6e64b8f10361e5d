/**
 * Deterministic authenticated encryption of a few bytes, synchronous: MAC first, and the MAC is the cipher's nonce
 * (the synthetic IV of RFC 5297, section 1.1), here HMAC-SHA256 cut to 96 bits and ChaCha20 (RFC 8439). The same bytes
 * always seal to the same bytes; any others to something that has nothing in common with them, so there is no nonce
 * that could be used twice. Who has no key learns nothing but the length, and can make nothing that opens.
 */
import { chacha20 } from '@noble/ciphers/chacha.js'

/** How much longer the sealed bytes are than what is in them. */
export const SEAL_BYTES = 12

export interface SealKey {
  readonly mac: (message: Uint8Array) => Uint8Array
  /** 32 bytes, independent of the MAC's. */
  readonly cipher: Uint8Array
}

export function seal(plain: Uint8Array, key: SealKey): Uint8Array {
  const iv = key.mac(plain).subarray(0, SEAL_BYTES)
  const sealed = new Uint8Array(SEAL_BYTES + plain.length)
  sealed.set(iv)
  chacha20(key.cipher, iv, plain, sealed.subarray(SEAL_BYTES))
  return sealed
}

/** What was sealed; null for bytes that were altered, cut, or sealed with another key. */
export function unseal(sealed: Uint8Array, key: SealKey): Uint8Array | null {
  if (sealed.length <= SEAL_BYTES) return null
  const iv = sealed.subarray(0, SEAL_BYTES)
  const plain = chacha20(key.cipher, iv, sealed.subarray(SEAL_BYTES))
  const expected = key.mac(plain)
  // Takes the same time wherever the first difference is.
  let difference = 0
  for (let i = 0; i < SEAL_BYTES; i++) difference |= iv[i]! ^ expected[i]!
  return difference === 0 ? plain : null
}

/** Whether two texts are the same; takes the same time wherever the first difference is. */
export function equal(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i % (b.length || 1))
  return difference === 0
}
