/**
 * What a client asks, as plain data. Each look into the platform's own objects costs a call, and a request's address and
 * headers are looked at some forty times.
 */
import { type Plane, planeOf } from '../core/plane.ts'
import { remembered } from '../core/remembered.ts'

/** Headers as a function reads them, whoever holds them. Names are in lower case. */
export interface HeaderReader extends Iterable<[name: string, value: string]> {
  get(name: string): string | null
  has(name: string): boolean
}

/** The headers of a message, read in one go; what was sent twice is joined by commas. */
export class ReceivedHeaders implements HeaderReader {
  readonly #values = new Map<string, string>()
  /** The platform's own, where a value has bytes that are no UTF-8: what is read of them is not what came. */
  readonly unreadable: Headers | null

  constructor(headers: Headers | ReadonlyMap<string, string>, unreadable: Headers | null = null) {
    let isReadable = true
    headers.forEach((value, name) => {
      this.#values.set(name, value)
      if (value.includes('\ufffd')) isReadable = false
    })
    this.unreadable = isReadable || !(headers instanceof Headers) ? unreadable : headers
  }

  get(name: string): string | null {
    return this.#values.get(name) ?? null
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  [Symbol.iterator](): Iterator<[name: string, value: string]> {
    return this.#values.entries()
  }

  with(name: string, value: string): ReceivedHeaders {
    return new ReceivedHeaders(new Map(this.#values).set(name, value), this.unreadable)
  }

  without(...names: readonly string[]): ReceivedHeaders {
    return new ReceivedHeaders(new Map([...this].filter(([name]) => !names.includes(name))), this.unreadable)
  }
}

/** The parts of an address that are asked for, each as `URL` has it, and the plane that its path is of. */
export type Address = Pick<URL, 'href' | 'origin' | 'protocol' | 'pathname' | 'search'> & { plane: Plane }

/** What clients ask for again and again is taken apart once. A Host header that names no host leads nowhere. */
export const addressOf = remembered({ entries: 2000, chars: 512 }, (text): Address => {
  const url = URL.parse(text)
  if (!url) return { href: text, origin: '', protocol: '', pathname: '', search: '', plane: 'disguised' }
  const { href, origin, protocol, pathname, search } = url
  // By the path as it stands: `URL` and a router's own reading would let other spellings in.
  return { href, origin, protocol, pathname, search, plane: planeOf(text) }
})
