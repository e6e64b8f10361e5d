/** How many subjects each epoch of the run dealt to which arm, and how many it should have: for the split's test. */
import type { Arm } from '../../core/arm.ts'
import type { SplitCount } from '../experiment-rpc.ts'

/** A subject's first exposure, and the candidate's percent then. */
export type First = { epoch: number; arm: Arm; percent: number; at: number }

export class SplitCounts {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS firsts (owner TEXT PRIMARY KEY, epoch INTEGER, arm TEXT, percent REAL, at INTEGER) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS split_counts (epoch INTEGER PRIMARY KEY, n INTEGER, candidate INTEGER, percents REAL)`)
  }

  /** Each subject of the run once, in the epoch of its first exposure, with the chance that it had there. */
  add(owner: string, { epoch, arm, percent, at }: First): void {
    const [known] = this.#sql.exec<First>('SELECT * FROM firsts WHERE owner = ?', owner)
    if (known && known.at <= at) return
    if (known) this.#count(known, -1)
    this.#count({ epoch, arm, percent, at }, 1)
    this.#sql.exec('INSERT OR REPLACE INTO firsts VALUES (?, ?, ?, ?, ?)', owner, epoch, arm, percent, at)
  }

  #count({ epoch, arm, percent }: First, sign: 1 | -1): void {
    const add = `INSERT INTO split_counts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n,
      candidate = candidate + excluded.candidate, percents = percents + excluded.percents`
    this.#sql.exec(add, epoch, sign, arm === 'candidate' ? sign : 0, sign * percent)
  }

  counts(): SplitCount[] {
    const all = 'SELECT epoch, n, candidate, percents / 100.0 AS expected FROM split_counts WHERE n > 0 ORDER BY epoch'
    return [...this.#sql.exec<SplitCount>(all)]
  }

  /** A run began. (With MIN, SQLite takes the other columns from the row of the minimum.) */
  anew(sinceMs: number): void {
    this.#sql.exec('DELETE FROM firsts; DELETE FROM split_counts')
    const firsts = 'SELECT owner, epoch, arm, percent, MIN(at) FROM exposures WHERE at >= ? GROUP BY owner'
    this.#sql.exec(`INSERT INTO firsts ${firsts}`, sinceMs)
    const counts = "SELECT epoch, COUNT(*), SUM(arm = 'candidate'), SUM(percent) FROM firsts GROUP BY epoch"
    this.#sql.exec(`INSERT INTO split_counts ${counts}`)
  }
}
