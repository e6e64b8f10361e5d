/** JSON as it comes, its long strings cut short: an answer may hold a whole video as text, and nobody reads that out of it. */

/** Longer than any id, word or reason that is looked for. */
const MAX_STRING_BYTES = 16 * 1024

const QUOTE = 0x22
const BACKSLASH = 0x5c
const LETTER_U = 0x75

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
