/** Answers read into memory only up to a cap, whatever their headers promise. */
import { answerJson } from './answer-json.ts'
import { GrowingBytes } from './growing-bytes.ts'
import { LongStrings } from './long-strings.ts'

/** What tells that it has no more than this is read by the platform at once, which costs a fraction. */
const SMALL_BYTES = 64 * 1024
const decoder = new TextDecoder()

/** A video in an answer has tens of MB. */
const MAX_READ_BYTES = 64 * 1024 * 1024

/**
 * An answer's JSON, its long strings cut short; undefined where it is more than `maxBytes` without them, or none. Rejects
 * where it breaks off.
 */
export async function readJson(
  response: Pick<Response, 'headers' | 'body' | 'arrayBuffer'>,
  maxBytes: number,
): Promise<unknown> {
  const { headers } = response
  // Encoded bytes may become many more.
  const isSmall = Number(headers.get('content-length') ?? Number.NaN) <= SMALL_BYTES && !headers.has('content-encoding')
  if (isSmall) return answerJson(decoder.decode(await response.arrayBuffer()))
  const bytes = response.body && (await readCapped(response.body, maxBytes))
  return bytes ? answerJson(decoder.decode(bytes)) : undefined
}

/** Counted while reading, whatever a content-length says; null above the cap, the rest is cancelled. */
async function readCapped(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const reader = body.getReader()
  const held = new GrowingBytes()
  const strings = new LongStrings()
  let read = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return held.whole()
    read += value.length
    held.add(strings.cut(value))
    if (held.size > maxBytes || read > MAX_READ_BYTES) {
      await reader.cancel()
      return null
    }
  }
}
