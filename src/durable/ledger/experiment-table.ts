/**
 * Who was exposed to which arm, and what they did, in SQLite. These tables live in the ledger and have no object of their
 * own: both are sharded by subject, the ledger is told of each submit in the same flush, and cost per finished job needs
 * its jobs beside the exposures. Sums are experiment-counts.ts', statistics the core's.
 */
import { TRAITS } from '../../core/experiment.ts'
import { DAY_MS, hasMean } from '../../core/metric-sums.ts'
import { PostedRows } from '../posted-rows.ts'
import type { Exposure } from '../rpc.ts'
import type { EventRow, ExperimentQuestion, ExperimentSums, RowsTaken } from '../experiment-rpc.ts'
import { gpuSeconds, inStratum, type Value, valueOf, withHistory } from './counted-values.ts'
import { ExperimentCounts, type Subject } from './experiment-counts.ts'
import { experimentSums } from './experiment-sums.ts'
import { type First, SplitCounts } from './split-counts.ts'

/** Subjects counted anew in one call, at most: about two seconds. More are there only after a change of the metrics. */
const MOST_AT_ONCE = 10_000
/** Values from so many days before the first exposure explain those after it: whole weeks. */
const HISTORY_DAYS = 28
/** And beside other work. */
const MOST_BESIDE = 2000

type ExposureRow = First & Subject

export class ExperimentTable {
  readonly #sql: SqlStorage
  readonly #counts: ExperimentCounts
  readonly #splits: SplitCounts
  /** What is counted; null until somebody has asked. */
  #question: ExperimentQuestion | null
  readonly #posted: PostedRows<EventRow>

