/** Bodies read into memory only up to a cap, whatever their headers promise. */
import { GrowingBytes } from './growing-bytes.ts'

/** A body of up to `maxBytes`, counted while reading whatever a content-length says; null above it, the rest is cancelled. */
export async function readCapped(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const reader = body.getReader()
  const held = new GrowingBytes()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return held.whole()
    held.add(value)
    if (held.size > maxBytes) {
      await reader.cancel()
      return null
    }
  }
}
