/** Idempotency keys of submits, kept for 24 h: who claimed one, with which body, and what came of it. */
import type { ReleaseConfig } from '../../config/load.ts'
import type { Claim, ClaimEnd } from '../rpc.ts'

const KEEP_MS = 24 * 3_600_000
const CLEAN_EVERY_MS = 3_600_000

type ClaimRow = {
  fingerprint: string
  status: 'in_flight' | 'job' | 'error'
  client_id: string | null
  http_status: number | null
  body: string | null
  at_ms: number
}

export class Claims {
  readonly #sql: SqlStorage
  /** A claim in flight for longer than this was left behind by an isolate that died. */
  readonly #abandonedMs: number
  #cleanedAt = -Infinity

  constructor(sql: SqlStorage, abandonedMs: number) {
    this.#sql = sql
    this.#abandonedMs = abandonedMs
    sql.exec(`CREATE TABLE IF NOT EXISTS claims (owner TEXT, key TEXT, fingerprint TEXT, status TEXT, client_id TEXT, http_status INTEGER,
      body TEXT, at_ms INTEGER, PRIMARY KEY (owner, key)) WITHOUT ROWID`)
    sql.exec('CREATE INDEX IF NOT EXISTS claims_by_time ON claims (at_ms)')
  }

  claim(owner: string, key: string, fingerprint: string, now: number): Claim {
    const known = this.recall(owner, key, fingerprint, now)
    if (known) return known
    this.#sql.exec(
      "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, 'in_flight', NULL, NULL, NULL, ?)",
      owner,
      key,
      fingerprint,
      now,
    )
    this.#clean(now)
    return { status: 'new' }
  }

  /** What is known of the key, claiming nothing; null where it is free. */
  recall(owner: string, key: string, fingerprint: string, now: number): Exclude<Claim, { status: 'new' }> | null {
    const [known] = this.#sql.exec<ClaimRow>('SELECT * FROM claims WHERE owner = ? AND key = ?', owner, key)
    const keptMs = known?.status === 'in_flight' ? this.#abandonedMs : KEEP_MS
    if (!known || now - known.at_ms > keptMs) return null
    if (known.fingerprint !== fingerprint) return { status: 'mismatch' }
    if (known.status === 'job') return { status: 'job', clientId: known.client_id! }
    if (known.status === 'error') return { status: 'error', httpStatus: known.http_status!, body: known.body! }
    return { status: 'in_flight' }
  }

  #clean(now: number): void {
    if (now < this.#cleanedAt + CLEAN_EVERY_MS) return
    this.#cleanedAt = now
    this.#sql.exec('DELETE FROM claims WHERE at_ms < ?', now - KEEP_MS)
  }

  settle(owner: string, key: string, end: ClaimEnd): void {
    if ('release' in end) this.#sql.exec('DELETE FROM claims WHERE owner = ? AND key = ?', owner, key)
    else if ('job' in end)
      this.#sql.exec(
        "UPDATE claims SET status = 'job', client_id = ? WHERE owner = ? AND key = ?",
        end.job.clientId,
        owner,
        key,
      )
    else {
      const { httpStatus, body } = end.error
      this.#sql.exec(
        "UPDATE claims SET status = 'error', http_status = ?, body = ? WHERE owner = ? AND key = ?",
        httpStatus,
        body,
        owner,
        key,
      )
    }
  }
}

/** A client may wait for a video itself, and failover sends its submit to both arms in turn. */
export function longestSubmitMs({ arms }: ReleaseConfig): number {
  return [arms.control, arms.candidate].reduce((sum, arm) => sum + Math.max(arm.timeoutMs, arm.syncTimeoutMs), 0)
}
