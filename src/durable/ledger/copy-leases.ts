/**
 * How many copies each isolate may begin without asking: what was granted and not told as begun yet, kept so that it
 * outlives the object. A lease that ends without a word is its isolate's death: what it may have begun is counted as lost,
 * and holds its part of the caps for as long as such a copy may run.
 */
import type { CopyBatch } from '../rpc.ts'

/** From the isolate's last word on. */
export const LEASE_MS = 10_000
/** A copy that was begun at the last moment is told of by then. */
const GRACE_MS = 10_000

/** `free`: granted, and not told as begun. Until `hold_until` copies that were begun under it may run. Unix ms. */
type Lease = { source: string; seq: number; free: number; expires_at: number; hold_until: number; lapsed: number }

export class CopyLeases {
  readonly #sql: SqlStorage
  readonly #leases = new Map<string, Lease>()

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`CREATE TABLE IF NOT EXISTS copy_leases (source TEXT PRIMARY KEY, seq INTEGER, free INTEGER,
      expires_at INTEGER, hold_until INTEGER, lapsed INTEGER) WITHOUT ROWID`)
    for (const lease of sql.exec<Lease>('SELECT * FROM copy_leases')) this.#leases.set(lease.source, lease)
  }

  /** Copies that may have been begun, or may yet be. */
  get free(): number {
    let sum = 0
    for (const { free } of this.#leases.values()) sum += free
    return sum
  }

  /**
   * Takes over what an isolate says it has left. False for what it said before something else that has arrived already:
   * it counts on nothing that such a flush would be answered with.
   */
  reported({ source, seq, free, caps }: CopyBatch, now: number): boolean {
    const known = this.#leases.get(source)
    if (known && known.seq >= seq) return false
    const expires_at = now + LEASE_MS
    this.#keep({ source, seq, free, expires_at, hold_until: expires_at + caps.jobTimeoutMs, lapsed: 0 })
    return true
  }

  grant(source: string, n: number): void {
    const lease = this.#leases.get(source)!
    if (n > 0) this.#keep({ ...lease, free: lease.free + n })
  }

  /** Copies that may have been begun by isolates that are not heard of any more. */
  lapse(now: number): number {
    let lost = 0
    for (const [source, lease] of this.#leases) {
      if (now < lease.expires_at + GRACE_MS) continue
      if (lease.free === 0 || now >= lease.hold_until) {
        this.#leases.delete(source)
        this.#sql.exec('DELETE FROM copy_leases WHERE source = ?', source)
      } else if (!lease.lapsed) {
        lost += lease.free
        this.#keep({ ...lease, lapsed: 1 })
      }
    }
    return lost
  }

  #keep(lease: Lease): void {
    this.#leases.set(lease.source, lease)
    const { source, seq, free, expires_at, hold_until, lapsed } = lease
    const keep = 'INSERT OR REPLACE INTO copy_leases VALUES (?, ?, ?, ?, ?, ?)'
    this.#sql.exec(keep, source, seq, free, expires_at, hold_until, lapsed)
  }
}
