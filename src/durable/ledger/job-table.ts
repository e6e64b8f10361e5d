/**
 * The ledger's jobs in SQLite: taken up at submit, ended exactly once at the first terminal sight.
 * Ending a job and counting it is one synchronous transaction. Asks no backend.
 */
import type { Arm } from '../../core/arm.ts'
import type { JobTag } from '../../core/job-id.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { Measure, Series } from '../../core/window.ts'
import { count, emptyCounters } from '../../core/window.ts'
import type { JobSighting, LedgerJob, ListCursor } from '../rpc.ts'
import type { WindowStore } from '../window-store.ts'

/** 81 frames of 832×480: what a job's seconds are scaled to where its size is known. */
export const CLIP_WORK = 81 * 832 * 480

export type JobStatus = 'open' | 'succeeded' | 'failed' | 'cancelled' | 'lost' | 'timeout'

/** One row. Times are unix ms. `key` is unique over arms and replicas. */
export type JobRow = {
  key: string
  client_id: string
  /** Empty for a shadow copy whose submit has not been answered yet. */
  upstream_id: string
  arm: Arm
  replica: number
  owner: string
  epoch: number
  stage: string
  matched: number
  nameless: number
  shadow: number
  /** 0: outside the counters, as a job that goes on at control after its candidate failed. */
  counted: number
  submitted_at: number
  work: number | null
  status: JobStatus
  outcome: Outcome | null
  seconds: number | null
  run_seconds: number | null
  ended_at: number | null
  /** When the ledger looks by itself. */
  poll_at: number | null
  polls: number
  /** 1: counted as slow while still open, so its latency is not counted again. */
  overdue: number
  /** Of a shadow job: the control job that it copies. */
  pair: string | null
  rescued_upstream: string | null
  rescued_replica: number | null
  rescue_tried: number
  /** 1: its backend no longer has it, though it may have ended well before. */
  gone: number
  /** When it is given up; null: the release's `job_timeout` after its submit. */
  deadline_at: number | null
}

const COLUMNS = `key TEXT PRIMARY KEY, client_id TEXT, upstream_id TEXT, arm TEXT, replica INTEGER, owner TEXT, epoch INTEGER, stage TEXT,
  matched INTEGER, nameless INTEGER, shadow INTEGER, counted INTEGER, submitted_at INTEGER, work REAL, status TEXT, outcome TEXT,
  seconds REAL, run_seconds REAL, ended_at INTEGER, poll_at INTEGER, polls INTEGER, overdue INTEGER, pair TEXT,
  rescued_upstream TEXT, rescued_replica INTEGER, rescue_tried INTEGER, deadline_at INTEGER, gone INTEGER DEFAULT 0`

/** What tables made by earlier versions lack. */
const ADDED_COLUMNS = [
  ['deadline_at', 'INTEGER'],
  ['gone', 'INTEGER DEFAULT 0'],
] as const

export function jobKey(arm: Arm, replica: number, upstreamId: string): string {
  return `${arm}:${replica}:${upstreamId}`
}

export class JobTable {
  readonly sql: SqlStorage
  readonly #windows: WindowStore

  constructor(sql: SqlStorage, windows: WindowStore) {
    this.sql = sql
    this.#windows = windows
    sql.exec(`CREATE TABLE IF NOT EXISTS jobs (${COLUMNS}) WITHOUT ROWID`)
    for (const [name, type] of ADDED_COLUMNS) {
      const [known] = sql.exec("SELECT 1 FROM pragma_table_info('jobs') WHERE name = ?", name)
      if (!known) sql.exec(`ALTER TABLE jobs ADD COLUMN ${name} ${type}`)
    }
    sql.exec('CREATE INDEX IF NOT EXISTS jobs_shadow ON jobs (submitted_at) WHERE shadow = 1')
    sql.exec("CREATE INDEX IF NOT EXISTS jobs_open_shadow ON jobs (epoch) WHERE status = 'open' AND shadow = 1")
    sql.exec('CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner, submitted_at)')
    sql.exec("CREATE INDEX IF NOT EXISTS jobs_open ON jobs (poll_at) WHERE status = 'open'")
    sql.exec('CREATE INDEX IF NOT EXISTS jobs_by_time ON jobs (submitted_at)')
    sql.exec('CREATE INDEX IF NOT EXISTS jobs_by_upstream ON jobs (upstream_id)')
  }

  /** Takes a job up; one that is known already stays as it is. */
  add(job: JobTag & { clientId: string; work?: number | null }, more: Partial<JobRow> = {}): void {
    const row: JobRow = {
      key: jobKey(job.arm, job.replica, job.upstreamId),
      client_id: job.clientId,
      upstream_id: job.upstreamId,
      arm: job.arm,
      replica: job.replica,
      owner: job.owner,
      epoch: job.epoch,
      stage: job.stage,
      matched: Number(job.matched),
      nameless: Number(job.nameless),
      shadow: 0,
      counted: 1,
      submitted_at: job.submittedAt,
      work: job.work ?? null,
      status: 'open',
      outcome: null,
      seconds: null,
      run_seconds: null,
      ended_at: null,
      poll_at: null,
      polls: 0,
      overdue: 0,
      pair: null,
      rescued_upstream: null,
      rescued_replica: null,
      rescue_tried: 0,
      deadline_at: null,
      gone: 0,
      ...more,
    }
    const values = Object.values(row)
    this.sql.exec(
      `INSERT OR IGNORE INTO jobs (${Object.keys(row).join(', ')}) VALUES (${values.map(() => '?').join(', ')})`,
      ...values,
    )
  }

