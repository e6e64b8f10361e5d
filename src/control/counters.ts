/** Windows as the controller keeps them → counter rows as the API shows them. Arithmetic only. */
import { contractDrift } from '../core/contract-drift.ts'
import { isArmError } from '../core/outcome.ts'
import { quantile, type Sketch } from '../core/sketch.ts'
import {
  type Counters,
  emptyCounters,
  mergeCounters,
  type Series,
  seriesKey,
  type WindowRow,
  windowStart,
} from '../core/window.ts'
import type { CounterRow } from '../api/index.ts'

/** Sums per step and series. Steps are aligned as windows are. */
export class StepCounters {
  readonly #stepMs: number
  readonly #rows = new Map<string, WindowRow>()

  constructor(stepMs: number) {
    this.#stepMs = stepMs
  }

  add({ startMs, series, counters }: WindowRow): void {
    // Jobs were submitted, and none has ended or grown slow.
    if (counters.requests === 0 && !counters.sketches.latency) return
    const start = windowStart(startMs, this.#stepMs)
    const key = `${start}|${seriesKey(series)}`
    let row = this.#rows.get(key)
    if (!row) this.#rows.set(key, (row = { startMs: start, series, counters: emptyCounters() }))
    mergeCounters(row.counters, counters)
  }

  /** Oldest first. */
  rows(): CounterRow[] {
    const rows = [...this.#rows.values()]
    return rows
      .sort((a, b) => a.startMs - b.startMs || (seriesKey(a.series) < seriesKey(b.series) ? -1 : 1))
      .map((row) => {
        const { startMs, series, counters } = row
        return counterRow(startMs, startMs + this.#stepMs, series, counters, contractDriftOf(row, rows))
      })
  }
}

/** Against the other arm's requests of the same operation and step. */
function contractDriftOf(row: WindowRow, rows: readonly WindowRow[]): number {
  const { arm, operation } = row.series
  const refusals = (its: readonly WindowRow[]) => ({
    requests: its.reduce((sum, { counters }) => sum + counters.requests, 0),
    clientErrors: its.reduce((sum, { counters }) => sum + (counters.outcomes.client_error ?? 0), 0),
  })
  const other = rows.filter(
    ({ startMs, series }) => startMs === row.startMs && series.operation === operation && series.arm !== arm,
  )
  return contractDrift(refusals([row]), refusals(other))
}

function counterRow(fromMs: number, toMs: number, series: Series, counters: Counters, drift: number): CounterRow {
  const { stage, epoch, arm, operation, shadow } = series
  const errors: Record<string, number> = {}
  const other: Record<string, number> = {}
  for (const [outcome, n] of Object.entries(counters.outcomes) as [keyof Counters['outcomes'], number][]) {
    ;(isArmError(outcome) ? errors : other)[outcome] = n
  }
  if (drift > 0) other['contract_drift'] = drift
  return {
    stage,
    epoch,
    arm,
    operation,
    shadow,
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    requests: counters.requests,
    errors,
    other,
    latency_seconds: percentiles(counters.sketches.latency),
    queue_seconds: percentiles(counters.sketches.queue),
  }
}

function percentiles(sketch: Sketch | undefined): CounterRow['latency_seconds'] {
  if (!sketch || sketch.max === null) return null
  const at = (q: number) => quantile(sketch, q) ?? 0
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sketch.max }
}
