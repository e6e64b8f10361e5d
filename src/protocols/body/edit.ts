/**
 * Changes to a body as spans of its bytes, so that whatever is not named stays as the client
 * sent it. Knows no encoding.
 */

/** Half-open span of bytes. */
export interface Span {
  start: number
  end: number
}

export interface Edit extends Span {
  /** What stands there instead; empty to take the span out. */
  bytes: Uint8Array
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
