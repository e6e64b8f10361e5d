/**
 * When submits of the candidate's users failed, by epoch: the first and the last of them to the millisecond, which
 * windows don't tell. How many there were, the windows do.
 */
import { type FailedTimes, isUsersSubmit } from '../core/failed-submits.ts'
import { armErrors, type CountedRow } from '../core/window.ts'

export class FailedSubmits {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`CREATE TABLE IF NOT EXISTS failed_submits
      (epoch INTEGER PRIMARY KEY, first_at INTEGER, last_sent_at INTEGER)`)
  }

  /** A batch's row; one that does not tell its times failed no earlier than it arrived. */
  note({ series, counters, failed }: CountedRow & { failed?: FailedTimes }, now: number): void {
    if (!isUsersSubmit(series) || armErrors(counters) === 0) return
    const add = `INSERT INTO failed_submits VALUES (?, ?, ?) ON CONFLICT (epoch) DO UPDATE
      SET first_at = MIN(first_at, excluded.first_at), last_sent_at = MAX(last_sent_at, excluded.last_sent_at)`
    this.#sql.exec(add, series.epoch, failed?.firstAt ?? now, failed?.lastSentAt ?? 0)
  }

  /** Over these epochs; null where none failed. */
  times(epochs: readonly number[]): FailedTimes | null {
    const times = `SELECT MIN(first_at) AS firstAt, MAX(last_sent_at) AS lastSentAt FROM failed_submits
      WHERE epoch IN (SELECT value FROM json_each(?)) HAVING COUNT(*) > 0`
    const [row] = this.#sql.exec<FailedTimes & Record<string, SqlStorageValue>>(times, JSON.stringify(epochs))
    return row ?? null
  }
}
