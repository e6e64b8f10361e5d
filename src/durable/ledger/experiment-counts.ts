/**
 * The experiment's sums over subjects, kept as they come in: by metric, arm, day of first exposure and bucket of a
 * subject's value. A subject that did something is taken out of the sums as it was and put in as it is, so that a report
 * reads the sums alone (experiment-sums.ts) and costs the same for ten subjects and a million. What is counted stands in
 * experiment-table.ts.
 */
import type { Arm } from '../../core/arm.ts'
import { type Trait, TRAITS } from '../../core/experiment.ts'
import type { Value } from './counted-values.ts'
import { Strata } from './strata.ts'

/** A subject of the span: where it stands, and its traits when it was first exposed. */
export type Subject = { arm: Arm | 'both'; day: number } & Record<Trait, string | null>

export class ExperimentCounts {
  readonly #sql: SqlStorage
  readonly strata: Strata

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS subjects (owner TEXT PRIMARY KEY, arm TEXT, day INTEGER,
        ${TRAITS.map((trait) => `${trait} TEXT`).join(', ')}) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS counted (owner TEXT, metric TEXT, bucket INTEGER, y REAL, x REAL,
        PRIMARY KEY (owner, metric)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS tallies (metric TEXT, arm TEXT, day INTEGER, bucket INTEGER, n INTEGER,
        sy REAL, syy REAL, sx REAL, sxx REAL, sxy REAL, PRIMARY KEY (metric, arm, day, bucket)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS crowd (trait TEXT, bucket TEXT, arm TEXT, day INTEGER, n INTEGER,
        PRIMARY KEY (trait, bucket, arm, day)) WITHOUT ROWID`)
    this.strata = new Strata(sql)
    keepJobCosts(sql)
  }

  clear(): void {
    for (const table of ['subjects', 'counted', 'tallies', 'crowd']) this.#sql.exec(`DELETE FROM ${table}`)
    this.strata.clear()
  }

  /** Puts a subject as it is now in the place of what was counted of it; null where it is none of the span. */
  replace(owner: string, subject: Subject | null, values: readonly Value[]): void {
    const [before] = this.#sql.exec<Subject>('SELECT * FROM subjects WHERE owner = ?', owner)
    if (before || subject) this.#placeSubject(owner, before ?? null, subject)
    const counted = 'SELECT metric, bucket, y, x FROM counted WHERE owner = ?'
    const rows = before ? this.#sql.exec<Value & Record<string, SqlStorageValue>>(counted, owner) : []
    const known = new Map<string, Value>(Array.from(rows, (row) => [row.metric, row]))
    const isMoved = before?.arm !== subject?.arm || before?.day !== subject?.day
    for (const value of values) {
      const old = known.get(value.metric)
      known.delete(value.metric)
      if (old && !isMoved && old.y === value.y && old.x === value.x) continue
      if (old) this.#tally(before!, old, -1)
      this.#tally(subject!, value, 1)
      const keep = 'INSERT OR REPLACE INTO counted VALUES (?, ?, ?, ?, ?)'
      this.#sql.exec(keep, owner, value.metric, value.bucket, value.y, value.x)
    }
    for (const [metric, old] of known) {
      this.#tally(before!, old, -1)
      this.#sql.exec('DELETE FROM counted WHERE owner = ? AND metric = ?', owner, metric)
    }
  }

  #placeSubject(owner: string, before: Subject | null, subject: Subject | null): void {
    const isSame =
      before && subject && ['arm', 'day', ...TRAITS].every((k) => before[k as 'arm'] === subject[k as 'arm'])
    if (isSame) return
    if (before) this.#count(before, -1)
    if (!subject) return void this.#sql.exec('DELETE FROM subjects WHERE owner = ?', owner)
    this.#count(subject, 1)
    const keep = 'INSERT OR REPLACE INTO subjects VALUES (?, ?, ?, ?, ?, ?, ?)'
    this.#sql.exec(keep, owner, subject.arm, subject.day, ...TRAITS.map((trait) => subject[trait]))
  }

  #count(subject: Subject, sign: 1 | -1): void {
    const rows = [['', ''], ...TRAITS.map((trait) => [trait, subject[trait] ?? 'unknown'] as const)] as const
    const add = 'INSERT INTO crowd VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n'
    for (const [trait, bucket] of rows) this.#sql.exec(add, trait, bucket, subject.arm, subject.day, sign)
  }

  #tally({ arm, day }: Subject, { metric, bucket, y, x }: Value, sign: 1 | -1): void {
    const add = `INSERT INTO tallies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n,
      sy = sy + excluded.sy, syy = syy + excluded.syy, sx = sx + excluded.sx, sxx = sxx + excluded.sxx,
      sxy = sxy + excluded.sxy RETURNING n`
    const sums = [sign, sign * y, sign * y * y, sign * x, sign * x * x, sign * x * y]
    const { n } = this.#sql.exec<{ n: number }>(add, metric, arm, day, bucket, ...sums).one()
    // What rounding left of a bucket goes with its last subject.
    const drop = 'DELETE FROM tallies WHERE metric = ? AND arm = ? AND day = ? AND bucket = ?'
    if (n === 0) this.#sql.exec(drop, metric, arm, day, bucket)
  }
}

/** Seconds of ended jobs by subject, summed up by SQLite itself as jobs end, since jobs are forgotten after a week. Whoever's sum changes is put into `uncounted`. */
function keepJobCosts(sql: SqlStorage): void {
  sql.exec(`CREATE TABLE IF NOT EXISTS job_costs (owner TEXT, epoch INTEGER, arm TEXT, seconds REAL, succeeded INTEGER,
    PRIMARY KEY (owner, epoch, arm)) WITHOUT ROWID`)
  const seconds = (row: string) => `COALESCE(${row}.run_seconds, ${row}.seconds, 0)`
  const ended = (row: string) => `(${row}.status != 'open')`
  const change = (after: string, before: string | null) => `
    INSERT INTO job_costs VALUES (${after}.owner, ${after}.epoch, ${after}.arm,
      ${seconds(after)}${before ? ` - ${ended(before)} * ${seconds(before)}` : ''},
      (${after}.status = 'succeeded')${before ? ` - (${before}.status = 'succeeded')` : ''})
    ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds, succeeded = succeeded + excluded.succeeded;
    INSERT OR IGNORE INTO uncounted VALUES (${after}.owner);`
  const when = `NEW.shadow = 0 AND NEW.status != 'open' AND NEW.owner IS NOT NULL`
  const trigger = (name: string, after: string, before: string | null) =>
    sql.exec(
      `CREATE TRIGGER IF NOT EXISTS ${name} AFTER ${after} ON jobs WHEN ${when} BEGIN ${change('NEW', before)} END`,
    )
  trigger('job_cost_added', 'INSERT', null)
  trigger('job_cost_changed', 'UPDATE OF status', 'OLD')
}
