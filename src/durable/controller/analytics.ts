/** Closed windows as points of Workers Analytics Engine, where `ANALYTICS` is bound. Nothing is decided by them. */
import type { ReleaseConfig } from '../../config/load.ts'
import { ARM_ERRORS } from '../../core/outcome.ts'
import { quantile } from '../../core/sketch.ts'
import { addedRows, armErrors, judged, type WindowRow, windowStart } from '../../core/window.ts'
import { gather } from './gather.ts'
import type { ControllerParts } from './parts.ts'
import { WINDOW_GRACE_MS } from './tick.ts'

/** The platform takes no more from one invocation. */
const MOST_POINTS = 250
/** What is older when it could be written is left out, since the platform stamps a point with the time of writing. */
const MOST_WINDOWS = 60
/** Until when windows have been written: unix ms. */
const CURSOR = 'analytics_until'

/** Rejects where counters could not be read or the binding refuses; what was not read is tried again next time. */
export async function writeAnalytics(
  { env, storage: { kv } }: Pick<ControllerParts, 'env' | 'storage'>,
  release: ReleaseConfig,
): Promise<void> {
  const dataset = env.ANALYTICS
  if (!dataset) return
  const { windowMs } = release
  const closed = windowStart(Date.now() - WINDOW_GRACE_MS, windowMs)
  const cursor = kv.get<number>(CURSOR)
  const fromMs = Math.max(cursor ?? closed - windowMs, closed - MOST_WINDOWS * windowMs)
  if (fromMs >= closed) return
  const { windows } = await gather(env, release, { fromMs, toMs: closed, overdue: null })
  // Another wake may have written them meanwhile.
  if (kv.get(CURSOR) !== cursor) return
  const { rows, untilMs } = fitting(summed(windows), closed)
  kv.put(CURSOR, untilMs)
  for (const row of rows) dataset.writeDataPoint(dataPoint(release, row))
}

/** Over shards, ledgers and epochs, oldest first. */
function summed(windows: readonly WindowRow[]): WindowRow[] {
  const overEpochs = windows.map((row) => ({ ...row, series: { ...row.series, epoch: 0 } }))
  return addedRows(overEpochs).sort((a, b) => a.startMs - b.startMs)
}

/** Whole windows, as many as one invocation may write. */
function fitting(rows: readonly WindowRow[], closed: number): { rows: readonly WindowRow[]; untilMs: number } {
  const next = rows[MOST_POINTS]
  if (!next) return { rows, untilMs: closed }
  const whole = rows.filter(({ startMs }) => startMs < next.startMs)
  // One window alone has more than may be written only where nobody could read a chart of it.
  return whole.length > 0
    ? { rows: whole, untilMs: next.startMs }
    : { rows: rows.slice(0, MOST_POINTS), untilMs: next.startMs + 1 }
}

/** Of an index, in bytes. */
const LONGEST_INDEX = 96

/** docs/deploy.md names each field by its place: what is added goes to the end. */
export function dataPoint({ name, windowMs }: ReleaseConfig, { startMs, series, counters }: WindowRow) {
  const { stage, arm, operation, shadow } = series
  const { requests, outcomes, sketches } = counters
  const seconds = (q: number) => (sketches.latency ? (quantile(sketches.latency, q) ?? 0) : 0)
  return {
    indexes: [beginningOf(name)],
    blobs: [name, stage, arm, operation, shadow ? 'shadow' : 'served'],
    doubles: [
      startMs / 1000,
      windowMs / 1000,
      requests,
      judged(counters),
      armErrors(counters),
      seconds(0.5),
      seconds(0.95),
      seconds(0.99),
      sketches.latency?.max ?? 0,
      ...ARM_ERRORS.map((error) => outcomes[error] ?? 0),
    ],
  }
}

/** Where a character of several bytes is cut, a sign of three bytes stands for it. */
function beginningOf(name: string): string {
  const bytes = new TextEncoder().encode(name)
  return bytes.length <= LONGEST_INDEX ? name : new TextDecoder().decode(bytes.subarray(0, LONGEST_INDEX - 2))
}
