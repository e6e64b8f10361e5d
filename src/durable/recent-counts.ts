/** Counts of the last minutes by the second: what a fast trip is judged by. Kept in memory only. */
import type { RecentQuestion } from '../core/guardrails/evaluation.ts'
import { addRow, type CountedRow, seriesKey, type WindowRow, windowStart } from '../core/window.ts'

const KEEP_MS = 300_000
const SLICE_MS = 1000

export class RecentCounts {
  #slices: { startMs: number; rows: Map<string, CountedRow> }[] = []

  add(rows: readonly CountedRow[], atMs: number): void {
    const startMs = windowStart(atMs, SLICE_MS)
    if (this.#slices.at(-1)?.startMs !== startMs)
      this.#slices = [...this.#slices.filter((kept) => kept.startMs > atMs - KEEP_MS), { startMs, rows: new Map() }]
    const slice = this.#slices.at(-1)!
    // Nothing reads latencies by the second, and sketches are many times as large as counts.
    for (const { series, counters } of rows)
      addRow(slice.rows, seriesKey(series), { series, counters: { ...counters, sketches: {} } })
  }

  /** Each in the span that it falls into, whose start the row has. */
  rows({ epoch, operations, cutsMs }: RecentQuestion): WindowRow[] {
    const sums = new Map<string, WindowRow>()
    for (const { startMs: at, rows } of this.#slices) {
      const startMs = cutsMs.findLast((cut) => cut <= at)
      if (startMs === undefined) continue
      for (const [key, row] of rows) {
        const { series } = row
        if (series.epoch === epoch && operations.includes(series.operation))
          addRow(sums, `${startMs}|${key}`, { startMs, ...row })
      }
    }
    return [...sums.values()]
  }
}
