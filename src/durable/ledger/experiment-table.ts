/**
 * Who was exposed to which arm, and what they did, in SQLite; sums over subjects on request. These tables live in the
 * ledger and have no object of their own: both are sharded by subject, the ledger is told of each submit in the same
 * flush, and cost per finished job needs its jobs beside the exposures. Statistics are the core's.
 */
import type { Arm } from '../../core/arm.ts'
import { mergedPairs, noPairs, onePair, type PairMoments } from '../../core/stats/moments.ts'
import { bucketOf } from '../../core/stats/winsorise.ts'
import { MetricNames } from '../metric-names.ts'
import type { EventRow, ExperimentQuestion, ExperimentSums, Exposure, RowsTaken, SplitCount } from '../rpc.ts'

const DAY_MS = 86_400_000
/** Players repeat a batch within hours, not after weeks. */
const KEEP_IDS_MS = 30 * DAY_MS
const TRAITS = ['region', 'prompt', 'duration', 'visitor'] as const

type SubjectRow = { arm: Arm; day: number; y: number; x: number }

export class ExperimentTable {
  readonly #sql: SqlStorage
  /** Read when first needed. */
  #names: MetricNames | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(
      `CREATE TABLE IF NOT EXISTS exposures (owner TEXT, epoch INTEGER, arm TEXT, percent REAL, at INTEGER,
        region TEXT, prompt TEXT, duration TEXT, visitor TEXT, PRIMARY KEY (owner, epoch, arm)) WITHOUT ROWID`,
    )
    sql.exec(
      'CREATE TABLE IF NOT EXISTS outcomes (owner TEXT, metric TEXT, day INTEGER, sum REAL, n INTEGER, PRIMARY KEY (owner, metric, day)) WITHOUT ROWID',
    )
    sql.exec('CREATE TABLE IF NOT EXISTS event_metrics (metric TEXT PRIMARY KEY) WITHOUT ROWID')
    sql.exec('CREATE TABLE IF NOT EXISTS event_ids (id TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID')
    sql.exec('CREATE INDEX IF NOT EXISTS event_ids_by_time ON event_ids (at)')
  }

  /** Only the first of a subject in an epoch stays; flushes may arrive out of order. */
  expose({ owner, epoch, arm, percent, at, traits }: Exposure): void {
    this.#sql.exec(
      'INSERT INTO exposures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = MIN(at, excluded.at)',
      owner,
      epoch,
      arm,
      percent,
      at,
      ...TRAITS.map((trait) => traits[trait]),
    )
  }

  /** Values of subjects by UTC day. `configured`: metrics of the release, which are taken however many there are. */
  record(rows: readonly EventRow[], configured: readonly string[], now: number): RowsTaken {
    const repeated: number[] = []
    const refused: number[] = []
    const names = (this.#names ??= this.#storedNames())
    this.#sql.exec('DELETE FROM event_ids WHERE at < ?', now - KEEP_IDS_MS)
    for (const { row, owners, metric, value, atMs, id } of rows) {
      if (!names.admit(metric, configured)) {
        refused.push(row)
        continue
      }
      if (id !== null) {
        const known = this.#sql.exec('INSERT OR IGNORE INTO event_ids VALUES (?, ?)', id, now)
        if (known.rowsWritten === 0) {
          repeated.push(row)
          continue
        }
      }
      for (const owner of owners) {
        this.#sql.exec(
          'INSERT INTO outcomes VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET sum = sum + excluded.sum, n = n + 1',
          owner,
          metric,
          Math.floor((atMs ?? now) / DAY_MS),
          value,
        )
      }
    }
    return { repeated, refused }
  }

  #storedNames(): MetricNames {
    const rows = this.#sql.exec<{ metric: string }>('SELECT metric FROM event_metrics')
    return new MetricNames(rows, (metric) => this.#sql.exec('INSERT INTO event_metrics VALUES (?)', metric))
  }

  /**
   * How the split came out: each subject of the run once, in the epoch of its first exposure. `expected` is the sum of
   * the shares by which each was dealt. (With MIN, SQLite takes the other columns from the row of the minimum.)
   */
  splits(sinceMs: number): SplitCount[] {
    return [
      ...this.#sql.exec<SplitCount>(
        `SELECT epoch, COUNT(*) AS n, SUM(arm = 'candidate') AS candidate, SUM(percent / 100.0) AS expected
         FROM (SELECT owner, epoch, arm, percent, MIN(at) FROM exposures WHERE at >= ? GROUP BY owner)
         GROUP BY epoch ORDER BY epoch`,
        sinceMs,
      ),
    ]
  }

  sums({ epochs, metrics, excluded }: ExperimentQuestion): ExperimentSums {
    const list = epochs.map(Number).join(', ')
    const span = `WITH span AS (SELECT owner, MIN(arm) AS arm, MAX(arm) AS other, MIN(at) AS at, MIN(at) / ${DAY_MS} AS day
      FROM exposures WHERE epoch IN (${list}) GROUP BY owner)`
    const outside = (column: string) =>
      excluded.map(([from, to]) => `AND NOT (${column} BETWEEN ${Number(from)} AND ${Number(to)})`).join(' ')
    const measured = `FROM span WHERE arm = other ${outside('span.day')}`
    const [row] = this.#sql.exec<{ n: number }>(`${span} SELECT COUNT(*) AS n FROM span WHERE arm != other`)
    const byMetric = metrics.map(({ name, kind }) => {
      const rows = this.#sql.exec<SubjectRow>(
        `${span} SELECT arm, day,
           (SELECT COALESCE(SUM(sum), 0) FROM outcomes v WHERE v.owner = span.owner AND metric = ?1 AND v.day >= span.day ${outside('v.day')}) AS y,
           (SELECT COALESCE(SUM(n), 0) FROM outcomes v WHERE v.owner = span.owner AND metric = ?1 AND v.day >= span.day ${outside('v.day')}) AS x
         ${measured}`,
        name,
      )
      return byDay(name, rows, kind === 'proportion' ? ({ y, x }) => onePair(y > 0 ? 1 : 0, x) : pair, kind === 'ratio')
    })
    const jobs = `FROM jobs j WHERE j.owner = span.owner AND j.arm = span.arm AND j.shadow = 0 AND j.status != 'open' AND j.epoch IN (${list})`
    const cost = this.#sql.exec<SubjectRow>(
      `${span} SELECT arm, day, (SELECT COALESCE(SUM(COALESCE(run_seconds, seconds, 0)), 0) ${jobs}) AS y,
         (SELECT COUNT(*) ${jobs} AND j.status = 'succeeded') AS x ${measured}`,
    )
    const traits = TRAITS.flatMap((trait) => [
      ...this.#sql.exec<ExperimentSums['traits'][number]>(
        `SELECT '${trait}' AS trait, COALESCE(${trait}, 'unknown') AS bucket,
           COUNT(DISTINCT CASE WHEN arm = 'control' THEN owner END) AS control,
           COUNT(DISTINCT CASE WHEN arm = 'candidate' THEN owner END) AS candidate
         FROM exposures WHERE epoch IN (${list}) GROUP BY 2`,
      ),
    ])
    return { crossed: row!.n, metrics: byMetric.flat(), gpuSeconds: byDay('', cost, pair), traits }
  }
}

function pair({ y, x }: SubjectRow): PairMoments {
  return onePair(y, x)
}

/** Subjects → sums per arm and day of first exposure: each subject is in exactly one, so that all may be added up. */
function byDay(
  metric: string,
  rows: Iterable<SubjectRow>,
  each: (row: SubjectRow) => PairMoments,
  isRatio = false,
): ExperimentSums['metrics'] {
  const sums = new Map<string, ExperimentSums['metrics'][number]>()
  for (const row of rows) {
    const { arm, day } = row
    const one = each(row)
    const bucket = bucketOf(isRatio && one.meanX > 0 ? one.meanY / one.meanX : one.meanY)
    const key = `${arm}|${day}|${bucket}`
    const sum = sums.get(key) ?? { metric, arm, day, bucket, moments: noPairs() }
    sums.set(key, { ...sum, moments: mergedPairs(sum.moments, one) })
  }
  return [...sums.values()]
}
