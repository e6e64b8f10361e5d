/**
 * Where members and elements stand in JSON that is known to be valid. Works on bytes, so that
 * whatever is not named stays as it was written; reads no values.
 */
import { type Edit, type Span, decodeUtf8 } from './form-body.ts'

/** A member of an object: `span` is its value, `start` the opening quote of its key, `keyEnd` just past the closing one. */
export interface Member {
  name: string
  span: Span
  start: number
  keyEnd: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const SHORT_NAME_BYTES = 40

/** Members of the object that opens at `open`, in their order; names may repeat. */
export function membersOf(bytes: Uint8Array, open: number): Member[] {
  const members: Member[] = []
  let i = open + 1
  while (bytes[(i = skipSpace(bytes, i))] === QUOTE) {
    const start = i
    const keyEnd = stringEnd(bytes, i)
    const name = nameIn(bytes, start, keyEnd)
    i = skipSpace(bytes, keyEnd)
    if (bytes[i] !== COLON) throw new Error('membersOf was given invalid JSON')
    const at = skipSpace(bytes, i + 1)
    const span = { start: at, end: valueEnd(bytes, at) }
    members.push({ name, span, start, keyEnd })
    i = skipSpace(bytes, span.end)
    if (bytes[i] === COMMA) i++
  }
  return members
}

/** Most names are short ASCII without escapes, and need no call of decoder and parser. `keyEnd`: past the closing quote. */
function nameIn(bytes: Uint8Array, start: number, keyEnd: number): string {
  let name = ''
  let i = start + 1
  const last = Math.min(keyEnd - 1, start + SHORT_NAME_BYTES)
  for (; i < last && bytes[i] !== BACKSLASH && bytes[i]! < 0x80; i++) name += String.fromCharCode(bytes[i]!)
  if (i === keyEnd - 1) return name
  return JSON.parse(decodeUtf8(bytes.subarray(start, keyEnd), 'body')) as string
}

/** Takes the comma along: the one before, or, where nothing before stays, the one after. */
export function removeMembers<M extends Member>(members: readonly M[], isGone: (member: M) => boolean): Edit[] {
  const edits: Edit[] = []
  let keptBefore = false
  members.forEach((member, i) => {
    if (!isGone(member)) {
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
  return closingQuote(bytes, i + 1) + 1 || bytes.length
}

/** Where the quote stands that ends a string; -1 where none does. `escaped`: before `from` stands an odd backslash. */
export function closingQuote(bytes: Uint8Array, from: number, escaped = false): number {
  for (let at = bytes.indexOf(QUOTE, from); at >= 0; at = bytes.indexOf(QUOTE, at + 1))
    if (!isEscaped(bytes, at, from, escaped)) return at
  return -1
}

export function isEscaped(bytes: Uint8Array, at: number, from: number, escaped: boolean): boolean {
  let slashes = 0
  while (at - 1 - slashes >= from && bytes[at - 1 - slashes] === BACKSLASH) slashes++
  return (slashes % 2 === 1) !== (escaped && at - slashes === from)
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

export function skipSpace(bytes: Uint8Array, i: number): number {
  while (isSpace(bytes[i])) i++
  return i
}

const isSpace = (byte: number | undefined) => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d
const isOpening = (byte: number | undefined) => byte === 0x7b || byte === 0x5b
const isClosing = (byte: number | undefined) => byte === 0x7d || byte === 0x5d
