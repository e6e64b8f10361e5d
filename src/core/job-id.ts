/**
 * The job id that clients see: a signed, path-safe wrapping of the backend's id that names the
 * owning arm and subject, so that any isolate can route a poll without a look-up.
 *
 *   slc_ payload mac _slc      payload and mac are base64url
 *
 * The mac (HMAC-SHA256, 96 bits = 16 characters without spare bits) is taken over the payload's
 * *text*, so no second spelling of the same bytes passes. An id is recognised by either of its two
 * marks and valid only with both: one altered character can't make it look like a foreign id.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Arm } from './arm.ts'
import { base64url, fromBase64url } from './base64url.ts'

const HEAD = 'slc_'
const TAIL = '_slc'
const MAC_BYTES = 12
const MAC_CHARS = 16
const FIXED_BYTES = 26
const OWNER_BYTES = 6

/** What an id says. Everything but `upstreamId` and `arm` is what the ledger would need to take the job up again. */
export interface JobTag {
  upstreamId: string
  arm: Arm
  /** `hash32` of the release's name. */
  release: number
  /** `hash32` of the replica's URL, upper 16 bits. */
  replica: number
  epoch: number
  stage: string
  /** Unix ms. */
  submittedAt: number
  matched: boolean
  /** 12 hex digits: whose job it is (`ownerOf`). */
  owner: string
  /** Issued to a caller who showed no identity: whoever shows none may use it. */
  nameless: boolean
}

/** Signing keys, the newest first; older ones still open ids. */
export type IdKeys = readonly Uint8Array[]

/** Who a subject is inside ids: keyed, so that ids don't give away user names. 12 hex digits. */
export function ownerOf(subject: string, keys: IdKeys): string[] {
  return keys.map((key) => bytesToHex(hmac(sha256, key, utf8ToBytes(`owner\n${subject}`)).subarray(0, OWNER_BYTES)))
}

export function signJobId(tag: JobTag, keys: IdKeys): string {
  const upstream = utf8ToBytes(tag.upstreamId)
  const bytes = new Uint8Array(FIXED_BYTES + upstream.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 1)
  view.setUint8(1, (tag.arm === 'candidate' ? 1 : 0) | (tag.nameless ? 2 : 0) | (tag.matched ? 4 : 0))
  view.setUint32(2, tag.release)
  view.setUint16(6, tag.replica)
  view.setUint32(8, tag.epoch)
  view.setUint16(12, stageCode(tag.stage))
  view.setUint16(14, Math.floor(tag.submittedAt / 2 ** 32))
  view.setUint32(16, tag.submittedAt >>> 0)
  bytes.set(hexToBytes(tag.owner), 20)
  bytes.set(upstream, FIXED_BYTES)
  const payload = base64url(bytes)
  return HEAD + payload + macOf(payload, keys[0]!) + TAIL
}

/** Whether this can be an id of ours at all; what is none was issued before Sluice stood in front. */
export function isTagged(id: string): boolean {
  return id.startsWith(HEAD) || id.endsWith(TAIL)
}

/** The tag, or null when the id was altered, cut, or signed by nobody we know. */
export function openJobId(id: string, keys: IdKeys): JobTag | null {
  if (!id.startsWith(HEAD) || !id.endsWith(TAIL)) return null
  const payload = id.slice(HEAD.length, -(MAC_CHARS + TAIL.length))
  const mac = id.slice(-(MAC_CHARS + TAIL.length), -TAIL.length)
  if (mac.length !== MAC_CHARS || !keys.some((key) => equal(macOf(payload, key), mac))) return null
  const bytes = fromBase64url(payload)
  if (!bytes || bytes.length <= FIXED_BYTES || bytes[0] !== 1) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const stage = stageName(view.getUint16(12))
  const flags = view.getUint8(1)
  return {
    upstreamId: utf8(bytes.subarray(FIXED_BYTES)),
    arm: flags & 1 ? 'candidate' : 'control',
    nameless: (flags & 2) !== 0,
    matched: (flags & 4) !== 0,
    release: view.getUint32(2),
    replica: view.getUint16(6),
    epoch: view.getUint32(8),
    stage,
    submittedAt: view.getUint16(14) * 2 ** 32 + view.getUint32(16),
    owner: bytesToHex(bytes.subarray(20, FIXED_BYTES)),
  }
}

function macOf(payload: string, key: Uint8Array): string {
  return base64url(hmac(sha256, key, utf8ToBytes(`job\n${payload}`)).subarray(0, MAC_BYTES))
}

/** Takes the same time wherever the first difference is. */
export function equal(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i % (b.length || 1))
  return difference === 0
}

/** A stage in 16 bits: canary percents in hundredths, the others from the top down. */
const NAMED = ['idle', 'shadow', 'completed', 'rolled_back']

function stageCode(stage: string): number {
  const named = NAMED.indexOf(stage)
  return named >= 0 ? 0xffff - named : Math.round(Number(stage.replace('canary-', '')) * 100)
}

function stageName(code: number): string {
  return NAMED[0xffff - code] ?? `canary-${code / 100}`
}

/** The core has no TextDecoder; `decodeURIComponent` reads UTF-8 as well. */
function utf8(bytes: Uint8Array): string {
  return decodeURIComponent(Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''))
}
