/** Bodies read into memory only up to a cap, whatever their headers promise. */

/** A body of up to `maxBytes`, counted while reading whatever a content-length says; null above it, the rest is cancelled. */
export async function readCapped(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return joined(chunks, size)
    chunks.push(value)
    size += value.length
    if (size > maxBytes) {
      await reader.cancel()
      return null
    }
  }
}

/** Chunks of `size` bytes in all as one piece. */
export function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
