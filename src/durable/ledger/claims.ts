/** Idempotency keys of submits, kept for 24 h. Until then only an answer that nothing was begun frees a key. */
import type { ReleaseConfig } from '../../config/load.ts'
import { KEEP_KEYS_MS } from '../../core/ledger-growth.ts'
import type { Claim, ClaimEnd, Hold } from '../rpc.ts'

/** Old keys are deleted by so many at a time, and no more often than that: faster than new ones can come. */
const CLEAN_EVERY_MS = 1000
const CLEAN_AT_ONCE = 2000

type ClaimRow = {
  fingerprint: string
  status: 'in_flight' | 'job' | 'error'
  client_id: string | null
  http_status: number | null
  content_type: string | null
  body: ArrayBuffer | null
  at_ms: number
}

export class Claims {
  readonly #sql: SqlStorage
  /** The end of a claim in flight for longer than this will not be told any more: its isolate has died. */
  readonly #abandonedMs: number
  #cleanedAt = -Infinity

  constructor(sql: SqlStorage, abandonedMs: number) {
    this.#sql = sql
    this.#abandonedMs = abandonedMs
    sql.exec(`CREATE TABLE IF NOT EXISTS claims (owner TEXT, key TEXT, fingerprint TEXT, status TEXT, token TEXT,
      client_id TEXT, http_status INTEGER, content_type TEXT, body BLOB, at_ms INTEGER, PRIMARY KEY (owner, key)) WITHOUT ROWID`)
    sql.exec('CREATE INDEX IF NOT EXISTS claims_by_time ON claims (at_ms)')
  }

  claim(owner: string, key: string, fingerprint: string, { token, byMs }: Hold, now: number): Claim {
    const known = this.recall(owner, key, fingerprint, now)
    if (known) return known
    // Who asked has given up by now and has told its client that nothing was submitted.
    if (now > byMs) return { status: 'late' }
    const claim = `INSERT OR REPLACE INTO claims (owner, key, fingerprint, status, token, at_ms)
      VALUES (?, ?, ?, 'in_flight', ?, ?)`
    this.#sql.exec(claim, owner, key, fingerprint, token, now)
    this.#clean(now)
    return { status: 'new' }
  }

  /** What is known of the key, claiming nothing; null where it is free. */
  recall(owner: string, key: string, fingerprint: string, now: number): Exclude<Claim, { status: 'new' }> | null {
    const [known] = this.#sql.exec<ClaimRow>('SELECT * FROM claims WHERE owner = ? AND key = ?', owner, key)
    if (!known || now - known.at_ms > KEEP_KEYS_MS) return null
    if (known.fingerprint !== fingerprint) return { status: 'mismatch' }
    if (known.status === 'job') return { status: 'job', clientId: known.client_id! }
    if (known.status === 'error') {
      const { http_status, content_type: contentType, body } = known
      return {
        status: 'error',
        error: { httpStatus: http_status!, contentType: contentType!, body: new Uint8Array(body!) },
      }
    }
    return { status: now - known.at_ms > this.#abandonedMs ? 'unknown' : 'in_flight' }
  }

  /** Only by the attempt that holds the claim, and only once: a settling that is repeated or comes late changes nothing. */
  settle(owner: string, key: string, token: string, end: ClaimEnd): void {
    const held = "WHERE owner = ? AND key = ? AND token = ? AND status = 'in_flight'"
    const hold = [owner, key, token]
    if ('release' in end) this.#sql.exec(`DELETE FROM claims ${held}`, ...hold)
    else if ('job' in end)
      this.#sql.exec(`UPDATE claims SET status = 'job', client_id = ? ${held}`, end.job.clientId, ...hold)
    else {
      const { httpStatus, contentType, body } = end.error
      const failed = `UPDATE claims SET status = 'error', http_status = ?, content_type = ?, body = ? ${held}`
      this.#sql.exec(failed, httpStatus, contentType, body, ...hold)
    }
  }

  #clean(now: number): void {
    if (now < this.#cleanedAt + CLEAN_EVERY_MS) return
    this.#cleanedAt = now
    const old = 'SELECT owner, key FROM claims WHERE at_ms < ? LIMIT ?'
    this.#sql.exec(`DELETE FROM claims WHERE (owner, key) IN (${old})`, now - KEEP_KEYS_MS, CLEAN_AT_ONCE)
  }
}

/** A client may wait for a video itself, and failover sends its submit to both arms in turn. */
export function longestSubmitMs({ arms }: ReleaseConfig): number {
  return [arms.control, arms.candidate].reduce((sum, arm) => sum + Math.max(arm.timeoutMs, arm.syncTimeoutMs), 0)
}
