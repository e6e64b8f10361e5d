/** Rows of counters → windows as monitors are fed them. Judges nothing. */
import type { ClosedWindow } from './monitor.ts'
import { type Counters, emptyCounters, mergeCounters, type Series, type WindowRow } from '../window.ts'

/** Whose rows are taken: of this epoch, and of the candidate its copies or its users' requests. */
interface Judged {
  epoch: number
  shadow: boolean
}

/** Windows with traffic of this epoch, oldest first. */
export function closedWindows(
  rows: readonly WindowRow[],
  of: Judged,
  fromMs: number,
  toMs: number,
  windowMs: number,
): ClosedWindow[] {
  const windows = new Map<number, ClosedWindow>()
  for (const row of rows) {
    if (row.startMs < fromMs || row.startMs >= toMs) continue
    let window = windows.get(row.startMs)
    if (!window) windows.set(row.startMs, (window = emptyWindow(row.startMs, row.startMs + windowMs)))
    addRow(window, row.series, row.counters, of)
  }
  return [...windows.values()].sort((a, b) => a.startMs - b.startMs)
}

/** The counts since `fromMs` as one window. */
export function recentWindow(rows: readonly WindowRow[], of: Judged, fromMs: number, toMs: number): ClosedWindow {
  const window = emptyWindow(fromMs, toMs)
  for (const row of rows) if (row.startMs >= fromMs) addRow(window, row.series, row.counters, of)
  return window
}

function emptyWindow(startMs: number, endMs: number): ClosedWindow {
  return { startMs, endMs, candidate: {}, control: {} }
}

/** Counters of other epochs, and copies where users' jobs are judged (or the other way round), are left out. */
function addRow(window: ClosedWindow, series: Series, counters: Counters, of: Judged): void {
  if (series.epoch !== of.epoch) return
  const isCandidate = series.arm === 'candidate'
  if (series.shadow !== (isCandidate && of.shadow)) return
  const arm = isCandidate ? window.candidate : window.control
  mergeCounters((arm[series.operation] ??= emptyCounters()), counters)
}
