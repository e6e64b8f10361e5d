/** Answers read into memory only up to a cap, whatever their headers promise, and the long strings of JSON cut short. */
import { answerJson } from './answer-json.ts'

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
  response: Pick<Response, 'body' | 'arrayBuffer'> & { headers: Pick<Headers, 'get' | 'has'> },
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

/** Longer than any id, word or reason that is looked for. */
const MAX_STRING_BYTES = 16 * 1024

const QUOTE = 0x22
const BACKSLASH = 0x5c
const LETTER_U = 0x75

/** JSON as it comes, its long strings cut short: an answer may hold a whole video as text, and nobody reads that out of it. */
export class LongStrings {
  /** Of the string so far; -1 outside of any. */
  #length = -1
  /** Bytes that an escape has still to come. */
  #escape = 0
  #isCut = false

  /** What is left of the bytes that have come, in their place. JSON stays JSON. */
  cut(bytes: Uint8Array): Uint8Array {
    let [length, escape, isCut] = [this.#length, this.#escape, this.#isCut]
    let kept = 0
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!
      const isQuote = byte === QUOTE && escape === 0
      if (length >= 0 && !isQuote) {
        // Never within an escape, which would be none then.
        isCut ||= length >= MAX_STRING_BYTES && escape === 0
        if (escape > 0) escape = escape === 1 && byte === LETTER_U ? 4 : escape - 1
        else if (byte === BACKSLASH) escape = 1
        length++
      } else if (isQuote) {
        length = length < 0 ? 0 : -1
        isCut = false
      }
      if (!isCut) bytes[kept++] = byte
    }
    this.#length = length
    this.#escape = escape
    this.#isCut = isCut
    return bytes.subarray(0, kept)
  }
}

const FIRST_BYTES = 4096

export type ByteReader = ReadableStreamDefaultReader<Uint8Array>

/** Bytes gathered in one piece of memory that grows with them: a chunk of one byte may lie in a buffer of thousands. */
export class GrowingBytes {
  #held = new Uint8Array(FIRST_BYTES)
  #size = 0

  get size(): number {
    return this.#size
  }

  add(chunk: Uint8Array): void {
    const needed = this.#size + chunk.length
    if (needed > this.#held.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#held.length))
      larger.set(this.#held.subarray(0, this.#size))
      this.#held = larger
    }
    this.#held.set(chunk, this.#size)
    this.#size = needed
  }

  /** Adds what comes: true at its end, false once there are more than `maxBytes`, or `isEnough`. Rejects where it breaks off. */
  async fill(reader: ByteReader, maxBytes: number, isEnough: () => boolean = () => false): Promise<boolean> {
    while (this.#size <= maxBytes && !isEnough()) {
      const { done, value } = await reader.read()
      if (done) return true
      this.add(value)
    }
    return false
  }

  /** The first of them, up to so many. */
  begin(bytes: number): Uint8Array {
    return this.#held.subarray(0, Math.min(bytes, this.#size))
  }

  /** All of them, in memory of just their size. Nothing is added afterwards. */
  whole(): Uint8Array<ArrayBuffer> {
    return this.#size === this.#held.length ? this.#held : this.#held.slice(0, this.#size)
  }
}
