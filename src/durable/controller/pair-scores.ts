/**
 * What evaluators measured of both videos of a shadow pair, in the controller's SQLite: one value a side and metric, the
 * first that comes. Sums of all pairs by epoch, and the latest pairs themselves. What they mean is the report's business.
 */
import type { ScoreView } from '../../api/experiment.ts'
import type { Page } from '../../api/index.ts'
import type { Arm } from '../../core/arm.ts'
import type { PairSums } from '../../core/experiment.ts'
import { merged, withValue } from '../../core/stats/moments.ts'
import { iso } from '../job-shapes.ts'

/** Latest ones that are kept: of whole pairs, and of sides that wait for the other. */
const KEEP = 20_000

type SumRow = PairSums & { epoch: number }
type ScoreRow = Omit<ScoreView, 'job_id' | 'at'> & { id: number; job: string; at: number }

export class PairScores {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS pair_sides (id INTEGER PRIMARY KEY AUTOINCREMENT, metric TEXT, job TEXT, arm TEXT,
        value REAL, UNIQUE (metric, job));
      CREATE TABLE IF NOT EXISTS pair_scores (id INTEGER PRIMARY KEY AUTOINCREMENT, metric TEXT, job TEXT, epoch INTEGER,
        control REAL, candidate REAL, at INTEGER, UNIQUE (metric, job));
      CREATE TABLE IF NOT EXISTS pair_sums (epoch INTEGER, metric TEXT, n INTEGER, control REAL, candidate REAL,
        mean REAL, m2 REAL, higher INTEGER, lower INTEGER, PRIMARY KEY (epoch, metric)) WITHOUT ROWID`)
  }

  /** `job`: the client's id of the control job. */
  take(metric: string, job: string, arm: Arm, value: number, epoch: number, at: number): void {
    const isWhole = this.#sql.exec('SELECT 1 FROM pair_scores WHERE metric = ? AND job = ?', metric, job).toArray()
    if (isWhole.length > 0) return
    const waiting = 'SELECT arm, value FROM pair_sides WHERE metric = ? AND job = ?'
    const [side] = this.#sql.exec<{ arm: Arm; value: number }>(waiting, metric, job)
    if (!side)
      this.#sql.exec('INSERT INTO pair_sides (metric, job, arm, value) VALUES (?, ?, ?, ?)', metric, job, arm, value)
    else if (side.arm !== arm) {
      const [control, candidate] = arm === 'candidate' ? [side.value, value] : [value, side.value]
      this.#sql.exec('DELETE FROM pair_sides WHERE metric = ? AND job = ?', metric, job)
      const add = 'INSERT INTO pair_scores (metric, job, epoch, control, candidate, at) VALUES (?, ?, ?, ?, ?, ?)'
      this.#sql.exec(add, metric, job, epoch, control, candidate, at)
      this.#count(metric, epoch, control, candidate)
    }
  }

  /** After a batch. */
  forget(keep = KEEP): void {
    for (const table of ['pair_sides', 'pair_scores'])
      this.#sql.exec(`DELETE FROM ${table} WHERE id <= (SELECT MAX(id) FROM ${table}) - ?`, keep)
  }

  /** By metric, over the epochs from `first` on. */
  sums(first: number): PairSums[] {
    const since = 'SELECT * FROM pair_sums WHERE epoch >= ? ORDER BY metric, epoch'
    const rows = this.#sql.exec<SumRow & Record<string, SqlStorageValue>>(since, first)
    return [...Map.groupBy(rows, ({ metric }) => metric)].map(([metric, its]) => {
      const total = (of: (row: SumRow) => number) => its.reduce((sum, row) => sum + of(row), 0)
      const n = total((row) => row.n)
      return {
        ...its.reduce(merged, { n: 0, mean: 0, m2: 0 }),
        metric,
        control: total((row) => row.n * row.control) / n,
        candidate: total((row) => row.n * row.candidate) / n,
        higher: total(({ higher }) => higher),
        lower: total(({ lower }) => lower),
      }
    })
  }

  /** Newest first; `cursor` is the `next` of the page before. */
  latest(cursor: string | null, limit: number): Page<ScoreView> {
    const before = cursor === null ? Number.MAX_SAFE_INTEGER : Number(cursor)
    const latest = 'SELECT * FROM pair_scores WHERE id < ? ORDER BY id DESC LIMIT ?'
    const rows = [...this.#sql.exec<ScoreRow & Record<string, SqlStorageValue>>(latest, before, limit + 1)]
    const items = rows.slice(0, limit)
    return {
      items: items.map(({ id: _, job, at, ...score }) => ({ job_id: job, ...score, at: iso(at) })),
      next: rows.length > limit ? String(items.at(-1)!.id) : null,
    }
  }

  #count(metric: string, epoch: number, control: number, candidate: number): void {
    const known = 'SELECT * FROM pair_sums WHERE epoch = ? AND metric = ?'
    const [row] = this.#sql.exec<SumRow & Record<string, SqlStorageValue>>(known, epoch, metric)
    const before = row ?? { n: 0, mean: 0, m2: 0, control: 0, candidate: 0, higher: 0, lower: 0 }
    const { n, mean, m2 } = withValue(before, candidate - control)
    const means = [
      before.control + (control - before.control) / n,
      before.candidate + (candidate - before.candidate) / n,
    ]
    const sides = [before.higher + Number(candidate > control), before.lower + Number(candidate < control)]
    const put = 'INSERT OR REPLACE INTO pair_sums VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'
    this.#sql.exec(put, epoch, metric, n, ...means, mean, m2, ...sides)
  }
}
