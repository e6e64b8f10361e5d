/** What the submits of all wires have in common, once their own has been read out of the body. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { isTagged } from '../../core/job-id.ts'
import { isResourceId } from '../answer-json.ts'
import { MAX_NAME_CHARS } from '../body/bounds.ts'
import { encodeUtf8, lengthPrefixed, malformed, type FormBody } from '../body/form-body.ts'
import type { Facts, RebuildTarget, RebuiltSubmit, Submission, SubmitBody } from '../submit.ts'

interface Own extends Facts {
  model: string | null
  jobs?: string[]
  chosenId?: string
  /** For an arm: the bytes, and what else is not as it was sent. `path` is without the query. */
  rebuild: (target: RebuildTarget) => Pick<RebuiltSubmit, 'bytes'> & Partial<RebuiltSubmit & { search: string }>
}

/** `path`: where it was sent. A copy goes without the query, since nobody waits for it. */
export function submissionOf(body: FormBody, sent: SubmitBody, path: string, { rebuild, ...own }: Own): Submission {
  let fingerprint: string | undefined
  return {
    byteLength: body.bytes.length,
    jobs: [],
    ...own,
    // Only submits with an idempotency key need it, and a file may be large.
    get fingerprint() {
      return (fingerprint ??= fingerprintOf(body, path))
    },
    rebuild: (target) => {
      const { bytes, contentType = sent.contentType ?? '', path: to = path, search = sent.search } = rebuild(target)
      return { bytes, contentType, path: to + (target.shadow ? '' : search) }
    },
  }
}

/** Null where none is named. Throws `malformed_body`, telling `path`, for what can be no model's name. */
export function modelNamed(value: unknown, path: string): string | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'string') throw malformed(path, 'must be a string')
  if (value.length > MAX_NAME_CHARS) throw malformed(path, `has more than ${MAX_NAME_CHARS} characters`)
  return value
}

/** Of the whole request, hex: the same body sent to another path, as to another job's remix, is another submit. */
function fingerprintOf(body: FormBody, path: string): string {
  const hash = sha256.create()
  for (const chunk of lengthPrefixed([encodeUtf8(path)])) hash.update(chunk)
  for (const chunk of body.canonical()) hash.update(chunk)
  return bytesToHex(hash.digest())
}

/** As a UUID is written, or any plain name. */
const PLAIN_NAME = /^[A-Za-z0-9._-]{1,128}$/

/**
 * The id that a client chooses for its job, which later requests put into paths; null where it has chosen none. Throws
 * `malformed_body`, telling `path`, for what could lead elsewhere, and for `taken` words of the wire.
 */
export function chosenIdOf(value: unknown, path: string, taken: readonly string[] = []): string | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'string' || !PLAIN_NAME.test(value) || !isResourceId(value) || isTagged(value))
    throw malformed(path, 'must be an id of up to 128 letters, digits, ".", "_" and "-"')
  if (taken.includes(value)) throw malformed(path, `must be another id: "${value}" is a word of the wire's own paths`)
  return value
}
