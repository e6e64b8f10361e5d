/**
 * How much the holders of write-only keys may post: such a key stands in a page, so anybody may hold it. Counted in this
 * isolate by the minute, a shield and not an account; in memory that has an end.
 */
import type { SluiceConfig } from '../config/load.ts'
import { SluiceError } from '../core/errors.ts'

const PERIOD_MS = 60_000
/** A minute, of one key from one address: what a page with its players posts, many times over. */
const OF_ADDRESS = { batches: 120, rows: 3000 }
/** A minute, of one key from all addresses. */
const OF_KEY = { batches: 6000, rows: 30_000 }
const MAX_COUNTERS = 10_000

interface Counter {
  startedAtMs: number
  batches: number
  rows: number
}

export class KeyLimits {
  readonly #counters = new Map<string, Counter>()

  /** Asked before the body is read. Throws `rate_limited`, as `takeRows` does. */
  takeBatch(key: string, address: string, nowMs: number): void {
    this.#take(key, address, nowMs, { batches: 1, rows: 0 })
  }

  /** Asked before the rows are kept: a batch is taken whole or not at all. */
  takeRows(key: string, address: string, rows: number, nowMs: number): void {
    this.#take(key, address, nowMs, { batches: 0, rows })
  }

  #take(key: string, address: string, nowMs: number, asked: { batches: number; rows: number }): void {
    const pairs = [
      [this.#counter(`${key}|${address}`, nowMs), OF_ADDRESS],
      [this.#counter(key, nowMs), OF_KEY],
    ] as const
    for (const [counter, limit] of pairs) {
      if (counter.batches + asked.batches <= limit.batches && counter.rows + asked.rows <= limit.rows) continue
      const seconds = Math.max(1, Math.ceil((counter.startedAtMs + PERIOD_MS - nowMs) / 1000))
      throw new SluiceError('rate_limited', `this key has posted enough for now; try again in ${seconds} s`, {
        headers: { 'retry-after': String(seconds) },
      })
    }
    for (const [counter] of pairs) {
      counter.batches += asked.batches
      counter.rows += asked.rows
    }
  }

  #counter(name: string, nowMs: number): Counter {
    let counter = this.#counters.get(name)
    if (!counter || nowMs - counter.startedAtMs >= PERIOD_MS || nowMs < counter.startedAtMs) {
      this.#counters.delete(name)
      if (this.#counters.size >= MAX_COUNTERS) this.#counters.delete(this.#counters.keys().next().value!)
      this.#counters.set(name, (counter = { startedAtMs: nowMs, batches: 0, rows: 0 }))
    }
    return counter
  }
}

const limits = new WeakMap<SluiceConfig, KeyLimits>()

/** Those of this isolate, which reads its configuration once. */
export function keyLimitsOf(config: SluiceConfig): KeyLimits {
  let known = limits.get(config)
  if (!known) limits.set(config, (known = new KeyLimits()))
  return known
}
