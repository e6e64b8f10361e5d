/**
 * The experiment's sums over subjects, kept as they come in: by metric, arm, day of first exposure and bucket of a
 * subject's value. A subject that did something is taken out of the sums as it was and put in as it is, so that a report
 * reads the sums alone and costs the same for ten subjects and a million. What is counted stands in experiment-table.ts.
 */
import type { Arm } from '../../core/arm.ts'
import { type DaySpread, type DaySums, type MetricPlan, type Trait, TRAITS } from '../../core/experiment.ts'
import { spreadBucketOf } from '../../core/stats/spread.ts'
import { bucketOf } from '../../core/stats/winsorise.ts'
import type { ExperimentSums } from '../experiment-rpc.ts'
import { keepJobCosts } from './job-costs.ts'
import { Strata } from './strata.ts'

/** No metric has a blank in its name. */
const GPU_SECONDS = ' gpu_seconds'
const BEFORE = ' before'
const IN = ' in '
const SPREAD = ' spread'
/** Sums of the same values, taken off again, leave no more than this share of them behind. */
const ROUNDING = 1e-12

/** A subject of the span: where it stands, and its traits when it was first exposed. */
export type Subject = { arm: Arm | 'both'; day: number } & Record<Trait, string | null>

/** What a subject's values come to. `x`: how many there were; of GPU seconds, how many jobs succeeded. */
export interface Value {
  metric: string
  bucket: number
  y: number
  x: number
}

/** 1 or 0 of a proportion; the bucket of a ratio is that of its value for each event. Of a quantile the mean of the values. */
export function valueOf(metric: string, kind: MetricPlan['kind'], sum: number, x: number): Value {
  if (kind === 'quantile') return { metric: `${metric}${SPREAD}`, bucket: spreadBucketOf(sum / x), y: sum / x, x }
  const y = kind === 'proportion' ? Number(sum > 0) : sum
  return { metric, bucket: bucketOf(kind === 'ratio' && x > 0 ? y / x : y), y, x }
}

/** The same value beside what the subject's values from before its first exposure come to. */
export function withHistory(value: Value, before: number): Value {
  return { ...value, metric: `${value.metric}${BEFORE}`, x: before }
}

/** The same value once more, under the subject's stratum. */
export function inStratum(value: Value, stratum: string): Value {
  return { ...value, metric: `${value.metric}${IN}${stratum}` }
}

export function gpuSeconds(seconds: number, succeeded: number): Value {
  return { metric: GPU_SECONDS, bucket: bucketOf(seconds), y: seconds, x: succeeded }
}

type Tally = { metric: string; arm: Arm; day: number; bucket: number; n: number } & Record<
  'sy' | 'syy' | 'sx' | 'sxx' | 'sxy',
  number | null
>

