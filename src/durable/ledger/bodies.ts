/** Bodies of candidate jobs, kept only with `rescue = true` and only until the job has ended or went on at control. */
import type { JobEntry } from '../rpc.ts'

/** A row holds up to 2 MB; what is larger can't be rescued. */
const MAX_BODY_BYTES = 1_900_000

export interface KeptBody {
  bytes: Uint8Array<ArrayBuffer>
  contentType: string
  path: string
}

export class Bodies {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(
      'CREATE TABLE IF NOT EXISTS bodies (key TEXT PRIMARY KEY, bytes BLOB, content_type TEXT, path TEXT) WITHOUT ROWID',
    )
  }

  keep(key: string, body: NonNullable<JobEntry['rescue']>): void {
    if (body.bytes.byteLength > MAX_BODY_BYTES) return
    this.#sql.exec('INSERT OR IGNORE INTO bodies VALUES (?, ?, ?, ?)', key, body.bytes, body.contentType, body.path)
  }

  get(key: string): KeptBody | null {
    const [row] = this.#sql.exec<{ bytes: ArrayBuffer; content_type: string; path: string }>(
      'SELECT * FROM bodies WHERE key = ?',
      key,
    )
    return row ? { bytes: new Uint8Array(row.bytes), contentType: row.content_type, path: row.path } : null
  }

  drop(key: string): void {
    this.#sql.exec('DELETE FROM bodies WHERE key = ?', key)
  }

  /** What a rescue that never came left behind. */
  dropEnded(before: number): void {
    this.#sql.exec(
      "DELETE FROM bodies WHERE EXISTS (SELECT 1 FROM jobs WHERE jobs.key = bodies.key AND status != 'open' AND ended_at < ?)",
      before,
    )
  }
}
