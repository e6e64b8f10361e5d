/** Bodies read into memory only up to a cap, whatever their headers promise. */
import { answerJson } from './answer-json.ts'
import { GrowingBytes } from './growing-bytes.ts'

/** What tells that it has no more than this is read by the platform at once, which costs a fraction. */
const SMALL_BYTES = 64 * 1024
const decoder = new TextDecoder()

/** An answer's JSON; undefined where it is more than `maxBytes`, or none. Rejects where it breaks off. */
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
