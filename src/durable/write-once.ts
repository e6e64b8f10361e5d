/** Writes of one storage that are put off to the end of a piece of work, so that what changes many times is written once. */

export class WriteOnce {
  /** By what they write; null while no such work goes on. */
  #putOff: Map<string, () => void> | null = null

  /** Synchronous, so that all of it commits as one. Work within such work ends with the outer one. */
  during<T>(work: () => T): T {
    if (this.#putOff) return work()
    const putOff = (this.#putOff = new Map<string, () => void>())
    try {
      return work()
    } finally {
      this.#putOff = null
      for (const write of putOff.values()) write()
    }
  }

  /** At the end of the work that goes on, in the place of what was to be written under this name; else now. */
  write(name: string, write: () => void): void {
    if (this.#putOff) this.#putOff.set(name, write)
    else write()
  }
}
