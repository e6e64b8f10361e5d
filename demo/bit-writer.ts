/** Bits as H.264 writes them: fixed width, Exp-Golomb, and wrapped up as a NAL unit. */
export class BitWriter {
  readonly #bytes: number[] = []
  #current = 0
  #filled = 0

  fixed(width: number, value: number): this {
    for (let bit = width - 1; bit >= 0; bit--) this.flag((value >> bit) & 1)
    return this
  }

  flag(bit: number): this {
    this.#current = (this.#current << 1) | bit
    if (++this.#filled === 8) {
      this.#bytes.push(this.#current)
      this.#current = 0
      this.#filled = 0
    }
    return this
  }

  /** Exp-Golomb of a number from 0 up. */
  ue(value: number): this {
    const width = 32 - Math.clz32(value + 1)
    return this.fixed(width - 1, 0).fixed(width, value + 1)
  }

  /** Exp-Golomb of a signed number. */
  se(value: number): this {
    return this.ue(value > 0 ? 2 * value - 1 : -2 * value)
  }

  /** Zero bits up to the next whole byte. */
  align(): this {
    while (this.#filled > 0) this.flag(0)
    return this
  }

  /** Closed by a one and zeros, with a 3 put in wherever two zero bytes could be mistaken for a start code. */
  nalUnit(header: number): Uint8Array {
    this.flag(1).align()
    const unit = [header]
    let zeros = 0
    for (const byte of this.#bytes) {
      if (zeros >= 2 && byte <= 3) {
        unit.push(3)
        zeros = 0
      }
      unit.push(byte)
      zeros = byte === 0 ? zeros + 1 : 0
    }
    return Uint8Array.from(unit)
  }
}
