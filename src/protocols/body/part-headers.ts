/** The headers of one multipart part, and parameters as `content-type` and `content-disposition` write them. */
import { MAX_PART_HEADERS } from './bounds.ts'
import { malformed } from './form-body.ts'

export interface PartHeaders {
  name: string
  /** Null for a text field; a file may have an empty one. */
  filename: string | null
  contentType: string | null
}

// File names in old encodings are common and of no weight here, so what is not UTF-8 is replaced.
const lenientUtf8 = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

/** `block` holds whole lines with their CRLF and the blank line. Throws `malformed_body`, telling `path`. */
export function readPartHeaders(block: Uint8Array, path: string): PartHeaders {
  let disposition: string | null = null
  let contentType: string | null = null
  const lines = lenientUtf8.decode(block).split('\r\n')
  // The last line's end and the blank line make two empty ones.
  if (lines.length - 2 > MAX_PART_HEADERS) throw malformed(path, `has more than ${MAX_PART_HEADERS} headers`)
  for (const line of lines) {
    if (line === '') continue
    const header = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:([^\r\n]*)$/.exec(line)
    if (!header) throw malformed(path, 'has a header line that is none')
    const name = header[1]?.toLowerCase()
    const value = header[2]?.trim() ?? ''
    if (name === 'content-type') contentType = value
    if (name !== 'content-disposition') continue
    if (disposition !== null) throw malformed(path, 'has two content-disposition headers')
    disposition = value
  }
  if (disposition === null) throw malformed(path, 'has no content-disposition header')
  const { type, parameters } = readParameters(disposition, path)
  const name = parameters.get('name')
  if (type !== 'form-data' || name === undefined) throw malformed(path, 'has no name')
  // A reader behind could take `name*` for the name and see another field than was checked here.
  if (parameters.has('name*')) throw malformed(path, 'has an extended name')
  return { name, filename: parameters.get('filename') ?? parameters.get('filename*') ?? null, contentType }
}

/** Where the value of `name` stands in a block that `readPartHeaders` has read, its quotes included. */
export function nameSpan(block: Uint8Array): { start: number; end: number } {
  // A character for each byte, so that places in the text are places in the bytes.
  const text = Array.from(block, (byte) => String.fromCharCode(byte)).join('')
  const from = /(?:^|\r\n)content-disposition[ \t]*:[^;\r\n]*/i.exec(text)!
  const pattern = parameterPattern()
  pattern.lastIndex = from.index + from[0].length
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    if (match[1]?.toLowerCase() !== 'name') continue
    const end = match.index + match[0].length
    return { start: end - (match[2] === undefined ? match[3]!.length : match[2].length + 2), end }
  }
  throw new Error('nameSpan was given a part without a name')
}

/** One parameter with the semicolon before it: its name, and its value as quoted string or token. */
function parameterPattern(): RegExp {
  return /[ \t]*;[ \t]*(?:([^\s=;"]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?/gy
}

/** `type; a=token; b="quoted \" string"` with names in lower case. Throws `malformed_body` on a repeated or broken parameter. */
export function readParameters(header: string, path: string): { type: string; parameters: Map<string, string> } {
  const semicolon = header.indexOf(';')
  const type = (semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase()
  const parameters = new Map<string, string>()
  const pattern = parameterPattern()
  pattern.lastIndex = semicolon < 0 ? header.length : semicolon
  let end = pattern.lastIndex
  for (let match = pattern.exec(header); match; match = pattern.exec(header)) {
    end = pattern.lastIndex
    const name = match[1]?.toLowerCase()
    if (name === undefined) continue
    if (parameters.has(name)) throw malformed(path, `names ${name} twice`)
    parameters.set(name, match[2]?.replace(/\\(["\\])/g, '$1') ?? match[3] ?? '')
  }
  if (header.slice(end).trim() !== '') throw malformed(path, 'has a header with broken parameters')
  return { type, parameters }
}
