/**
 * A submit's answer with a video in it as text, too long to be read whole. What stands before the video is read and
 * translated, the video goes on as it comes, and so does what stands behind it, translated again.
 */
import { SluiceError } from '../core/errors.ts'
import { closingQuote, isEscaped } from '../protocols/body/json-scan.ts'
import { GrowingBytes } from '../protocols/read-capped.ts'
import { resumed } from './forward.ts'

/** Longer than any id, word or reason in an answer: only a file is. */
const LONG_STRING_BYTES = 64 * 1024
/** Before the video, and behind it. */
const MAX_TEXT_BYTES = 256 * 1024

const QUOTE = 0x22

export interface LongAnswer {
  /** Up to the long string, with its opening quote. */
  head: string
  /** What makes JSON of `head`: as if the string were empty, and nothing behind it. */
  close: string
}

interface Opened {
  /** Null where there is no such string, or too much before it. */
  long: LongAnswer | null
  /** The body again, from this byte on. Once. */
  from: (byte: number) => ReadableStream<Uint8Array>
  /** The string's first. */
  start: number
}

/** Rejects where the body breaks off. */
export async function openLongAnswer(body: ReadableStream<Uint8Array>): Promise<Opened> {
  const reader = body.getReader()
  const held = new GrowingBytes()
  const place: Place = { at: 0, start: -1, open: [] }
  for (;;) {
    const { done, value } = await reader.read()
    if (value) held.add(value)
    const bytes = held.begin(held.size)
    goOn(bytes, place)
    const { at, start, open } = place
    const from = (byte: number) => resumed(held.whole().subarray(byte), reader)
    if (start >= 0 && bytes.length - start > LONG_STRING_BYTES) {
      const head = new TextDecoder().decode(bytes.subarray(0, start))
      return { long: { head, close: `"${open.toReversed().join('')}` }, from, start }
    }
    if (done || (start < 0 && at > MAX_TEXT_BYTES)) return { long: null, from, start }
  }
}

/** How far JSON was looked through. */
interface Place {
  /** The next byte. */
  at: number
  /** The first one of the string that is open; -1 outside of any. */
  start: number
  /** What closes what is open, the outermost first. */
  open: string[]
}

/** Looks through what has come since, each byte once; no further than into a string that is a file. */
function goOn(bytes: Uint8Array, place: Place): void {
  const { open } = place
  let { at, start } = place
  while (at < bytes.length && (start >= 0 || at <= MAX_TEXT_BYTES)) {
    if (start >= 0) {
      const end = closingQuote(bytes, at, isEscaped(bytes, at, start, false))
      const isOver = end >= 0 && end - start < LONG_STRING_BYTES
      at = isOver ? end + 1 : bytes.length
      if (isOver) start = -1
      continue
    }
    const byte = bytes[at++]!
    if (byte === QUOTE) start = at
    else if (byte === 0x7b) open.push('}')
    else if (byte === 0x5b) open.push(']')
    else if (byte === 0x7d || byte === 0x5d) open.pop()
  }
  Object.assign(place, { at, start })
}

/**
 * The answer for its client. `rest`: from the string's first character on. `translate`: of JSON, or of words; `onRead` is
 * told all but the video, once it has come. Throws `upstream_invalid` where the string stands in what no client may read.
 */
export function translatedAround(
  { head, close }: LongAnswer,
  rest: ReadableStream<Uint8Array>,
  translate: (text: string) => string,
  onRead: (text: string) => void,
): ReadableStream<Uint8Array> {
  const closed = translate(head + close)
  if (!closed.endsWith(close)) throw new SluiceError('upstream_invalid', "the backend's answer can't be shown")
  const shown = closed.slice(0, closed.length - close.length)
  const encoder = new TextEncoder()
  let tail: GrowingBytes | null = null
  let isEscapedNext = false
  let isUnread = false
  const around = new TransformStream<Uint8Array, Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(shown)),
    transform: (chunk, controller) => {
      if (isUnread) return controller.enqueue(chunk)
      let from = 0
      if (!tail) {
        const end = closingQuote(chunk, 0, isEscapedNext)
        isEscapedNext = isEscaped(chunk, chunk.length, 0, isEscapedNext)
        from = end < 0 ? chunk.length : end
        if (from > 0) controller.enqueue(chunk.subarray(0, from))
        if (end < 0) return
        tail = new GrowingBytes()
      }
      tail.add(chunk.subarray(from))
      if (tail.size <= MAX_TEXT_BYTES) return
      // Another video, which is not looked into.
      isUnread = true
      const bytes = tail.whole()
      const ascii = bytes.findLastIndex((byte) => byte < 0x80) + 1
      controller.enqueue(encoder.encode(translate(new TextDecoder().decode(bytes.subarray(0, ascii)))))
      if (ascii < bytes.length) controller.enqueue(bytes.subarray(ascii))
    },
    flush: (controller) => {
      if (!tail || isUnread) return
      const behind = new TextDecoder().decode(tail.whole())
      const all = translate(head + behind)
      controller.enqueue(encoder.encode(all.startsWith(shown) ? all.slice(shown.length) : translate(behind)))
      onRead(head + behind)
    },
  })
  return rest.pipeThrough(around)
}
