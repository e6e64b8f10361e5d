/**
 * Signals posted from outside (quality, resources, cost) in the controller's SQLite, per epoch, arm and metric: only what
 * merges, and of shadow pairs the latest themselves (pair-scores.ts). An id that was seen is not counted again. What they
 * mean is the guardrails' and the report's business.
 */
import { measuredBy } from '../../core/guardrails/metric.ts'
import type { SignalSource } from '../../core/guardrails/evaluation.ts'
import type { Guardrail } from '../../core/guardrails/index.ts'
import { withValue } from '../../core/stats/moments.ts'
import { PostedRows } from '../posted-rows.ts'
import type { RowsTaken } from '../experiment-rpc.ts'
import type { SignalRow, SignalSum } from '../controller-rpc.ts'
import { PairScores } from './pair-scores.ts'

type SumRow = Omit<SignalSum, 'lastAtMs'> & { last_at: number }

export class Signals {
  readonly #sql: SqlStorage
  readonly #posted: PostedRows<SignalRow>
  readonly pairs: PairScores

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS signals (epoch INTEGER, arm TEXT, metric TEXT, n INTEGER, mean REAL, m2 REAL, last REAL,
        last_at INTEGER, PRIMARY KEY (epoch, arm, metric)) WITHOUT ROWID`)
    this.pairs = new PairScores(sql)
    const scopeOf = ({ arm, metric }: SignalRow) => `${arm}|${metric}`
    this.#posted = new PostedRows(sql, { ids: 'signal_ids', scopeOf, names: 'SELECT DISTINCT metric FROM signals' })
  }

  /** Rows without an epoch of their own belong to the running one. Signals of guardrails are always taken. */
  add(rows: readonly SignalRow[], guardrails: readonly Guardrail[], epoch: number, now: number): RowsTaken {
    const configured = guardrails.flatMap(({ metric }) => {
      const measured = measuredBy(metric)
      return measured.of === 'signal' ? [measured.name] : []
    })
    const taken = this.#posted.take(rows, configured, now, (row) => {
      const [of, at] = [row.epoch ?? epoch, row.atMs ?? now]
      this.#count(row, of, at)
      if (row.pair) this.pairs.take(row.metric, row.pair, row.arm, row.value, of, at)
    })
    this.pairs.forget()
    return taken
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
