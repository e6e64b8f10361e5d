/**
 * The job id that clients see: an opaque, path-safe wrapping of the backend's id that names the owning arm and
 * subject, so that any isolate can route a poll without a look-up.
 *
 *   slc_ sealed _slc      sealed is base64url of what `seal` makes of the tag
 *
 * Nothing of what an id says can be read from it without the key; its length tells that of the backend's id. An id is
 * recognised by either of its two marks and valid only with both: one altered character can't make it look like a
 * foreign id.
 */
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import type { Arm } from './arm.ts'
import { base64url, fromBase64url } from './base64url.ts'
import type { IdKeys } from './id-keys.ts'
import { rememberedBy } from './remembered.ts'
import { seal, unseal } from './seal.ts'
import { utf8Bytes } from './utf8.ts'

const HEAD = 'slc_'
const TAIL = '_slc'
const FIXED_BYTES = 25
const OWNER_AT = 19
/** Backends' ids have up to 512 characters, files' paths are longer; what is longer than any of them is not tried. */
const MAX_ID_CHARS = 16_384

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
  /** 12 hex digits: whose job it is (`ownerOf`). */
  owner: string
  /** Issued to a caller who showed no identity: whoever shows none may use it. */
  anonymous: boolean
}

/** A file at a backend: `upstreamId` is its path, and nothing else can be asked of it. */
export type FileTag = Omit<JobTag, 'epoch' | 'stage' | 'submittedAt'>

/** Where a client wants to be called about a job that its backend has not named yet. */
export interface HookTag extends Omit<JobTag, 'upstreamId'> {
  /** What the client wrote. */
  url: string
  /** Of the submit's route. */
  prefix: string
  /** The id that the client knows already, where control goes on with a job that the candidate has failed. */
  job: string | null
}

/** An owner that no subject is: what is issued to it opens for nobody. */
export const NOBODY = '000000000000'

/** Flags in the first byte. Ids of earlier builds may carry 4 as well: it is ignored, and not to be given another meaning. */
const CANDIDATE = 1
const ANONYMOUS = 2
const FILE = 8
const HOOK = 16

/** Who a subject is inside ids and to the ledger: keyed, so that neither gives away user names. 12 hex digits a key. */
export function ownerOf(subject: string, keys: IdKeys): readonly string[] {
  return ownersOf(keys, subject)
}

/** A subject polls many times; what it is called is worked out once. */
const ownersOf = rememberedBy({ entries: 2000, chars: 256 }, (keys: IdKeys, subject): readonly string[] => {
  const bytes = utf8Bytes(subject)
  return keys.map((key) => bytesToHex(key.owners(bytes).subarray(0, NOBODY.length / 2)))
})

/** The same tag always gives the same id. */
export function sealJobId(tag: JobTag, keys: IdKeys): string {
  return sealed(tag, 0, keys)
}

export function sealFileId(tag: FileTag, keys: IdKeys): string {
  return sealed({ ...tag, epoch: 0, stage: 'idle', submittedAt: 0 }, FILE, keys)
}

export function sealHookId({ url, prefix, job, ...tag }: HookTag, keys: IdKeys): string {
  return sealed({ ...tag, upstreamId: JSON.stringify([url, prefix, job]) }, HOOK, keys)
}

/** Whether this can be an id of ours at all; what is none was issued before Sluice stood in front. */
export function isTagged(id: string): boolean {
  return id.startsWith(HEAD) || id.endsWith(TAIL)
}

/** The job's tag, or null when the id was altered, cut, sealed by nobody we know, or names no job. */
export function openJobId(id: string, keys: IdKeys): Readonly<JobTag> | null {
  return tagsOf(keys, id).job
}

/** The same for a file; null for anything else. */
export function openFileId(id: string, keys: IdKeys): Readonly<FileTag> | null {
  return tagsOf(keys, id).file
}

/** A job is polled many times; its id is opened once. */
const tagsOf = rememberedBy(
  { entries: 2000, chars: 512 },
  (keys: IdKeys, id): { job: Readonly<JobTag> | null; file: Readonly<FileTag> | null } => {
    const bytes = opened(id, keys)
    const kind = bytes ? bytes[0]! & (FILE | HOOK) : HOOK
    return { job: bytes && kind === 0 ? tagOf(bytes) : null, file: bytes && kind === FILE ? tagOf(bytes) : null }
  },
)

/** The same for where a client wants to be called; null for anything else. */
export function openHookId(id: string, keys: IdKeys): HookTag | null {
  const bytes = opened(id, keys)
  if (!bytes || (bytes[0]! & HOOK) === 0) return null
  const { upstreamId, ...tag } = tagOf(bytes)
  const [url, prefix, job] = JSON.parse(upstreamId) as [string, string, string | null]
  return { ...tag, url, prefix, job }
}

function sealed(tag: JobTag, kind: number, keys: IdKeys): string {
  const upstream = utf8Bytes(tag.upstreamId)
  const bytes = new Uint8Array(FIXED_BYTES + upstream.length)
  const view = new DataView(bytes.buffer)
  const arm = tag.arm === 'candidate' ? CANDIDATE : 0
  view.setUint8(0, kind | arm | (tag.anonymous ? ANONYMOUS : 0))
  view.setUint32(1, tag.release)
  view.setUint16(5, tag.replica)
  view.setUint32(7, tag.epoch)
  view.setUint16(11, stageCode(tag.stage))
  view.setUint16(13, Math.floor(tag.submittedAt / 2 ** 32))
  view.setUint32(15, tag.submittedAt >>> 0)
  bytes.set(hexToBytes(tag.owner), OWNER_AT)
  bytes.set(upstream, FIXED_BYTES)
  return HEAD + base64url(seal(bytes, keys[0]!.jobIds)) + TAIL
}

function opened(id: string, keys: IdKeys): Uint8Array | null {
  if (!id.startsWith(HEAD) || !id.endsWith(TAIL) || id.length > MAX_ID_CHARS) return null
  const bytes = fromBase64url(id.slice(HEAD.length, -TAIL.length))
  if (!bytes) return null
  for (const key of keys) {
    const plain = unseal(bytes, key.jobIds)
    if (plain) return plain.length > FIXED_BYTES ? plain : null
  }
  return null
}

function tagOf(bytes: Uint8Array): JobTag {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const flags = view.getUint8(0)
  return {
    upstreamId: utf8(bytes.subarray(FIXED_BYTES)),
    arm: flags & CANDIDATE ? 'candidate' : 'control',
    anonymous: (flags & ANONYMOUS) !== 0,
    release: view.getUint32(1),
    replica: view.getUint16(5),
    epoch: view.getUint32(7),
    stage: stageName(view.getUint16(11)),
    submittedAt: view.getUint16(13) * 2 ** 32 + view.getUint32(15),
    owner: bytesToHex(bytes.subarray(OWNER_AT, FIXED_BYTES)),
  }
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
  if (bytes.every((byte) => byte < 0x80)) return String.fromCharCode(...bytes)
  return decodeURIComponent(Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''))
}
