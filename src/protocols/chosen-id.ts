/** An id that a client chooses for its job, before any backend has it: later requests put it into paths. */
import { isTagged } from '../core/job-id.ts'
import { malformed } from './body/form-body.ts'
import { isResourceId } from './resource-id.ts'

/** As a UUID is written, or any plain name. */
const PLAIN_NAME = /^[A-Za-z0-9._-]{1,128}$/

/** Null where the client has chosen none. Throws `malformed_body`, telling `path`, for what could lead elsewhere, and for `taken` words of the wire. */
export function chosenIdOf(value: unknown, path: string, taken: readonly string[] = []): string | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'string' || !PLAIN_NAME.test(value) || !isResourceId(value) || isTagged(value))
    throw malformed(path, 'must be an id of up to 128 letters, digits, ".", "_" and "-"')
  if (taken.includes(value)) throw malformed(path, `must be another id: "${value}" is a word of the wire's own paths`)
  return value
}
