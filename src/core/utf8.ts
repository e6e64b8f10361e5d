/** Text → its UTF-8 bytes. Most of what is sealed and hashed is ASCII, which needs no call of the platform. */
import { utf8ToBytes } from '@noble/hashes/utils.js'

export function utf8Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return utf8ToBytes(text)
    bytes[i] = code
  }
  return bytes
}
