/**
 * Bodies of candidate jobs, kept only with `rescue = true`: until the job has ended well, went on at control, or control
 * has refused it for good. A body whose job has failed waits here for its next try.
 */
import { MAX_RESCUE_BODY_BYTES } from '../../core/rescue-plan.ts'
import type { RebuiltSubmit } from '../../protocols/submit.ts'

export interface StoredBody extends RebuiltSubmit {
  /** How often control was asked, also where the answer never came. */
  tries: number
}

export class Bodies {
  readonly #sql: SqlStorage
  #sweptTo = ''

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`CREATE TABLE IF NOT EXISTS bodies (key TEXT PRIMARY KEY, bytes BLOB, content_type TEXT, path TEXT,
      tries INTEGER DEFAULT 0, try_at INTEGER) WITHOUT ROWID`)
    sql.exec('CREATE INDEX IF NOT EXISTS bodies_due ON bodies (try_at) WHERE try_at IS NOT NULL')
  }

  keep(key: string, body: RebuiltSubmit): void {
    if (body.bytes.byteLength > MAX_RESCUE_BODY_BYTES) return
    const keep = 'INSERT OR IGNORE INTO bodies (key, bytes, content_type, path) VALUES (?, ?, ?, ?)'
    this.#sql.exec(keep, key, body.bytes, body.contentType, body.path)
  }

  get(key: string): StoredBody | null {
    const body = 'SELECT bytes, content_type AS contentType, path, tries FROM bodies WHERE key = ?'
    const [row] = this.#sql.exec<Omit<StoredBody, 'bytes'> & { bytes: ArrayBuffer }>(body, key)
    return row ? { ...row, bytes: new Uint8Array(row.bytes) } : null
  }

  /** The job has failed. False where there is no body to try with. */
  want(key: string, at: number): boolean {
    this.#sql.exec('UPDATE bodies SET try_at = ? WHERE key = ? AND try_at IS NULL', at, key)
    return this.isWanted(key)
  }

  isWanted(key: string): boolean {
    const [row] = this.#sql.exec('SELECT 1 FROM bodies WHERE key = ? AND try_at IS NOT NULL', key)
    return row !== undefined
  }

  /** Stored before control is asked, so that a try that dies with the object is made again. */
  tried(key: string, tries: number, nextAt: number): void {
    this.#sql.exec('UPDATE bodies SET tries = ?, try_at = ? WHERE key = ?', tries, nextAt, key)
  }

  /** Tries that were under way have died with their object: each is due again by then at the latest. */
  interrupted(at: number): void {
    this.#sql.exec('UPDATE bodies SET try_at = ? WHERE try_at > ?', at, at)
  }

  /** Those that it is time to try, the longest waiting first. */
  due(now: number, limit: number): string[] {
    const due = 'SELECT key FROM bodies WHERE try_at <= ? ORDER BY try_at LIMIT ?'
    return [...this.#sql.exec<{ key: string }>(due, now, limit)].map(({ key }) => key)
  }

  /** The next time after `afterMs` that a try is due. */
  nextAt(afterMs: number): number | null {
    const next = 'SELECT MIN(try_at) AS at FROM bodies WHERE try_at > ?'
    return this.#sql.exec<{ at: number | null }>(next, afterMs).one().at
  }

  drop(key: string): void {
    this.#sql.exec('DELETE FROM bodies WHERE key = ?', key)
  }

  /** Of ended jobs that nobody wants to rescue, should any be left. Looks at the next `most` bodies: those of open jobs are many. */
  dropEnded(before: number, most: number): void {
    const next = 'SELECT key FROM bodies WHERE key > ? ORDER BY key LIMIT ?'
    const keys = [...this.#sql.exec<{ key: string }>(next, this.#sweptTo, most)].map(({ key }) => key)
    this.#sweptTo = keys[most - 1] ?? ''
    const drop = `DELETE FROM bodies WHERE key IN (SELECT value FROM json_each(?)) AND try_at IS NULL
      AND EXISTS (SELECT 1 FROM jobs WHERE jobs.key = bodies.key AND status != 'open' AND ended_at < ?)`
    this.#sql.exec(drop, JSON.stringify(keys), before)
  }
}
