/** Each subject's failures in a row, of jobs: which of them are no evidence of their own. Rows of earlier epochs are forgotten. */
import { isRepeat, rowKind } from '../../core/failure-runs.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { JobRow } from './job-row.ts'

export class FailureRows {
  readonly #sql: SqlStorage
  #latest = 0

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`CREATE TABLE IF NOT EXISTS failure_rows (owner TEXT, arm TEXT, shadow INTEGER, epoch INTEGER, kind TEXT, n INTEGER,
      PRIMARY KEY (owner, arm, shadow, epoch, kind)) WITHOUT ROWID`)
  }

  /** Takes one end in, and tells whether it repeats what had failed before. */
  takes({ owner, arm, shadow, epoch }: JobRow, outcome: Outcome): boolean {
    const row = [owner, arm, shadow, epoch] as const
    if (outcome === 'ok')
      this.#sql.exec('DELETE FROM failure_rows WHERE owner = ? AND arm = ? AND shadow = ? AND epoch = ?', ...row)
    const kind = rowKind(outcome)
    if (!kind) return false
    if (epoch > this.#latest) this.#sql.exec('DELETE FROM failure_rows WHERE epoch < ?', (this.#latest = epoch) - 1)
    const { n } = this.#sql
      .exec<{ n: number }>(
        'INSERT INTO failure_rows VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1 RETURNING n',
        ...row,
        kind,
      )
      .one()
    return isRepeat(kind, n - 1)
  }
}
