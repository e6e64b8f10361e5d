/**
 * The end of copying after a rollback: up to which epoch nothing more is admitted, and which copies are still to be
 * stopped at the backend. Both outlive the object. A backend is asked once for each copy, and again a few times only if
 * it did not answer, or was too busy to: a rollback may come of just that.
 */
import type { Backend } from './backend.ts'

const WIDTH = 2
const AT_ONCE = 48
const MOST_ATTEMPTS = 5
const PAUSE_MS = 2000

type StopRow = { key: string; upstream_id: string; replica: number; attempts: number; prefix: string }

export class ShadowCancellation {
  readonly #sql: SqlStorage
  readonly #backend: Backend
  #closed: number
  /** Asked right now, so that two alarms don't ask twice. */
  readonly #underWay = new Set<string>()

  constructor(sql: SqlStorage, backend: Backend) {
    this.#sql = sql
    this.#backend = backend
    sql.exec('CREATE TABLE IF NOT EXISTS shadow_closed (one INTEGER PRIMARY KEY, epoch INTEGER)')
    sql.exec(`CREATE TABLE IF NOT EXISTS stops (key TEXT PRIMARY KEY, upstream_id TEXT, replica INTEGER, prefix TEXT,
      attempts INTEGER, next_at INTEGER) WITHOUT ROWID`)
    const [row] = sql.exec<{ epoch: number }>('SELECT epoch FROM shadow_closed')
    this.#closed = row?.epoch ?? -1
  }

  /** Whether copies of this epoch belong to a run that was rolled back. */
  isClosed(epoch: number): boolean {
    return epoch <= this.#closed
  }

  close(epoch: number): void {
    if (this.isClosed(epoch)) return
    this.#sql.exec('INSERT OR REPLACE INTO shadow_closed VALUES (1, ?)', epoch)
    this.#closed = epoch
  }

  /** To be stopped at the backend as soon as the alarm comes round. */
  queue(job: Omit<StopRow, 'attempts'>, now: number): void {
    const add = `INSERT OR IGNORE INTO stops (key, upstream_id, replica, prefix, attempts, next_at)
      VALUES (?, ?, ?, ?, 0, ?)`
    this.#sql.exec(add, job.key, job.upstream_id, job.replica, job.prefix, now)
  }

  nextAt(): number | null {
    return this.#sql.exec<{ at: number | null }>('SELECT MIN(next_at) AS at FROM stops').one().at
  }

  /** Stops the copies that are due, until that time; a replica that does not answer is left alone for the rest of it. */
  async stopDue(now: number, untilMs: number): Promise<void> {
    const due = this.#sql.exec<StopRow>('SELECT * FROM stops WHERE next_at <= ? LIMIT ?', now, AT_ONCE)
    const rows = [...due].filter(({ key }) => !this.#underWay.has(key))
    const ofEach = Map.groupBy(rows, ({ replica }) => replica)
    await Promise.all([...ofEach].map(([replica, ofOne]) => this.#stopAt(replica, ofOne, untilMs)))
  }

  async #stopAt(replica: number, rows: StopRow[], untilMs: number): Promise<void> {
    for (let i = 0; i < rows.length && Date.now() < untilMs; i += WIDTH) {
      const answered = await Promise.all(rows.slice(i, i + WIDTH).map((row) => this.#stop(row)))
      if (!answered.includes(true)) {
        const at = Date.now() + PAUSE_MS
        this.#sql.exec('UPDATE stops SET next_at = ? WHERE next_at <= ? AND replica = ?', at, at, replica)
        return
      }
    }
  }

  async #stop({ key, upstream_id: upstreamId, replica, attempts, prefix }: StopRow): Promise<boolean> {
    this.#underWay.add(key)
    try {
      const answered = await this.#backend.cancel({ arm: 'candidate', replica, prefix }, upstreamId)
      if (answered || attempts + 1 >= MOST_ATTEMPTS) this.#sql.exec('DELETE FROM stops WHERE key = ?', key)
      else {
        const at = Date.now() + PAUSE_MS * 2 ** attempts
        this.#sql.exec('UPDATE stops SET attempts = attempts + 1, next_at = ? WHERE key = ?', at, key)
      }
      return answered
    } finally {
      this.#underWay.delete(key)
    }
  }
}