  get(key: string): JobRow | null {
    const [row] = this.sql.exec<JobRow>('SELECT * FROM jobs WHERE key = ?', key)
    return row ?? null
  }

  /** A user's job by its backend's id; where two backends have used one, that of these owners. */
  byUpstream(upstreamId: string, arm: Arm | null = null, owners: readonly string[] = []): JobRow | null {
    const [row] = this.sql.exec<JobRow>(
      `SELECT * FROM jobs WHERE upstream_id = ? AND shadow = 0 AND arm = COALESCE(?, arm)
       ORDER BY owner IN (${owners.map(() => '?').join(', ')}) DESC LIMIT 1`,
      upstreamId,
      arm,
      ...owners,
    )
    return row ?? null
  }

  /** How many copies have not ended yet. */
  openShadows(): number {
    return this.sql
      .exec<{ n: number }>(
        "SELECT COUNT(*) AS n FROM jobs INDEXED BY jobs_open_shadow WHERE status = 'open' AND shadow = 1",
      )
      .one().n
  }

  /** How many copies were admitted since then. */
  shadowsSince(atMs: number): number {
    return this.sql
      .exec<{ n: number }>(
        'SELECT COUNT(*) AS n FROM jobs INDEXED BY jobs_shadow WHERE shadow = 1 AND submitted_at >= ?',
        atMs,
      )
      .one().n
  }

  /**
   * Ends an open job and counts its end, once: false when it had ended before. Seconds are those seen from
   * here, cut to what the backend itself tells (in whole seconds, so up to one more).
   */
  end(row: JobRow, outcome: Outcome, told: JobSighting['told'], at: number): boolean {
    if (outcome === 'cancelled' || outcome === 'job_lost')
      this.sql.exec('UPDATE jobs SET gone = 1 WHERE key = ?', row.key)
    const measured = Math.max(0, (at - row.submitted_at) / 1000)
    const seconds = told.total === null ? measured : Math.min(measured, told.total + 1)
    const ended = this.sql.exec(
      "UPDATE jobs SET status = ?, outcome = ?, seconds = ?, run_seconds = ?, ended_at = ?, poll_at = NULL WHERE key = ? AND status = 'open'",
      statusOf(outcome),
      outcome,
      seconds,
      told.run,
      at,
      row.key,
    )
    if (ended.rowsWritten === 0) return false
    if (row.counted)
      this.#count(row, outcome, outcome === 'ok' && !row.overdue ? latencies(row, seconds, told) : {}, at)
    return true
  }

  /** A job open beyond what is tolerable counts as slow before it ends: its age is the least that its latency can be. */
  markOverdue(row: JobRow, at: number): void {
    const seconds = (at - row.submitted_at) / 1000
    this.sql.exec('UPDATE jobs SET overdue = 1 WHERE key = ?', row.key)
    const counters = emptyCounters()
    count(counters, { outcome: 'ok', seconds: latencies(row, seconds, { queue: null, run: null, total: null }) })
    this.#windows.add([{ series: seriesOf(row), counters: { ...counters, requests: 0 } }], at)
  }

  #count(row: JobRow, outcome: Outcome, seconds: Partial<Record<Measure, number>>, at: number): void {
    const counters = emptyCounters()
    count(counters, { outcome, seconds })
    this.#windows.add([{ series: seriesOf(row), counters }], at)
  }

  /** Own jobs for a client's list: without those that are gone, and one that goes on at control stands there only. */
  list(owners: readonly string[], after: ListCursor | null, limit: number, order: 'asc' | 'desc'): LedgerJob[] {
    const holders = owners.map(() => '?').join(', ')
    const sign = order === 'asc' ? '>' : '<'
    const rows = this.sql.exec<JobRow>(
      `SELECT * FROM jobs WHERE owner IN (${holders}) AND shadow = 0 AND gone = 0 AND rescued_upstream IS NULL
       ${after ? `AND (submitted_at, client_id) ${sign} (?, ?)` : ''} ORDER BY submitted_at ${order}, client_id ${order} LIMIT ?`,
      ...owners,
      ...(after ? [after.submittedAt, after.clientId] : []),
      limit,
    )
    return [...rows].map(ledgerJob)
  }
}

export function ledgerJob(row: JobRow): LedgerJob {
  return {
    clientId: row.client_id,
    upstreamId: row.upstream_id,
    arm: row.arm,
    release: 0,
    replica: row.replica,
    epoch: row.epoch,
    stage: row.stage,
    submittedAt: row.submitted_at,
    matched: row.matched === 1,
    owner: row.owner,
    nameless: row.nameless === 1,
  }
}

export function seriesOf(row: JobRow): Series {
  return {
    stage: row.stage,
    epoch: row.epoch,
    arm: row.arm,
    operation: 'job',
    shadow: row.shadow === 1,
    matched: row.matched === 1,
  }
}

function latencies(row: JobRow, seconds: number, told: JobSighting['told']): Partial<Record<Measure, number>> {
  return {
    latency: seconds,
    ...(row.work ? { per_clip: ((told.run ?? seconds) * CLIP_WORK) / row.work } : {}),
    ...(told.queue === null ? {} : { queue: told.queue }),
    ...(told.run === null ? {} : { run: told.run }),
  }
}

function statusOf(outcome: Outcome): JobStatus {
  switch (outcome) {
    case 'ok':
      return 'succeeded'
    case 'cancelled':
    case 'aborted':
      return 'cancelled'
    case 'job_lost':
      return 'lost'
    case 'job_timeout':
      return 'timeout'
    default:
      return 'failed'
  }
}
