/**
 * multipart/form-data (RFC 7578, RFC 2046) read strictly, with the place of each part. Values
 * are never copied and files never decoded.
 */
import { checkCount, checkName, MAX_PART_HEADER_BYTES } from './bounds.ts'
import type { Edit, Field, FormBody, Span } from './form-body.ts'
import { decodeUtf8, encodeUtf8, formText, lengthPrefixed, malformed, withoutWhole } from './form-body.ts'
import { skipSpace } from './json-scan.ts'
import { nameSpan, readPartHeaders, type PartHeaders } from './part-headers.ts'

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

/** Throws `malformed_body` for a body without parts or with too many, without its closing boundary, or with a part that has no name. */
export function openMultipart(bytes: Uint8Array<ArrayBuffer>, boundary: string): FormBody {
  const fields = partsOf(bytes, boundary)
  if (fields.length === 0) throw malformed('body', 'holds no parts')
  return {
    bytes,
    fields,
    set: (part, value) => setPart(bytes, part as Part, formText(value)),
    jsonOf: (part) => (typeof part.value === 'string' ? part.value : jsonFile(bytes, part)),
    rename: (part, name) => {
      const { head } = part as Part
      const { start, end } = nameSpan(bytes.subarray(head.start, head.end))
      return [{ start: head.start + start, end: head.start + end, bytes: encodeUtf8(`"${name}"`) }]
    },
    add: (added) => {
      const { start } = (fields[0] as Part).whole
      const parts = added.map(({ name, value }) => partOf(boundary, name, formText(value)))
      return [{ start, end: start, bytes: encodeUtf8(parts.join('')) }]
    },
    remove: (gone) => withoutWhole(fields, gone),
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
    checkCount(parts.length)
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
  for (let start = from; start >= 0; start = nextLine(bytes, start)) {
    const atLineStart = start === 0 || (bytes[start - 2] === CR && bytes[start - 1] === LF)
    if (!atLineStart || !startsWith(bytes, delimiter, start)) continue
    let end = start + delimiter.length
    if (bytes[end] === DASH && bytes[end + 1] === DASH && endsLine(bytes[end + 2]))
      return { start, end: end + 2, closes: true }
    while (isBlank(bytes[end])) end++
    if (bytes[end] === CR && bytes[end + 1] === LF) return { start, end: end + 2, closes: false }
  }
  return null
}

/** Where the line after the one at `from` begins; -1 where there is none. */
function nextLine(bytes: Uint8Array, from: number): number {
  return bytes.indexOf(LF, from) + 1 || -1
}

/** No delimiter holds a line's end, so what is compared here is compared once. */
function startsWith(bytes: Uint8Array, wanted: Uint8Array, at: number): boolean {
  let matched = 0
  while (matched < wanted.length && bytes[at + matched] === wanted[matched]) matched++
  return matched === wanted.length
}

const isBlank = (byte: number | undefined) => byte === 0x20 || byte === 0x09
const endsLine = (byte: number | undefined) => byte === undefined || byte === CR || byte === LF || isBlank(byte)

function partAt(bytes: Uint8Array, open: Span, close: Span, index: number): Part {
  const path = `part ${index + 1}`
  const headerEnd = headersEnd(bytes, open.end, close.start, path)
  // The CRLF before the closing delimiter is the delimiter's; a part too short for it has no blank line either.
  const end = close.start - 2
  if (headerEnd === null || headerEnd > end) throw malformed(path, 'has no blank line after its headers')
  const headers = readPartHeaders(bytes.subarray(open.end, headerEnd), path)
  checkName(headers.name)
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

/** Just past the blank line that ends the headers; null where there is none before `to`. */
function headersEnd(bytes: Uint8Array, from: number, to: number, path: string): number | null {
  if (bytes[from] === CR && bytes[from + 1] === LF) return from + 2
  const last = Math.min(to, from + MAX_PART_HEADER_BYTES)
  for (let i = from; i + 3 < last; i++)
    if (bytes[i] === CR && bytes[i + 1] === LF && bytes[i + 2] === CR && bytes[i + 3] === LF) return i + 4
  if (last < to) throw malformed(path, `has headers of more than ${MAX_PART_HEADER_BYTES} bytes`)
  return null
}

/** Nothing for a text that would end its own part. */
function partOf(boundary: string, name: string, text: string): string {
  if (text.includes(`--${boundary}`)) return ''
  return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${text}\r\n`
}

/** The part's own length would no longer hold, and says nothing that the delimiters don't. */
function setPart(bytes: Uint8Array, { head, span }: Part, text: string): Edit[] {
  const value = { ...span, bytes: encodeUtf8(text) }
  let start = head.start
  const edits = [value]
  for (let end = start; end < head.end; start = end) {
    end = nextLine(bytes, start)
    const line = Array.from(bytes.subarray(start, end), (byte) => String.fromCharCode(byte)).join('')
    if (/^content-length[ \t]*:/i.test(line)) edits.push({ start, end, bytes: new Uint8Array() })
  }
  return edits
}

function identity(bytes: Uint8Array, { headers, span }: Part): Uint8Array[] {
  const { name, filename, contentType } = headers
  return [encodeUtf8(JSON.stringify([name, filename, contentType])), bytes.subarray(span.start, span.end)]
}
