/** Bytes gathered in one piece of memory that grows with them: a chunk of one byte may lie in a buffer of thousands. */

const FIRST_BYTES = 4096

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

  /** The first of them, up to so many. */
  begin(bytes: number): Uint8Array {
    return this.#held.subarray(0, Math.min(bytes, this.#size))
  }

  /** All of them, in memory of just their size. Nothing is added afterwards. */
  whole(): Uint8Array<ArrayBuffer> {
    return this.#size === this.#held.length ? this.#held : this.#held.slice(0, this.#size)
  }
}
