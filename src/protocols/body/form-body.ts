/**
 * What JSON, multipart and urlencoded bodies have in common once opened: named fields, each with its place in the bytes,
 * and changes as spans of them, so that whatever is not named stays as the client sent it. What a field means is the
 * protocols' business.
 */
import { detail, SluiceError } from '../../core/errors.ts'

export interface Field {
  name: string
  /** Decoded JSON value, text of a form field, or undefined for a file. */
  value: unknown
  /** Where the encoded value stands. */
  span: Span
}

/** A text, or the source of any other JSON, which a form holds as text. */
export type FieldValue = { text: string } | { json: string }

export interface NewField {
  name: string
  value: FieldValue
}

export interface FormBody {
  bytes: Uint8Array<ArrayBuffer>
  /** In the order of the body. Names may repeat where the encoding allows it. */
  fields: Field[]
  /** Another value in this field. */
  set(field: Field, value: FieldValue): Edit[]
  /** Text that may be the JSON source of an object or array in this field; null where there is none. */
  jsonOf(field: Field): string | null
  /** Another name for a field, which keeps its value. Only names that no encoding has to escape. */
  rename(field: Field, name: string): Edit[]
  /** New fields before all others; `isAlone`: none of the others stays. */
  add(fields: readonly NewField[], isAlone: boolean): Edit[]
  /** Takes whole fields out. */
  remove(fields: ReadonlySet<Field>): Edit[]
  /** What makes two bodies the same submit: no boundary, no header noise. Unambiguous when concatenated. */
  canonical(): Iterable<Uint8Array>
}

const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return utf8.encode(text) as Uint8Array<ArrayBuffer>
}

/** As a form holds it. */
export function formText(value: FieldValue): string {
  return 'text' in value ? value.text : value.json
}

/** Text of these bytes; a byte order mark stays in it. Throws `malformed_body` where they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array, path: string): string {
  try {
    return strictUtf8.decode(bytes)
  } catch (cause) {
    throw malformed(path, 'is not valid UTF-8', cause)
  }
}

/** `path` is the field that is wrong, `body` for the whole; `message` reads on from it. */
export function malformed(path: string, message: string, cause?: unknown): SluiceError {
  const details = [detail(path, 'unreadable', message)]
  return new SluiceError('malformed_body', `The request body cannot be read: ${path} ${message}.`, { details, cause })
}

/** A chunk with its length before it, so that no two lists of chunks concatenate to the same bytes. */
export function* lengthPrefixed(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const chunk of chunks) {
    yield encodeUtf8(`${chunk.length}:`)
    yield chunk
  }
}

/** Half-open span of bytes. */
export interface Span {
  start: number
  end: number
}

export interface Edit extends Span {
  /** What stands there instead; empty to take the span out. */
  bytes: Uint8Array
}

/** Takes out fields that stand apart, each with all that is its own. */
export function withoutWhole(fields: readonly (Field & { whole: Span })[], gone: ReadonlySet<Field>): Edit[] {
  return fields.filter((field) => gone.has(field)).map(({ whole }) => ({ ...whole, bytes: new Uint8Array() }))
}

/** The bytes with all edits made; the very same array when there are none. Spans must not overlap. */
export function applyEdits(source: Uint8Array<ArrayBuffer>, edits: readonly Edit[]): Uint8Array<ArrayBuffer> {
  if (edits.length === 0) return source
  const ordered = edits.toSorted((a, b) => a.start - b.start)
  const growth = ordered.reduce((sum, edit) => sum + edit.bytes.length - (edit.end - edit.start), 0)
  const result = new Uint8Array(source.length + growth)
  let read = 0
  let written = 0
  const write = (piece: Uint8Array) => {
    result.set(piece, written)
    written += piece.length
  }
  for (const edit of ordered) {
    write(source.subarray(read, edit.start))
    write(edit.bytes)
    read = edit.end
  }
  write(source.subarray(read))
  return result
}

/** The keys down to a form field's value: `video[id]` is `video`, `id`. */
export function pathOf(name: string): string[] {
  return name.split(/[[\]]+/).filter((key, i) => i === 0 || key !== '')
}

/** The field's text, or the source of the JSON that it holds; null for files and for numbers and the like. */
export function textOf(body: FormBody, field: Field): string | null {
  return typeof field.value === 'string' ? field.value : body.jsonOf(field)
}

export function editText(body: FormBody, field: Field, change: (text: string) => string): Edit[] {
  const text = textOf(body, field)
  const changed = text === null ? null : change(text)
  if (changed === null || changed === text) return []
  return body.set(field, typeof field.value === 'string' ? { text: changed } : { json: changed })
}
