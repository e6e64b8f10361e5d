/** What makes two submits the same. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { encodeUtf8, lengthPrefixed, type FormBody } from '../body/form-body.ts'

/** Of the whole request, hex: the same body sent to another path, as to another job's remix, is another submit. */
export function fingerprintOf(body: FormBody, path: string): string {
  const hash = sha256.create()
  for (const chunk of lengthPrefixed([encodeUtf8(path)])) hash.update(chunk)
  for (const chunk of body.canonical()) hash.update(chunk)
  return bytesToHex(hash.digest())
}
