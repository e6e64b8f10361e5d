/** Each subject's failures in a row, of jobs: which of them are no evidence of their own. Rows of earlier epochs are forgotten. */
import { type FailureRow, lengthened, type RepeatOf, rowKind } from '../../core/failure-runs.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { JobRow } from '../job-shapes.ts'

export class FailureRows {
  readonly #sql: SqlStorage
  #latest = 0
  /** Most releases have none, and each good end would look for one. */
  #hasRows: boolean

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`CREATE TABLE IF NOT EXISTS failure_rows (owner TEXT, arm TEXT, shadow INTEGER, epoch INTEGER, kind TEXT, row TEXT,
      PRIMARY KEY (owner, arm, shadow, epoch, kind)) WITHOUT ROWID`)
    this.#hasRows = sql.exec('SELECT 1 FROM failure_rows LIMIT 1').toArray().length > 0
  }

  /** Takes one end in, in the window that began then, and tells what it repeats. */
  taken({ owner, arm, shadow, epoch }: JobRow, outcome: Outcome, windowStart: number): RepeatOf[] {
    const of = 'owner = ? AND arm = ? AND shadow = ? AND epoch = ? AND kind = ?'
    const kind = outcome === 'ok' ? 'error' : rowKind(outcome)
    if (!kind) return []
    const key = [owner, arm, shadow, epoch, kind] as const
    if (outcome === 'ok') {
      if (this.#hasRows) this.#sql.exec(`DELETE FROM failure_rows WHERE ${of}`, ...key)
      return []
    }
    if (epoch > this.#latest) this.#sql.exec('DELETE FROM failure_rows WHERE epoch < ?', (this.#latest = epoch) - 1)
    const [stored] = this.#sql.exec<{ row: string }>(`SELECT row FROM failure_rows WHERE ${of}`, ...key)
    const before = stored ? (JSON.parse(stored.row) as FailureRow) : null
    const { row, repeats } = lengthened(kind, before, windowStart)
    this.#hasRows = true
    this.#sql.exec('INSERT OR REPLACE INTO failure_rows VALUES (?, ?, ?, ?, ?, ?)', ...key, JSON.stringify(row))
    return repeats
  }
}
