/**
 * Windows of counters in an object's SQLite: added to as batches arrive, read by the controller's
 * tick. Counter shards keep requests in one, ledgers the ends of jobs. The object's clock decides
 * which window a batch belongs to, so nothing arrives late; it is only counted later.
 */
import { isUsersSubmit } from '../core/failed-submits.ts'
import { decodeSketch, encodeSketch } from '../core/sketch.ts'
import { CallBack } from './call-back.ts'
import { type CountsRange, type CountsReport, isEmpty } from './counts-report.ts'
import { RecentCounts } from './recent-counts.ts'
import { WriteOnce } from './write-once.ts'
import {
  armErrors,
  type CountedRow,
  type Counters,
  emptyCounters,
  lateness,
  mergeCounters,
  type Measure,
  parseSeries,
  seriesKey,
  type WindowRow,
  windowStart,
} from '../core/window.ts'

const MEASURES: readonly Measure[] = ['latency', 'per_clip', 'queue', 'run', 'open']
/** A last stage of a week in windows of a minute, and a day more. */
const KEEP_WINDOWS = 11_520

type Stored = {
  start_ms: number
  series: string
  requests: number
  submitted: number | null
  late: string | null
  outcomes: string
  repeats: string | null
} & Record<Measure, ArrayBuffer | null>

export class WindowStore {
  readonly #sql: SqlStorage
  readonly #windowMs: number
  #openStart = -1
  #open = new Map<string, Counters>()
  readonly #totals = new Map<string, Counters>()
  readonly #recent = new RecentCounts()
  readonly #callBack: CallBack
  readonly #writes: WriteOnce

  /** `stir` calls the controller. */
  constructor(sql: SqlStorage, windowMs: number, stir: () => Promise<void>, writes = new WriteOnce()) {
    this.#sql = sql
    this.#windowMs = windowMs
    this.#callBack = new CallBack(stir)
    this.#writes = writes
    const measures = MEASURES.map((measure) => `${measure} BLOB`).join(', ')
    const counts = `requests INTEGER, outcomes TEXT, repeats TEXT, ${measures}, submitted INTEGER, late TEXT`
    sql.exec(
      `CREATE TABLE IF NOT EXISTS windows (start_ms INTEGER, series TEXT, ${counts}, PRIMARY KEY (start_ms, series)) WITHOUT ROWID`,
    )
    sql.exec(`CREATE TABLE IF NOT EXISTS totals (start_ms INTEGER, series TEXT PRIMARY KEY, ${counts}) WITHOUT ROWID`)
  }

  startOf(atMs: number): number {
    return windowStart(atMs, this.#windowMs)
  }

  lateness(submittedMs: number, endedMs: number): number {
    return lateness(submittedMs, endedMs, this.#windowMs)
  }

  /** Everything given lands in the window of `atMs`. Synchronous, so that it commits as one. */
  add(rows: readonly CountedRow[], atMs: number): void {
    const start = this.startOf(atMs)
    if (start !== this.#openStart) this.#turn(start)
    this.#recent.add(rows, atMs)
    this.#callBack.counted(rows)
    for (const { series, counters } of rows) {
      const key = seriesKey(series)
      const open = this.#counters(this.#open, 'windows', key, start)
      mergeCounters(open, counters)
      this.#write('windows', start, key, open)
      const totalKey = seriesKey({ ...series, epoch: 0 })
      const total = this.#counters(this.#totals, 'totals', totalKey, 0)
      mergeCounters(total, counters)
      this.#write('totals', 0, totalKey, total)
    }
  }

  /** Rows of windows with `fromMs <= start < toMs`, oldest first. */
  windows(fromMs: number, toMs: number): WindowRow[] {
    const within = 'SELECT * FROM windows WHERE start_ms >= ? AND start_ms < ? ORDER BY start_ms'
    const rows = this.#sql.exec<Stored>(within, fromMs, toMs)
    return Array.from(rows, (row) => ({ startMs: row.start_ms, ...countedRow(row) }))
  }

  report({ fromMs, toMs, recent = null, callBack = false }: CountsRange): CountsReport {
    const report = {
      windows: fromMs < toMs ? this.windows(fromMs, toMs) : [],
      recent: recent ? this.#recent.rows(recent) : [],
    }
    if (recent && !callBack) this.#callBack.drop()
    else if (recent && isEmpty(report)) this.#callBack.promise(recent)
    return report
  }

  /** Sums since ever; epochs are not told apart. */
  totals(): CountedRow[] {
    return Array.from(this.#sql.exec<Stored>('SELECT * FROM totals'), countedRow)
  }

  /** Submits of the candidate's users that failed, in these epochs. */
  failedSubmits(fromMs: number, epochs: readonly number[]): number {
    const failed = "SELECT series, outcomes FROM windows WHERE start_ms >= ? AND outcomes != '{}'"
    const rows = this.#sql.exec<{ series: string; outcomes: string }>(failed, this.startOf(fromMs))
    let n = 0
    for (const row of rows) {
      const series = parseSeries(row.series)
      if (!isUsersSubmit(series) || !epochs.includes(series.epoch)) continue
      n += armErrors({ ...emptyCounters(), outcomes: JSON.parse(row.outcomes) })
    }
    return n
  }

  #turn(start: number): void {
    this.#openStart = start
    this.#open = new Map()
    this.#sql.exec('DELETE FROM windows WHERE start_ms < ?', start - KEEP_WINDOWS * this.#windowMs)
  }

  #counters(cache: Map<string, Counters>, table: 'windows' | 'totals', key: string, start: number): Counters {
    let counters = cache.get(key)
    if (!counters) {
      const [stored] = this.#sql.exec<Stored>(`SELECT * FROM ${table} WHERE start_ms = ? AND series = ?`, start, key)
      cache.set(key, (counters = stored ? countersOf(stored) : emptyCounters()))
    }
    return counters
  }

  #write(table: 'windows' | 'totals', start: number, key: string, counters: Counters): void {
    this.#writes.write(`${table} ${start} ${key}`, () => this.#store(table, start, key, counters))
  }

  #store(
    table: 'windows' | 'totals',
    start: number,
    key: string,
    { requests, submitted, late, outcomes, repeats, sketches }: Counters,
  ): void {
    const blobs = MEASURES.map((measure) => (sketches[measure] ? encodeSketch(sketches[measure]) : null))
    const put = `INSERT OR REPLACE INTO ${table} (start_ms, series, requests, submitted, late, outcomes, repeats,
      ${MEASURES.join(', ')}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
    const counts = [requests, submitted ?? null, json(late), json(outcomes), json(repeats)]
    this.#sql.exec(put, start, key, ...counts, ...blobs)
  }
}

function json(value: object | undefined): string | null {
  return value ? JSON.stringify(value) : null
}

function countedRow(row: Stored): CountedRow {
  return { series: parseSeries(row.series), counters: countersOf(row) }
}

function countersOf(row: Stored): Counters {
  const counters: Counters = { requests: row.requests, outcomes: JSON.parse(row.outcomes), sketches: {} }
  if (row.submitted !== null) counters.submitted = row.submitted
  if (row.late !== null) counters.late = JSON.parse(row.late)
  if (row.repeats !== null) counters.repeats = JSON.parse(row.repeats)
  for (const measure of MEASURES) {
    const blob = row[measure]
    if (blob) counters.sketches[measure] = decodeSketch(new Uint8Array(blob))
  }
  return counters
}
