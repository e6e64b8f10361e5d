/** Jobs taken up, by series, until the windows are told: in one go, as each row of a window costs two writes. */
import { type CountedRow, emptyCounters, seriesKey } from '../../core/window.ts'
import type { WindowStore } from '../window-store.ts'
import { seriesOf } from './job-ends.ts'

export class TakenUp {
  readonly #windows: WindowStore
  readonly #rows = new Map<string, CountedRow & { counters: { submitted: number } }>()

  constructor(windows: WindowStore) {
    this.#windows = windows
  }

  add(job: Parameters<typeof seriesOf>[0]): void {
    const series = seriesOf(job)
    const key = seriesKey(series)
    const row = this.#rows.get(key)
    if (row) row.counters.submitted++
    else this.#rows.set(key, { series, counters: { ...emptyCounters(), submitted: 1 } })
  }

  /** Counts those since the last time, in the window of now. */
  count(now: number): void {
    if (this.#rows.size === 0) return
    this.#windows.add([...this.#rows.values()], now)
    this.#rows.clear()
  }
}
