/** The experiment's sums over subjects as the controller reads them, of what experiment-counts.ts keeps. */
import type { Arm } from '../../core/arm.ts'
import type { DaySpread, DaySums, Trait } from '../../core/experiment.ts'
import { mergedPairs, noPairs } from '../../core/stats/moments.ts'
import type { ExperimentQuestion, ExperimentSums } from '../experiment-rpc.ts'
import { BEFORE, GPU_SECONDS, IN, SPREAD } from './counted-values.ts'
import type { Strata } from './strata.ts'

/** Sums of the same values, taken off again, leave no more than this share of them behind. */
const ROUNDING = 1e-12

type MetricOf = ExperimentQuestion['metrics'][number]

type Tally = { metric: string; arm: Arm; day: number; bucket: number; n: number } & Record<
  'sy' | 'syy' | 'sx' | 'sxx' | 'sxy',
  number | null
>

/** Rows by arm, day and bucket only. */
export function experimentSums(
  sql: SqlStorage,
  of: readonly MetricOf[],
  trait: Trait | undefined,
  strata: Strata,
): Omit<ExperimentSums, 'splits' | 'uncounted'> {
  const metrics = of.filter(({ kind }) => kind !== 'quantile').map(({ name }) => name)
  const all = "SELECT arm, day, n FROM crowd WHERE trait = '' AND n > 0"
  const crowd = [...sql.exec<{ arm: Arm | 'both'; day: number; n: number }>(all)]
  const measured = crowd.filter((row): row is { arm: Arm; day: number; n: number } => row.arm !== 'both')
  const tallies = Map.groupBy(
    [GPU_SECONDS, ...metrics].flatMap((metric) => talliesOf(sql, metric)),
    ({ metric, arm, day }) => `${metric}|${arm}|${day}`,
  )
  /** Of a metric, as it is kept under a name of its own. */
  const known = (metric: string, arm: Arm, day: number, kept: string): DaySums[] =>
    (tallies.get(`${kept}|${arm}|${day}`) ?? []).map((row) => {
      return { metric, arm, day, bucket: row.bucket, moments: momentsOf(row) }
    })
  const rowsOf = (metric: string, people = measured, kept = metric): DaySums[] =>
    people.flatMap(({ arm, day, n }) => {
      const rows = known(metric, arm, day, kept)
      const silent = n - rows.reduce((sum, { moments }) => sum + moments.n, 0)
      const zeros = { metric, arm, day, bucket: 0, moments: { ...noPairs(), n: silent } }
      return silent > 0 ? [...rows, zeros] : rows
    })
  const groups = trait ? strata.people(trait) : []
  const strataOf = (metric: string) =>
    groups.flatMap(({ stratum, people }) =>
      rowsOf(metric, people, `${metric}${IN}${stratum}`).map((row) => ({ ...row, stratum })),
    )
  const beforeOf = (metric: string) => measured.flatMap(({ arm, day }) => known(metric, arm, day, `${metric}${BEFORE}`))
  const traits = sql.exec<ExperimentSums['traits'][number]>(
    `SELECT trait, bucket, SUM(n * (arm = 'control')) AS control, SUM(n * (arm = 'candidate')) AS candidate
     FROM crowd WHERE trait != '' AND arm != 'both' GROUP BY trait, bucket HAVING SUM(n) > 0`,
  )
  return {
    crossed: crowd.reduce((sum, { arm, n }) => sum + (arm === 'both' ? n : 0), 0),
    metrics: metrics.flatMap((metric) => rowsOf(metric)),
    spreads: of.flatMap(({ name, kind }) => (kind === 'quantile' ? spreadsOf(sql, name) : [])),
    strata: overDays(metrics.flatMap(strataOf), of),
    before: overDays(metrics.flatMap(beforeOf), of),
    gpuSeconds: rowsOf(GPU_SECONDS),
    traits: [...traits],
  }
}

/**
 * Rows that differ in the day of first exposure alone, added up: a report over weeks then costs what one over a day does.
 * Those of metrics that observe for some days stay apart, since the report leaves out the days that are not over.
 */
function overDays<R extends DaySums & { stratum?: string }>(rows: readonly R[], metrics: readonly MetricOf[]): R[] {
  const observed = new Set(metrics.filter(({ observeDays }) => observeDays !== undefined).map(({ name }) => name))
  const added = new Map<string, R>()
  for (const row of rows) {
    const { metric, arm, day, bucket, stratum = '', moments } = row
    const key = `${metric}|${arm}|${observed.has(metric) ? day : ''}|${bucket}|${stratum}`
    const known = added.get(key)
    added.set(key, known ? { ...known, moments: mergedPairs(known.moments, moments) } : row)
  }
  return [...added.values()]
}

/** Of a metric, and of what is kept with it behind a blank, after which comes "!"; others are not even read. */
function talliesOf(sql: SqlStorage, metric: string): Tally[] {
  const own = 'SELECT * FROM tallies WHERE n > 0 AND (metric = ? OR (metric >= ? AND metric < ?))'
  return [...sql.exec<Tally>(own, metric, `${metric} `, `${metric}!`)]
}

function spreadsOf(sql: SqlStorage, metric: string): DaySpread[] {
  const own = 'SELECT arm, day, bucket, n FROM tallies WHERE metric = ? AND n > 0'
  const rows = sql.exec<{ arm: Arm; day: number; bucket: number; n: number }>(own, `${metric}${SPREAD}`)
  return [...Map.groupBy(rows, ({ arm, day }) => `${arm}|${day}`).values()].map((its) => ({
    ...{ metric, arm: its[0]!.arm, day: its[0]!.day },
    buckets: its.map(({ bucket }) => bucket),
    counts: its.map(({ n }) => n),
  }))
}

/** Values of a bucket are alike within a quarter, so that their squares may be summed. SQLite keeps NaN as null. */
function momentsOf({ n, sy, syy, sx, sxx, sxy }: Tally): DaySums['moments'] {
  const [y, yy, x, xx, xy] = [sy ?? NaN, syy ?? NaN, sx ?? NaN, sxx ?? NaN, sxy ?? NaN] as const
  const centred = (squares: number, sum: number) => {
    const m2 = squares - (sum * sum) / n
    return m2 <= ROUNDING * squares ? 0 : m2
  }
  const [m2Y, m2X] = [centred(yy, y), centred(xx, x)]
  return { n, meanY: y / n, meanX: x / n, m2Y, m2X, cxy: m2Y === 0 || m2X === 0 ? 0 : xy - (x * y) / n }
}
