/**
 * multipart/form-data (RFC 7578, RFC 2046) read strictly, with the place of each part. Values
 * are never copied and files never decoded.
 */
import { decodeUtf8, encodeUtf8, lengthPrefixed, malformed, type Field, type FormBody } from './form-body.ts'
import { readPartHeaders, type PartHeaders } from './part-headers.ts'
import type { Edit, Span } from './edit.ts'
import { skipSpace } from './json-scan.ts'

interface Part extends Field {
  headers: PartHeaders
  /** From the part's delimiter to the next one. */
  whole: Span
  /** The lines of its headers. */
  head: Span
}

const CR = 0x0d
const LF = 0x0a
const DASH = 0x2d
const BRACE = 0x7b
const BRACKET = 0x5b
/** Larger files are media. */
const MAX_JSON_FILE_BYTES = 64 * 1024

/** Throws `malformed_body` for a body without parts, without its closing boundary, or with a part that has no name. */
export function openMultipart(bytes: Uint8Array<ArrayBuffer>, boundary: string): FormBody {
  const fields = partsOf(bytes, boundary)
  if (fields.length === 0) throw malformed('body', 'holds no parts')
  return {
    bytes,
    fields,
    setText: (part, text) => setPart(bytes, part as Part, text),
    setJson: (part, source) => setPart(bytes, part as Part, source),
    jsonOf: (part) => (typeof part.value === 'string' ? part.value : jsonFile(bytes, part)),
    remove: (gone) => removeParts(fields, gone),
    canonical: () => lengthPrefixed([encodeUtf8('multipart'), ...fields.flatMap((part) => identity(bytes, part))]),
  }
}

function partsOf(bytes: Uint8Array, boundary: string): Part[] {
  const delimiter = encodeUtf8(`--${boundary}`)
  const parts: Part[] = []
  let open = nextDelimiter(bytes, delimiter, 0)
  if (!open) throw malformed('body', 'does not hold the boundary that its content type names')
  while (!open.closes) {
    const close = nextDelimiter(bytes, delimiter, open.end)
    if (!close) throw malformed('body', 'ends before its closing boundary')
    parts.push(partAt(bytes, open, close, parts.length))
    open = close
  }
  return parts
}

interface Delimiter extends Span {
  closes: boolean
}

/**
 * The first delimiter line at or after `from`: at the very start or after CRLF, then `--` and
 * blanks, a line's end or nothing more, or else optional blanks and CRLF. `start` is its first
 * dash, `end` the first byte after it.
 */
function nextDelimiter(bytes: Uint8Array, delimiter: Uint8Array, from: number): Delimiter | null {
  for (let start = indexOf(bytes, delimiter, from); start >= 0; start = indexOf(bytes, delimiter, start + 1)) {
    const atLineStart = start === 0 || (bytes[start - 2] === CR && bytes[start - 1] === LF)
    if (!atLineStart) continue
    let end = start + delimiter.length
    if (bytes[end] === DASH && bytes[end + 1] === DASH && endsLine(bytes[end + 2])) {
      return { start, end: end + 2, closes: true }
    }
    while (isBlank(bytes[end])) end++
    if (bytes[end] === CR && bytes[end + 1] === LF) return { start, end: end + 2, closes: false }
  }
  return null
}

const isBlank = (byte: number | undefined) => byte === 0x20 || byte === 0x09
const endsLine = (byte: number | undefined) => byte === undefined || byte === CR || byte === LF || isBlank(byte)

function partAt(bytes: Uint8Array, open: Span, close: Span, index: number): Part {
  const path = `part ${index + 1}`
  const headerEnd = headersEnd(bytes, open.end, close.start)
  // The CRLF before the closing delimiter is the delimiter's; a part too short for it has no blank line either.
  const end = close.start - 2
  if (headerEnd === null || headerEnd > end) throw malformed(path, 'has no blank line after its headers')
  const headers = readPartHeaders(bytes.subarray(open.end, headerEnd), path)
  const span = { start: headerEnd, end }
  const value = textOf(bytes.subarray(span.start, span.end), headers)
  const head = { start: open.end, end: headerEnd }
  return { name: headers.name, value, span, headers, head, whole: { start: open.start, end: close.start } }
}

/** Undefined for a file. Some encoders leave an empty file name out, so there the type and the bytes decide. */
function textOf(value: Uint8Array, { name, filename, contentType }: PartHeaders): string | undefined {
  if (filename !== null) return undefined
  try {
    return decodeUtf8(value, name)
  } catch (error) {
    if (contentType === null || contentType.toLowerCase().startsWith('text/')) throw error
    return undefined
  }
}

/** Text of a file that may be JSON: senders that write objects as blobs give them a file name too. */
function jsonFile(bytes: Uint8Array, { span: { start, end } }: Field): string | null {
  if (end - start > MAX_JSON_FILE_BYTES || ![BRACE, BRACKET].includes(bytes[skipSpace(bytes, start)] ?? 0)) return null
  try {
    return decodeUtf8(bytes.subarray(start, end), 'part')
  } catch {
    return null
  }
}

/** Just past the blank line that ends the headers. */
function headersEnd(bytes: Uint8Array, from: number, to: number): number | null {
  if (bytes[from] === CR && bytes[from + 1] === LF) return from + 2
  for (let i = from; i + 3 < to; i++) {
    if (bytes[i] === CR && bytes[i + 1] === LF && bytes[i + 2] === CR && bytes[i + 3] === LF) return i + 4
  }
  return null
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  const first = wanted[0] as number
  for (
    let i = bytes.indexOf(first, from);
    i >= 0 && i + wanted.length <= bytes.length;
    i = bytes.indexOf(first, i + 1)
  ) {
    let matched = 1
    while (matched < wanted.length && bytes[i + matched] === wanted[matched]) matched++
    if (matched === wanted.length) return i
  }
  return -1
}

/** The part's own length would no longer hold, and says nothing that the delimiters don't. */
function setPart(bytes: Uint8Array, { head, span }: Part, text: string): Edit[] {
  const lines = Array.from(bytes.subarray(head.start, head.end), (byte) => String.fromCharCode(byte)).join('')
  const length = /^content-length[ \t]*:[^\r\n]*\r\n/im.exec(lines)
  const value = { ...span, bytes: encodeUtf8(text) }
  if (!length) return [value]
  const start = head.start + length.index
  return [{ start, end: start + length[0].length, bytes: new Uint8Array() }, value]
}

function removeParts(parts: readonly Part[], gone: ReadonlySet<Field>): Edit[] {
  return parts.filter((part) => gone.has(part)).map(({ whole }) => ({ ...whole, bytes: new Uint8Array() }))
}

function identity(bytes: Uint8Array, { headers, span }: Part): Uint8Array[] {
  const { name, filename, contentType } = headers
  return [encodeUtf8(JSON.stringify([name, filename, contentType])), bytes.subarray(span.start, span.end)]
}
