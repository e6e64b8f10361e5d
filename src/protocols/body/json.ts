/**
 * Strict JSON objects read with the place of each member, so that one member can be changed
 * while numbers, escapes, white space and key order of the rest stay byte for byte.
 */
import { isObject } from '../answer-json.ts'
import { Allowance, checkCount, checkName } from './bounds.ts'
import { decodeUtf8, encodeUtf8, type FieldValue, lengthPrefixed, malformed, type FormBody } from './form-body.ts'
import { membersOf, removeMembers, skipSpace } from './json-scan.ts'

/** Throws `malformed_body` for anything but one JSON object with unique top-level keys, and for one out of bounds. */
export function openJson(bytes: Uint8Array<ArrayBuffer>): FormBody {
  const text = decodeUtf8(bytes, 'body')
  new Allowance(bytes.length).take(text, 0, 'body')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw malformed('body', 'is not valid JSON', cause)
  }
  if (!isObject(value)) throw malformed('body', 'must be a JSON object')
  const open = skipSpace(bytes, 0)
  const fields = membersOf(bytes, open).map((member) => ({ ...member, value: value[member.name] }))
  const names = new Set<string>()
  for (const { name } of fields) {
    checkCount(names.size)
    checkName(name)
    if (names.has(name)) throw malformed(name, 'stands more than once in the same object')
    if (name === '__proto__') throw malformed(name, 'is not a name that a field may have')
    names.add(name)
  }
  return {
    bytes,
    fields,
    set: ({ span }, given) => [{ ...span, bytes: encodeUtf8(jsonSource(given)) }],
    jsonOf: ({ value: inner, span }) =>
      inner !== null && typeof inner === 'object' ? decodeUtf8(bytes.subarray(span.start, span.end), 'body') : null,
    rename: (field, name) => {
      const { start, keyEnd } = field as (typeof fields)[number]
      return [{ start, end: keyEnd, bytes: encodeUtf8(JSON.stringify(name)) }]
    },
    add: (added, isAlone) => {
      const members = added.map(({ name, value }) => `${JSON.stringify(name)}:${jsonSource(value)}`).join(',')
      return [{ start: open + 1, end: open + 1, bytes: encodeUtf8(members + (isAlone ? '' : ',')) }]
    },
    remove: (gone) => removeMembers(fields, (field) => gone.has(field)),
    canonical: () => lengthPrefixed([encodeUtf8('json'), bytes]),
  }
}

/** Like `openJson`, but null for text that is not such an object: a form field may hold anything. */
export function tryOpenJson(text: string): FormBody | null {
  if (!text.trimStart().startsWith('{')) return null
  try {
    return openJson(encodeUtf8(text))
  } catch {
    return null
  }
}

export function jsonSource(value: FieldValue): string {
  return 'text' in value ? JSON.stringify(value.text) : value.json
}
