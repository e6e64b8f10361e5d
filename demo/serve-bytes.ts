/** A file in memory over HTTP with ETag, conditional and single-range requests (RFC 9110 sections 13 and 14). */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

export function serveBytes(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array, type: string): void {
  const etag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`
  const { 'if-none-match': known, 'if-range': sameAs, range } = request.headers
  const head = { 'content-type': type, 'accept-ranges': 'bytes', etag }
  if (known?.split(/\s*,\s*/).includes(etag)) {
    response.writeHead(304, { etag }).end()
    return
  }
  const wanted = sameAs === undefined || sameAs === etag ? readRange(range, bytes.length) : 'whole'
  if (wanted === 'unsatisfiable') {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
    return
  }
  const isWhole = wanted === 'whole'
  const piece = isWhole ? bytes : bytes.subarray(wanted.from, wanted.to + 1)
  const ranged = isWhole ? {} : { 'content-range': `bytes ${wanted.from}-${wanted.to}/${bytes.length}` }
  response.writeHead(isWhole ? 200 : 206, { ...head, ...ranged, 'content-length': piece.length })
  response.end(request.method === 'HEAD' ? undefined : piece)
}

type Range = { from: number; to: number } | 'whole' | 'unsatisfiable'

/** One range as `a-b`, `a-` or `-n`; several ranges, and what is none, are answered by the whole. */
function readRange(header: string | undefined, size: number): Range {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || first + last === '') return 'whole'
  const from = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const to = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1)
  if (first !== '' && last !== '' && Number(last) < Number(first)) return 'whole'
  return from < size && (first !== '' || Number(last) > 0) ? { from, to } : 'unsatisfiable'
}
