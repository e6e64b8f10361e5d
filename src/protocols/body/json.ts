/**
 * Strict JSON objects read with the place of each member, so that one member can be changed
 * while numbers, escapes, white space and key order of the rest stay byte for byte.
 */
import { decodeUtf8, encodeUtf8, lengthPrefixed, malformed, type Field, type FormBody } from './form-body.ts'
import type { Edit } from './edit.ts'

/** Deeper bodies are refused: no video API nests so far, and readers behind may recurse. */
const MAX_DEPTH = 100

/** A member: `span` is its value, `start` the opening quote of its key. */
interface Member extends Field {
  start: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a

/** Throws `malformed_body` for anything but one JSON object with unique top-level keys. `path` prefixes what it tells. */
export function openJson(bytes: Uint8Array<ArrayBuffer>, path = 'body'): FormBody {
  const text = decodeUtf8(bytes, path)
  if (depthOf(bytes) > MAX_DEPTH) throw malformed(path, `nests deeper than ${MAX_DEPTH} levels`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw malformed(path, 'is not valid JSON', cause)
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw malformed(path, 'must be a JSON object')
  const fields = membersOf(bytes, value as Record<string, unknown>)
  const names = new Set<string>()
  for (const { name } of fields) {
    if (names.has(name)) throw malformed(name, 'stands more than once in the same object')
    if (name === '__proto__') throw malformed(name, 'is not a name that a field may have')
    names.add(name)
  }
  return {
    bytes,
    fields,
    encodeText: (string) => encodeUtf8(JSON.stringify(string)),
    encodeJson: encodeUtf8,
    jsonOf: ({ value: inner, span }) =>
      inner !== null && typeof inner === 'object' && !Array.isArray(inner)
        ? decodeUtf8(bytes.subarray(span.start, span.end), path)
        : null,
    remove: (gone) => removeMembers(fields, gone),
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

/** Deepest nesting of brackets outside strings, whether the JSON is valid or not. */
function depthOf(bytes: Uint8Array): number {
  let depth = 0
  let deepest = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (byte === QUOTE) i = stringEnd(bytes, i) - 1
    else if (isOpening(byte)) deepest = Math.max(deepest, ++depth)
    else if (isClosing(byte)) depth--
  }
  return deepest
}

/** Members of a JSON object that is known to be valid; `value` is the same object, parsed. */
function membersOf(bytes: Uint8Array, value: Record<string, unknown>): Member[] {
  const members: Member[] = []
  let i = skipSpace(bytes, 0) + 1
  while (bytes[(i = skipSpace(bytes, i))] === QUOTE) {
    const start = i
    i = stringEnd(bytes, i)
    const name = JSON.parse(decodeUtf8(bytes.subarray(start, i), 'body')) as string
    i = skipSpace(bytes, i)
    if (bytes[i] !== COLON) throw new Error('membersOf was given invalid JSON')
    const valueStart = skipSpace(bytes, i + 1)
    const end = valueEnd(bytes, valueStart)
    members.push({ name, value: value[name], span: { start: valueStart, end }, start })
    i = skipSpace(bytes, end)
    if (bytes[i] === COMMA) i++
  }
  return members
}

/** Takes the comma along: the one before, or, where nothing before stays, the one after. */
function removeMembers(members: readonly Member[], gone: ReadonlySet<Field>): Edit[] {
  const edits: Edit[] = []
  let keptBefore = false
  members.forEach((member, i) => {
    if (!gone.has(member)) {
      keptBefore = true
      return
    }
    const before = members[i - 1]
    const after = members[i + 1]
    const start = keptBefore && before ? before.span.end : member.start
    const end = keptBefore || !after ? member.span.end : after.start
    edits.push({ start, end, bytes: new Uint8Array() })
  })
  return edits
}

/** Just past the closing quote of the string that opens at `i`; the end of the bytes where it never closes. */
function stringEnd(bytes: Uint8Array, i: number): number {
  for (i++; i < bytes.length; i++) {
    if (bytes[i] === BACKSLASH) i++
    else if (bytes[i] === QUOTE) return i + 1
  }
  return bytes.length
}

function valueEnd(bytes: Uint8Array, i: number): number {
  if (bytes[i] === QUOTE) return stringEnd(bytes, i)
  let depth = 0
  for (; i < bytes.length; i++) {
    const byte = bytes[i]
    if (byte === QUOTE) i = stringEnd(bytes, i) - 1
    else if (isOpening(byte)) depth++
    else if (isClosing(byte)) {
      if (depth === 0) return i
      if (--depth === 0) return i + 1
    } else if (depth === 0 && (byte === COMMA || isSpace(byte))) return i
  }
  return i
}

function skipSpace(bytes: Uint8Array, i: number): number {
  while (isSpace(bytes[i])) i++
  return i
}

const isSpace = (byte: number | undefined) => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d
const isOpening = (byte: number | undefined) => byte === 0x7b || byte === 0x5b
const isClosing = (byte: number | undefined) => byte === 0x7d || byte === 0x5d
