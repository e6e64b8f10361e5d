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

interface Lease {
  seq: number
  /** Granted, and not told as begun. */
  free: number
  /** Unix ms. */
  expiresAt: number
  /** Until then copies that were begun under it may run, unix ms. */
  holdUntil: number
  isLapsed: boolean
}

type LeaseRow = { source: string; seq: number; free: number; expires_at: number; hold_until: number; lapsed: number }

export class CopyLeases {
  readonly #sql: SqlStorage
  readonly #leases = new Map<string, Lease>()

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`CREATE TABLE IF NOT EXISTS copy_leases (source TEXT PRIMARY KEY, seq INTEGER, free INTEGER,
      expires_at INTEGER, hold_until INTEGER, lapsed INTEGER) WITHOUT ROWID`)
    for (const row of sql.exec<LeaseRow>('SELECT * FROM copy_leases')) {
      const { seq, free, expires_at: expiresAt, hold_until: holdUntil, lapsed } = row
      this.#leases.set(row.source, { seq, free, expiresAt, holdUntil, isLapsed: lapsed === 1 })
    }
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
    this.#keep(source, { seq, free, expiresAt: now + LEASE_MS, holdUntil: now + LEASE_MS + caps.jobTimeoutMs })
    return true
  }

  grant(source: string, n: number): void {
    const lease = this.#leases.get(source)!
    if (n > 0) this.#keep(source, { ...lease, free: lease.free + n })
  }

  /** Copies that may have been begun by isolates that are not heard of any more. */
  lapse(now: number): number {
    let lost = 0
    for (const [source, lease] of this.#leases) {
      if (now < lease.expiresAt + GRACE_MS) continue
      if (lease.free === 0 || now >= lease.holdUntil) this.#drop(source)
      else if (!lease.isLapsed) {
        lost += lease.free
        this.#keep(source, lease, true)
      }
    }
    return lost
  }

  #keep(source: string, lease: Omit<Lease, 'isLapsed'>, isLapsed = false): void {
    this.#leases.set(source, { ...lease, isLapsed })
    const { seq, free, expiresAt, holdUntil } = lease
    const keep = 'INSERT OR REPLACE INTO copy_leases VALUES (?, ?, ?, ?, ?, ?)'
    this.#sql.exec(keep, source, seq, free, expiresAt, holdUntil, Number(isLapsed))
  }

  #drop(source: string): void {
    this.#leases.delete(source)
    this.#sql.exec('DELETE FROM copy_leases WHERE source = ?', source)
  }
}
