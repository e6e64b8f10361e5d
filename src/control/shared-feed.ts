/**
 * What the viewers of one isolate share of a release: one reading of its state a second, and the counters of windows that
 * closed. Plain values only: on the platform a promise or a timer of one request is no use to another, so whoever finds
 * a value too old reads it within its own request and leaves it here; the others go on with what there is.
 */
import type { SluiceConfig } from '../config/load.ts'
import type { ReleaseFeed } from './release-events.ts'

/** A reading is given up as lost after this: its request may have ended with its client. */
const LOST_AFTER_MS = 6000
/** What is older than this beyond its time says nothing of the present. */
const STALE_MS = 2000
/** Spans of counters kept; viewers that were there all along ask for the same one. */
const MAX_SPANS = 8

interface Shared<T> {
  value: T | null
  atMs: number
  /** When somebody began to read it anew; -Infinity: nobody does. */
  begunAtMs: number
}

function nothing<T>(): Shared<T> {
  return { value: null, atMs: -Infinity, begunAtMs: -Infinity }
}

async function shared<T>(slot: Shared<T>, maxAgeMs: number, now: () => number, read: () => Promise<T>) {
  const age = now() - slot.atMs
  const isFresh = age >= 0 && age < maxAgeMs
  const isRead = now() - slot.begunAtMs < LOST_AFTER_MS && now() >= slot.begunAtMs
  if (isFresh) return slot.value
  if (isRead) return age < maxAgeMs + STALE_MS ? slot.value : null
  const begunAtMs = now()
  slot.begunAtMs = begunAtMs
  try {
    const value = await read()
    // One that was given up as lost and came after all does not hide what came in its place.
    if (slot.begunAtMs === begunAtMs) Object.assign(slot, { value, atMs: begunAtMs })
    return value
  } finally {
    if (slot.begunAtMs === begunAtMs) slot.begunAtMs = -Infinity
  }
}

export class SharedFeed<State, Rows> {
  readonly #state = nothing<State>()
  readonly #spans = new Map<string, Shared<Rows>>()

  /** At most `maxAgeMs` old, but while another viewer reads; null where there is none yet. `read` must not reject. */
  state(maxAgeMs: number, now: () => number, read: () => Promise<State>): Promise<State | null> {
    return shared(this.#state, maxAgeMs, now, read)
  }

  /** Of windows that have closed, so that they are read once; null while another viewer reads them. */
  span(key: string, now: () => number, read: () => Promise<Rows>): Promise<Rows | null> {
    let slot = this.#spans.get(key)
    if (!slot) {
      if (this.#spans.size >= MAX_SPANS) this.#spans.delete(this.#spans.keys().next().value!)
      this.#spans.set(key, (slot = nothing<Rows>()))
    }
    return shared(slot, Infinity, now, read)
  }
}

/** Open streams of an isolate, over all releases. */
export const MAX_STREAMS = 100
/** A client that goes may take its request along without a word: a place that nobody has used for so long is free. */
const IDLE_MS = 15_000

/** Places for streams. Each is a name and the time when it was last used. */
export class StreamPlaces {
  readonly #usedAtMs = new Map<symbol, number>()

  /** A place, or null where all are taken. */
  take(nowMs: number): symbol | null {
    const place = Symbol('stream')
    return this.keep(place, nowMs) ? place : null
  }

  /** Whether the stream may go on: one that stood still for long has lost its place, and takes another if there is one. */
  keep(place: symbol, nowMs: number): boolean {
    if (!this.#usedAtMs.has(place) && this.#usedAtMs.size >= MAX_STREAMS) {
      for (const [other, atMs] of this.#usedAtMs) if (nowMs - atMs >= IDLE_MS) this.#usedAtMs.delete(other)
      if (this.#usedAtMs.size >= MAX_STREAMS) return false
    }
    this.#usedAtMs.set(place, nowMs)
    return true
  }

  leave(place: symbol): void {
    this.#usedAtMs.delete(place)
  }
}

export interface Streams {
  places: StreamPlaces
  feed(release: string): ReleaseFeed
}

const known = new WeakMap<SluiceConfig, Streams>()

/** Those of this isolate, which reads its configuration once. */
export function streamsOf(config: SluiceConfig): Streams {
  let streams = known.get(config)
  if (!streams) {
    const feeds = new Map<string, ReleaseFeed>()
    const feed = (release: string) => {
      let one = feeds.get(release)
      if (!one) feeds.set(release, (one = new SharedFeed()))
      return one
    }
    known.set(config, (streams = { places: new StreamPlaces(), feed }))
  }
  return streams
}
