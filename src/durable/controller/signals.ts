/**
 * Signals posted from outside (quality, resources, cost) in the controller's SQLite, per epoch, arm and metric: only what
 * merges, and of shadow pairs the latest themselves (pair-scores.ts). An id that was seen is not counted again. What they
 * mean is the guardrails' and the report's business.
 */
import { measuredBy } from '../../core/guardrails/metric.ts'
import type { SignalSource } from '../../core/guardrails/evaluation.ts'
import type { Guardrail } from '../../core/guardrails/index.ts'
import { withValue } from '../../core/stats/moments.ts'
import { MetricNames } from '../metric-names.ts'
import type { RowsTaken } from '../experiment-rpc.ts'
import type { SignalRow, SignalSum } from '../controller-rpc.ts'
import { PairScores } from './pair-scores.ts'

/** Clients repeat a batch within minutes or hours, not after weeks. */
const KEEP_IDS_MS = 30 * 86_400_000

type SumRow = Omit<SignalSum, 'lastAtMs'> & { last_at: number }

export class Signals {
  readonly #sql: SqlStorage
  readonly #names: MetricNames
  readonly pairs: PairScores

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS signals (epoch INTEGER, arm TEXT, metric TEXT, n INTEGER, mean REAL, m2 REAL, last REAL,
        last_at INTEGER, PRIMARY KEY (epoch, arm, metric)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS signal_ids (id TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS signal_ids_by_time ON signal_ids (at)`)
    this.pairs = new PairScores(sql)
    this.#names = new MetricNames(sql.exec<{ metric: string }>('SELECT DISTINCT metric FROM signals'))
  }

  /** Rows without an epoch of their own belong to the running one. Signals of guardrails are always taken. */
  add(rows: readonly SignalRow[], guardrails: readonly Guardrail[], epoch: number, now: number): RowsTaken {
    const repeated: number[] = []
    const refused: number[] = []
    const configured = guardrails.flatMap(({ metric }) => {
      const measured = measuredBy(metric)
      return measured.of === 'signal' ? [measured.name] : []
    })
    this.#sql.exec('DELETE FROM signal_ids WHERE at < ?', now - KEEP_IDS_MS)
    for (const row of rows) {
      if (!this.#names.admit(row.metric, configured)) {
        refused.push(row.row)
        continue
      }
      if (row.id !== null) {
        const id = `${row.arm}|${row.metric}|${row.id}`
        if (this.#sql.exec('INSERT OR IGNORE INTO signal_ids VALUES (?, ?)', id, now).rowsWritten === 0) {
          repeated.push(row.row)
          continue
        }
      }
      this.#count(row, row.epoch ?? epoch, row.atMs ?? now)
      if (row.pair) this.pairs.take(row.metric, row.pair, row.arm, row.value, row.epoch ?? epoch, row.atMs ?? now)
    }
    this.pairs.forget()
    return { repeated, refused }
  }

  sums(): SignalSum[] {
    const rows = this.#sql.exec<SumRow>('SELECT * FROM signals ORDER BY metric, arm, epoch')
    return Array.from(rows, ({ last_at: lastAtMs, ...sum }) => ({ ...sum, lastAtMs }))
  }

  /** Means of one metric in one epoch, as guardrails judge them. */
  means(metric: string, epoch: number): ReturnType<SignalSource> {
    const rows = this.#sql.exec<SumRow>('SELECT * FROM signals WHERE metric = ? AND epoch = ?', metric, epoch)
    const means: ReturnType<SignalSource> = { control: null, candidate: null }
    for (const { arm, n, mean, m2, last_at } of rows) means[arm] = { n, mean, m2, lastAt: last_at }
    return means
  }

  #count({ arm, metric, value }: SignalRow, epoch: number, at: number): void {
    const known = 'SELECT * FROM signals WHERE epoch = ? AND arm = ? AND metric = ?'
    const [row] = this.#sql.exec<SumRow>(known, epoch, arm, metric)
    const { n, mean, m2 } = withValue(row ?? { n: 0, mean: 0, m2: 0 }, value)
    const last = row && at < row.last_at ? [row.last, row.last_at] : [value, at]
    const put = 'INSERT OR REPLACE INTO signals VALUES (?, ?, ?, ?, ?, ?, ?, ?)'
    this.#sql.exec(put, epoch, arm, metric, n, mean, m2, ...last)
  }
}
