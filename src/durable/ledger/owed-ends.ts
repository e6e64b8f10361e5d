/**
 * Jobs that were counted as good when they ended and as bad when their video turned out to be none. A window that has
 * been judged can't be changed, so such a job is counted a second time, and the next good end of its series is not
 * counted for it: the sums stay those of the jobs, and no window has more errors than requests.
 */
import { type Series, seriesKey } from '../../core/window.ts'
import type { CountedRow } from '../window-store.ts'

export class OwedEnds {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec('CREATE TABLE IF NOT EXISTS owed_ends (series TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID')
  }

  /** One job of this series was counted twice. */
  owe(series: Series): void {
    this.#sql.exec(
      'INSERT INTO owed_ends VALUES (?, 1) ON CONFLICT (series) DO UPDATE SET n = n + 1',
      seriesKey(series),
    )
  }

  /** How a job's end is to be counted: in full, or a good one that is owed without a request, for its latencies only. */
  settled(end: CountedRow): CountedRow {
    if (Object.keys(end.counters.outcomes).length > 0) return end
    const update = 'UPDATE owed_ends SET n = n - 1 WHERE series = ? AND n > 0'
    const isOwed = this.#sql.exec(update, seriesKey(end.series)).rowsWritten > 0
    return isOwed ? { ...end, counters: { ...end.counters, requests: 0 } } : end
  }
}
