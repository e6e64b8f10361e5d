/** Counts of the last minutes by the second: what a fast trip is judged by. Kept in memory only. */
import type { RecentQuestion } from '../core/guardrails/evaluation.ts'
import {
  type CountedRow,
  emptyCounters,
  mergeCounters,
  seriesKey,
  type WindowRow,
  windowStart,
} from '../core/window.ts'

const KEEP_MS = 300_000
const SLICE_MS = 1000

interface Slice {
  startMs: number
  rows: Map<string, CountedRow>
}

export class RecentCounts {
  #slices: Slice[] = []

  add(rows: readonly CountedRow[], atMs: number): void {
    const slice = this.#slice(atMs)
    for (const { series, counters } of rows) {
      const key = seriesKey(series)
      let part = slice.rows.get(key)
      if (!part) slice.rows.set(key, (part = { series, counters: emptyCounters() }))
      // Nothing reads latencies by the second, and sketches are many times as large as counts.
      mergeCounters(part.counters, { ...counters, sketches: {} })
    }
  }

  /** Each in the span that it falls into, whose start the row has. */
  rows({ epoch, operations, cutsMs }: RecentQuestion): WindowRow[] {
    const sums = new Map<string, WindowRow>()
    for (const { startMs: at, rows } of this.#slices) {
      const startMs = cutsMs.findLast((cut) => cut <= at)
      if (startMs === undefined) continue
      for (const [key, { series, counters }] of rows) {
        if (series.epoch !== epoch || !operations.includes(series.operation)) continue
        const name = `${startMs}|${key}`
        let sum = sums.get(name)
        if (!sum) sums.set(name, (sum = { startMs, series, counters: emptyCounters() }))
        mergeCounters(sum.counters, counters)
      }
    }
    return [...sums.values()]
  }

  #slice(atMs: number): Slice {
    const startMs = windowStart(atMs, SLICE_MS)
    const last = this.#slices.at(-1)
    if (last?.startMs === startMs) return last
    const slice = { startMs, rows: new Map() }
    this.#slices = [...this.#slices.filter((kept) => kept.startMs > atMs - KEEP_MS), slice]
    return slice
  }
}
