/** Values that are posted from outside, signals or events: which are counted, by their names and the ids that they were given. */
import type { RowsTaken } from './experiment-rpc.ts'

/** Distinct names of signals in a release, and of events in each of its ledgers: each is rows for good and a series to Prometheus. */
export const MAX_METRIC_NAMES = 200
/** Clients repeat a batch within minutes or hours, not after weeks. */
const KEEP_IDS_MS = 30 * 86_400_000

interface Posting<R> {
  /** The table for ids. */
  ids: string
  /** Within what an id tells a repetition. */
  scopeOf: (row: R) => string
  /** SQL for the names (`metric`) of values that are kept. */
  names: string
  /** Told of each new name. */
  learn?: (name: string) => void
}

export class PostedRows<R extends { row: number; metric: string; id: string | null }> {
  readonly #sql: SqlStorage
  readonly #posting: Posting<R>
  /** Read when first needed. */
  #names: Set<string> | undefined

  constructor(sql: SqlStorage, posting: Posting<R>) {
    this.#sql = sql
    this.#posting = posting
    const { ids } = posting
    sql.exec(`CREATE TABLE IF NOT EXISTS ${ids} (id TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS ${ids}_by_time ON ${ids} (at)`)
  }

  /** `keep` is given each row that counts. `configured`: names that may always be kept. */
  take(rows: readonly R[], configured: readonly string[], now: number, keep: (row: R) => void): RowsTaken {
    const { ids, scopeOf, names } = this.#posting
    const stored = () => Array.from(this.#sql.exec<{ metric: string }>(names), ({ metric }) => metric)
    this.#names ??= new Set(stored())
    const taken: RowsTaken = { repeated: [], refused: [] }
    this.#sql.exec(`DELETE FROM ${ids} WHERE at < ?`, now - KEEP_IDS_MS)
    const isKnown = (id: string) =>
      this.#sql.exec(`INSERT OR IGNORE INTO ${ids} VALUES (?, ?)`, id, now).rowsWritten === 0
    for (const row of rows) {
      if (!configured.includes(row.metric) && !this.#admits(row.metric)) taken.refused.push(row.row)
      else if (row.id !== null && isKnown(`${scopeOf(row)}|${row.id}`)) taken.repeated.push(row.row)
      else keep(row)
    }
    return taken
  }

  /** Whether a value may be kept under this name, which is known from then on. */
  #admits(name: string): boolean {
    const names = this.#names!
    if (names.has(name)) return true
    if (names.size >= MAX_METRIC_NAMES) return false
    names.add(name)
    this.#posting.learn?.(name)
    return true
  }
}