  constructor(sql: SqlStorage) {
    this.#sql = sql
    this.#counts = new ExperimentCounts(sql)
    sql.exec(`
      CREATE TABLE IF NOT EXISTS exposures (owner TEXT, epoch INTEGER, arm TEXT, percent REAL, at INTEGER,
        region TEXT, prompt TEXT, duration TEXT, visitor TEXT, PRIMARY KEY (owner, epoch, arm)) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS exposures_by_epoch ON exposures (epoch);
      CREATE TABLE IF NOT EXISTS outcomes (owner TEXT, metric TEXT, day INTEGER, sum REAL, n INTEGER,
        PRIMARY KEY (owner, metric, day)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS event_metrics (metric TEXT PRIMARY KEY) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS uncounted (owner TEXT PRIMARY KEY) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS experiment_question (question TEXT)`)
    this.#posted = new PostedRows(sql, {
      ...{ ids: 'event_ids', scopeOf: ({ metric }) => metric, names: 'SELECT metric FROM event_metrics' },
      learn: (metric) => sql.exec('INSERT INTO event_metrics VALUES (?)', metric),
    })
    this.#splits = new SplitCounts(sql)
    const [row] = sql.exec<{ question: string }>('SELECT question FROM experiment_question')
    this.#question = row ? (JSON.parse(row.question) as ExperimentQuestion) : null
  }

  /** Only the first of a subject in an epoch stays; flushes may arrive out of order. */
  expose(exposure: Exposure): void {
    const { owner, epoch, arm, percent, at, traits } = exposure
    const expose = `INSERT INTO exposures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET at = MIN(at, excluded.at)`
    this.#sql.exec(expose, owner, epoch, arm, percent, at, ...TRAITS.map((trait) => traits[trait]))
    if (this.#question && at >= this.#question.sinceMs) this.#splits.add(owner, exposure)
    this.#touch(owner)
  }

  /** Values of subjects by UTC day. `configured`: metrics of the release, which are taken however many there are. */
  record(rows: readonly EventRow[], configured: readonly string[], now: number): RowsTaken {
    const add = `INSERT INTO outcomes VALUES (?, ?, ?, ?, 1)
      ON CONFLICT DO UPDATE SET sum = sum + excluded.sum, n = n + 1`
    const known = rows.map((row) => ({ ...row, owners: row.owners.filter((owner) => this.#isExposed(owner)) }))
    const exposed = known.filter(({ owners }) => owners.length > 0)
    const unexposed = known.filter(({ owners }) => owners.length === 0).map(({ row }) => row)
    const taken = this.#posted.take(exposed, configured, now, ({ owners, metric, value, atMs }) => {
      for (const owner of owners) {
        this.#sql.exec(add, owner, metric, Math.floor((atMs ?? now) / DAY_MS), value)
        this.#touch(owner)
      }
    })
    this.count()
    return { ...taken, unexposed }
  }

  #isExposed(owner: string): boolean {
    return this.#sql.exec('SELECT 1 FROM exposures WHERE owner = ? LIMIT 1', owner).toArray().length > 0
  }

  #touch(owner: string): void {
    this.#sql.exec('INSERT OR IGNORE INTO uncounted VALUES (?)', owner)
  }

  /** Brings the sums up to date with whoever was exposed, did something, or had a job that ended. */
  count(most = MOST_BESIDE): void {
    const question = this.#question
    if (!question) {
      // The first question marks everybody whom it is about.
      this.#sql.exec('DELETE FROM uncounted')
      return
    }
    const owners = this.#sql.exec<{ owner: string }>('SELECT owner FROM uncounted LIMIT ?', most).toArray()
    for (const { owner } of owners) {
      const subject = this.#subjectOf(owner, question)
      const isMeasured = subject !== null && subject.arm !== 'both'
      this.#counts.replace(owner, subject, isMeasured ? this.#valuesOf(owner, subject, question) : [])
      this.#sql.exec('DELETE FROM uncounted WHERE owner = ?', owner)
    }
  }

  /** Null where it was not exposed in these epochs, or for the first time on an excluded day. */
  #subjectOf(owner: string, { epochs, excluded }: ExperimentQuestion): Subject | null {
    const rows = this.#sql
      .exec<ExposureRow>(`SELECT * FROM exposures WHERE owner = ? AND epoch IN (${listed(epochs)}) ORDER BY at`, owner)
      .toArray()
    const [first] = rows
    if (!first) return null
    const day = Math.floor(first.at / DAY_MS)
    if (rows.some(({ arm }) => arm !== first.arm)) return { ...first, arm: 'both', day }
    return excluded.some(([from, to]) => from <= day && day <= to) ? null : { ...first, day }
  }

  /** From the day of the first exposure on, for as long as the metric observes. */
  #valuesOf(owner: string, subject: Subject, { epochs, metrics, strata, excluded }: ExperimentQuestion): Value[] {
    const { arm, day } = subject
    const outside = excluded.map(([from, to]) => `AND NOT (day BETWEEN ${Number(from)} AND ${Number(to)})`).join(' ')
    const values: Value[] = []
    const done = `SELECT metric, day, sum, n FROM outcomes WHERE owner = ? AND day >= ? ${outside} ORDER BY metric, day`
    const days = [
      ...this.#sql.exec<{ metric: string; day: number; sum: number; n: number }>(done, owner, day - HISTORY_DAYS),
    ]
    const began = days.some((row) => row.day < day) ? this.#firstDay(owner) : day
    for (const { name, kind, observeDays = Infinity } of metrics) {
      const own = days.filter((row) => row.metric === name)
      const after = total(own.filter((row) => row.day >= day && row.day <= day + observeDays))
      const value = valueOf(name, kind, after.sum, after.n)
      if (after.n > 0) values.push(value)
      if (after.n > 0 && strata && kind !== 'quantile')
        values.push(inStratum(value, this.#counts.strata.nameOf(subject[strata])))
      const before = total(own.filter((row) => row.day < began && row.day >= began - HISTORY_DAYS))
      if (before.n > 0 && hasMean(kind)) values.push(withHistory(value, valueOf(name, kind, before.sum, before.n).y))
    }
    const costs = `SELECT SUM(seconds) AS seconds, SUM(succeeded) AS succeeded FROM job_costs
      WHERE owner = ? AND arm = ? AND epoch IN (${listed(epochs)})`
    const [cost] = this.#sql.exec<{ seconds: number | null; succeeded: number }>(costs, owner, arm)
    if (cost && cost.seconds !== null) values.push(gpuSeconds(cost.seconds, cost.succeeded))
    return values
  }

  /** Whatever came after the first exposure ever may be an arm's doing: of an earlier stage, or an earlier run. */
  #firstDay(owner: string): number {
    const { at } = this.#sql.exec<{ at: number }>('SELECT MIN(at) AS at FROM exposures WHERE owner = ?', owner).one()
    return Math.floor(at / DAY_MS)
  }

  sums(question: ExperimentQuestion): ExperimentSums {
    this.#ask(question)
    this.count(MOST_AT_ONCE)
    const { n } = this.#sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM uncounted').one()
    const sums = experimentSums(this.#sql, question.metrics, question.strata, this.#counts.strata)
    return { ...sums, splits: this.#splits.counts(), uncounted: n }
  }

  /** Another question than the last begins anew; epochs that were added to the same span bring their subjects only. */
  #ask(question: ExperimentQuestion): void {
    const before = this.#question
    if (before && JSON.stringify(before) === JSON.stringify(question)) return
    const { epochs, metrics, strata, excluded, sinceMs } = question
    const isSameSpan =
      before !== null &&
      before.epochs[0] === epochs[0] &&
      before.epochs.every((epoch) => epochs.includes(epoch)) &&
      JSON.stringify([before.metrics, before.strata, before.excluded]) === JSON.stringify([metrics, strata, excluded])
    const added = isSameSpan ? epochs.filter((epoch) => !before.epochs.includes(epoch)) : epochs
    if (!isSameSpan) {
      this.#counts.clear()
      this.#sql.exec('DELETE FROM uncounted')
    }
    if (added.length > 0)
      this.#sql.exec(`INSERT OR IGNORE INTO uncounted SELECT owner FROM exposures WHERE epoch IN (${listed(added)})`)
    if (before?.sinceMs !== sinceMs) this.#splits.anew(sinceMs)
    this.#question = question
    this.#sql.exec('DELETE FROM experiment_question')
    this.#sql.exec('INSERT INTO experiment_question VALUES (?)', JSON.stringify(question))
  }
}

function total(rows: readonly { sum: number; n: number }[]): { sum: number; n: number } {
  return rows.reduce((all, { sum, n }) => ({ sum: all.sum + sum, n: all.n + n }), { sum: 0, n: 0 })
}

function listed(epochs: readonly number[]): string {
  return epochs.map(Number).join(', ')
}