export class ExperimentCounts {
  readonly #sql: SqlStorage
  readonly strata: Strata

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(
      `CREATE TABLE IF NOT EXISTS subjects (owner TEXT PRIMARY KEY, arm TEXT, day INTEGER, ${TRAITS.map((t) => `${t} TEXT`).join(', ')}) WITHOUT ROWID`,
    )
    sql.exec(
      'CREATE TABLE IF NOT EXISTS counted (owner TEXT, metric TEXT, bucket INTEGER, y REAL, x REAL, PRIMARY KEY (owner, metric)) WITHOUT ROWID',
    )
    sql.exec(
      `CREATE TABLE IF NOT EXISTS tallies (metric TEXT, arm TEXT, day INTEGER, bucket INTEGER, n INTEGER,
        sy REAL, syy REAL, sx REAL, sxx REAL, sxy REAL, PRIMARY KEY (metric, arm, day, bucket)) WITHOUT ROWID`,
    )
    sql.exec(
      'CREATE TABLE IF NOT EXISTS crowd (trait TEXT, bucket TEXT, arm TEXT, day INTEGER, n INTEGER, PRIMARY KEY (trait, bucket, arm, day)) WITHOUT ROWID',
    )
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
    const known = new Map<string, Value>()
    if (before)
      for (const row of this.#sql.exec<Value & Record<string, SqlStorageValue>>(
        'SELECT metric, bucket, y, x FROM counted WHERE owner = ?',
        owner,
      ))
        known.set(row.metric, row)
    const isMoved = before?.arm !== subject?.arm || before?.day !== subject?.day
    for (const value of values) {
      const old = known.get(value.metric)
      known.delete(value.metric)
      if (old && !isMoved && old.y === value.y && old.x === value.x) continue
      if (old) this.#tally(before!, old, -1)
      this.#tally(subject!, value, 1)
      this.#sql.exec(
        'INSERT OR REPLACE INTO counted VALUES (?, ?, ?, ?, ?)',
        owner,
        value.metric,
        value.bucket,
        value.y,
        value.x,
      )
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
    if (!subject) {
      this.#sql.exec('DELETE FROM subjects WHERE owner = ?', owner)
      return
    }
    this.#count(subject, 1)
    this.#sql.exec(
      'INSERT OR REPLACE INTO subjects VALUES (?, ?, ?, ?, ?, ?, ?)',
      owner,
      subject.arm,
      subject.day,
      ...TRAITS.map((trait) => subject[trait]),
    )
  }

  #count(subject: Subject, sign: 1 | -1): void {
    const rows = [['', ''], ...TRAITS.map((trait) => [trait, subject[trait] ?? 'unknown'] as const)] as const
    for (const [trait, bucket] of rows)
      this.#sql.exec(
        'INSERT INTO crowd VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n',
        trait,
        bucket,
        subject.arm,
        subject.day,
        sign,
      )
  }

  #tally({ arm, day }: Subject, { metric, bucket, y, x }: Value, sign: 1 | -1): void {
    const { n } = this.#sql
      .exec<{ n: number }>(
        `INSERT INTO tallies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n,
          sy = sy + excluded.sy, syy = syy + excluded.syy, sx = sx + excluded.sx, sxx = sxx + excluded.sxx,
          sxy = sxy + excluded.sxy RETURNING n`,
        ...[metric, arm, day, bucket, sign, sign * y, sign * y * y, sign * x, sign * x * x, sign * x * y],
      )
      .one()
    // What rounding left of a bucket goes with its last subject.
    if (n === 0)
      this.#sql.exec(
        'DELETE FROM tallies WHERE metric = ? AND arm = ? AND day = ? AND bucket = ?',
        ...[metric, arm, day, bucket],
      )
  }

  /** Rows by arm, day and bucket only. */
  sums(of: readonly MetricOf[], strata?: Trait): Required<Omit<ExperimentSums, 'splits' | 'uncounted'>> {
    const metrics = of.filter(({ kind }) => kind !== 'quantile').map(({ name }) => name)
    const crowd = [
      ...this.#sql.exec<{ arm: Arm | 'both'; day: number; n: number }>(
        "SELECT arm, day, n FROM crowd WHERE trait = '' AND n > 0",
      ),
    ]
    const measured = crowd.filter((row): row is { arm: Arm; day: number; n: number } => row.arm !== 'both')
    const tallies = Map.groupBy(
      this.#sql.exec<Tally>(`SELECT * FROM tallies WHERE n > 0 AND metric NOT LIKE '%${SPREAD}'`),
      ({ metric, arm, day }) => `${metric}|${arm}|${day}`,
    )
    const rowsOf = (metric: string, people = measured, kept = metric): DaySums[] =>
      people.flatMap(({ arm, day, n }) => {
        const rows = tallies.get(`${kept}|${arm}|${day}`) ?? []
        const silent = n - rows.reduce((sum, row) => sum + row.n, 0)
        const zeros = { metric, arm, day, bucket: 0, moments: { ...NOTHING, n: silent } }
        return [
          ...rows.map((row) => ({ metric, arm, day, bucket: row.bucket, moments: momentsOf(row) })),
          zeros,
        ].filter(({ moments }) => moments.n > 0)
      })
    const traits = this.#sql.exec<ExperimentSums['traits'][number]>(
      `SELECT trait, bucket, SUM(n * (arm = 'control')) AS control, SUM(n * (arm = 'candidate')) AS candidate
       FROM crowd WHERE trait != '' AND arm != 'both' GROUP BY trait, bucket HAVING SUM(n) > 0`,
    )
    return {
      crossed: crowd.reduce((sum, { arm, n }) => sum + (arm === 'both' ? n : 0), 0),
      metrics: metrics.flatMap((metric) => rowsOf(metric)),
      spreads: of.flatMap(({ name, kind }) => (kind === 'quantile' ? this.#spreads(name) : [])),
      strata: metrics.flatMap((metric) =>
        (strata ? this.strata.people(strata) : []).flatMap(({ stratum, people }) =>
          rowsOf(metric, people, `${metric}${IN}${stratum}`).map((row) => ({ ...row, stratum })),
        ),
      ),
      before: metrics.flatMap((metric) =>
        measured.flatMap(({ arm, day }) =>
          (tallies.get(`${metric}${BEFORE}|${arm}|${day}`) ?? []).map((row) => ({
            ...{ metric, arm, day },
            bucket: row.bucket,
            moments: momentsOf(row),
          })),
        ),
      ),
      gpuSeconds: rowsOf(GPU_SECONDS),
      traits: [...traits],
    }
  }

  #spreads(metric: string): DaySpread[] {
    const rows = this.#sql.exec<{ arm: Arm; day: number; bucket: number; n: number }>(
      'SELECT arm, day, bucket, n FROM tallies WHERE metric = ? AND n > 0',
      `${metric}${SPREAD}`,
    )
    return [...Map.groupBy(rows, ({ arm, day }) => `${arm}|${day}`).values()].map((its) => ({
      ...{ metric, arm: its[0]!.arm, day: its[0]!.day },
      buckets: its.map(({ bucket }) => bucket),
      counts: its.map(({ n }) => n),
    }))
  }
}

type MetricOf = Pick<MetricPlan, 'name' | 'kind'>

const NOTHING = { n: 0, meanY: 0, meanX: 0, m2Y: 0, m2X: 0, cxy: 0 }

/** Values of a bucket are alike within a quarter, so that their squares may be summed. SQLite keeps NaN as null. */
function momentsOf({ n, sy, syy, sx, sxx, sxy }: Tally): DaySums['moments'] {
  const [y, yy, x, xx, xy] = [sy, syy, sx, sxx, sxy].map((sum) => sum ?? NaN) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const centred = (squares: number, sum: number) => {
    const m2 = squares - (sum * sum) / n
    return m2 <= ROUNDING * squares ? 0 : m2
  }
  const [m2Y, m2X] = [centred(yy, y), centred(xx, x)]
  return { n, meanY: y / n, meanX: x / n, m2Y, m2X, cxy: m2Y === 0 || m2X === 0 ? 0 : xy - (x * y) / n }
}
