/**
 * The ledger's jobs in SQLite: taken up at submit, ended exactly once at the first terminal update. Ending a job and
 * counting it is one synchronous transaction. Only downloads.ts writes to the table besides. Asks no backend.
 */
import type { Arm } from '../../core/arm.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { JobName, JobUpdate, LedgerJob } from '../rpc.ts'
import type { WindowStore } from '../window-store.ts'
import {
  CLIP_WORK,
  COLUMNS,
  countedEnd,
  countedSlow,
  goneBy,
  jobKey,
  type JobRow,
  latencies,
  openRow,
  statusOf,
} from './job-row.ts'
import { OwedEnds } from './owed-ends.ts'

/** Where a backend keeps a job. */
export interface BackendPlace {
  upstreamId: string
  replica: number
}

/** Jobs that wait for each other's polls only. */
export interface Queue {
  arm: Arm
  shadow: boolean
}

/** Which open jobs count as slow, and from which age on; per clip where a job's size is known. */
export interface Overdue {
  epoch: number
  shadow: boolean
  seconds: number
  perClipSeconds: number | null
}

/** When an end was seen, unix ms. `isVague`: by a poll that can't tell when it was, so that its age then is no latency. */
interface Seen {
  seenAt: number
  isVague?: boolean
}

/** Values of `overdue`. */
const COUNTED_AS_SLOW = 1
const ASKED_FOR = 2

export class JobTable {
  readonly #sql: SqlStorage
  readonly #windows: WindowStore
  readonly #owed: OwedEnds

  constructor(sql: SqlStorage, windows: WindowStore) {
    this.#sql = sql
    this.#windows = windows
    this.#owed = new OwedEnds(sql)
    sql.exec(`CREATE TABLE IF NOT EXISTS jobs (${COLUMNS}) WITHOUT ROWID`)
    sql.exec('CREATE INDEX IF NOT EXISTS jobs_shadow ON jobs (submitted_at) WHERE shadow = 1')
    sql.exec("CREATE INDEX IF NOT EXISTS jobs_open_shadow ON jobs (epoch) WHERE status = 'open' AND shadow = 1")
    sql.exec('CREATE INDEX IF NOT EXISTS jobs_by_pair ON jobs (pair) WHERE pair IS NOT NULL')
    sql.exec('CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner, submitted_at)')
    sql.exec("CREATE INDEX IF NOT EXISTS jobs_due ON jobs (arm, shadow, poll_at) WHERE status = 'open'")
    sql.exec('CREATE INDEX IF NOT EXISTS jobs_by_time ON jobs (submitted_at)')
    sql.exec('CREATE INDEX IF NOT EXISTS jobs_by_upstream ON jobs (upstream_id)')
  }

  /** Takes a job up; one that is known already stays as it is. */
  add(job: LedgerJob & { work?: number | null }, more: Partial<JobRow> = {}): void {
    const row = { ...openRow(job), ...more }
    const values = Object.values(row)
    this.#sql.exec(
      `INSERT OR IGNORE INTO jobs (${Object.keys(row).join(', ')}) VALUES (${values.map(() => '?').join(', ')})`,
      ...values,
    )
  }

  get(key: string): JobRow | null {
    const [row] = this.#sql.exec<JobRow>('SELECT * FROM jobs WHERE key = ?', key)
    return row ?? null
  }

  /** A user's job as its id names it; null where these are somebody else's. */
  ofOwner({ arm, replica, upstreamId, owner }: JobName): JobRow | null {
    const row = this.get(jobKey(arm, replica, upstreamId))
    return row?.owner === owner && !row.shadow ? row : null
  }

  /** Open jobs of a queue that are to be polled by now, but for those replicas; a bounded number, the longest overdue first. */
  due({ arm, shadow }: Queue, now: number, limit: number, butReplicas: readonly number[]): JobRow[] {
    const but = butReplicas.length === 0 ? '' : `AND replica NOT IN (${butReplicas.map(Number).join(', ')})`
    const due = `SELECT * FROM jobs WHERE status = 'open' AND arm = ? AND shadow = ? AND poll_at <= ? ${but} ORDER BY poll_at LIMIT ?`
    return [...this.#sql.exec<JobRow>(due, arm, Number(shadow), now, limit)]
  }

  nextDueAt({ arm, shadow }: Queue): number | null {
    const next = "SELECT MIN(poll_at) AS at FROM jobs WHERE status = 'open' AND arm = ? AND shadow = ?"
    return this.#sql.exec<{ at: number | null }>(next, arm, Number(shadow)).one().at
  }

  reschedule(key: string, at: number, polls: number): void {
    this.#sql.exec("UPDATE jobs SET poll_at = ?, polls = ? WHERE key = ? AND status = 'open'", at, polls, key)
  }

  /** Gives an open job until then, unix ms; it is still due. */
  extend(key: string, deadlineAt: number, pollAt: number): void {
    this.#sql.exec('UPDATE jobs SET deadline_at = ?, poll_at = ? WHERE key = ?', deadlineAt, pollAt, key)
  }

  /** Where a copy's submit has arrived. */
  submitted(key: string, { upstreamId, replica }: BackendPlace): void {
    this.#sql.exec('UPDATE jobs SET upstream_id = ?, replica = ? WHERE key = ?', upstreamId, replica, key)
  }

  /** The copy of a control job was measured: whether it is so for the first time; null where there is no copy. */
  score(pair: string): 'first' | 'again' | null {
    const [copy] = this.#sql.exec<{ scored: number }>('SELECT scored FROM jobs WHERE pair = ?', pair)
    if (!copy) return null
    if (copy.scored) return 'again'
    this.#sql.exec('UPDATE jobs SET scored = 1 WHERE pair = ?', pair)
    return 'first'
  }

  /** Where a job that failed goes on. */
  rescued(key: string, { upstreamId, replica }: BackendPlace): void {
    this.#sql.exec('UPDATE jobs SET rescued_upstream = ?, rescued_replica = ? WHERE key = ?', upstreamId, replica, key)
  }

  /** Ended jobs that were submitted before then, so many at a time; whether there may be more. */
  forget(beforeMs: number, most: number): boolean {
    const old = "SELECT key FROM jobs WHERE status != 'open' AND submitted_at < ? ORDER BY submitted_at LIMIT ?"
    const [row] = this.#sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM (${old})`, beforeMs, most)
    if (row!.n > 0) this.#sql.exec(`DELETE FROM jobs WHERE key IN (${old})`, beforeMs, most)
    return row!.n === most
  }

  /** Open copies of this epoch and before. */
  openShadowsUpTo(epoch: number): JobRow[] {
    const open = "SELECT * FROM jobs INDEXED BY jobs_open_shadow WHERE status = 'open' AND shadow = 1 AND epoch <= ?"
    return [...this.#sql.exec<JobRow>(open, epoch)]
  }

  /** How many copies have not ended yet. */
  openShadows(): number {
    return this.#sql
      .exec<{ n: number }>(
        "SELECT COUNT(*) AS n FROM jobs INDEXED BY jobs_open_shadow WHERE status = 'open' AND shadow = 1",
      )
      .one().n
  }

  /** How many copies were admitted since then. */
  shadowsSince(atMs: number): number {
    return this.#sql
      .exec<{ n: number }>(
        'SELECT COUNT(*) AS n FROM jobs INDEXED BY jobs_shadow WHERE shadow = 1 AND submitted_at >= ?',
        atMs,
      )
      .one().n
  }

  /**
   * Ends an open job and counts its end, once: false when it had ended before. It counts in the window of now, as an
   * earlier one may have been judged.
   */
  end(
    row: JobRow,
    outcome: Outcome,
    reported: JobUpdate['reported'],
    { seenAt, isVague = false }: Seen,
    now: number,
  ): boolean {
    const gone = goneBy(outcome)
    if (gone > 0) this.#sql.exec('UPDATE jobs SET gone = MAX(gone, ?) WHERE key = ?', gone, row.key)
    const measured = Math.max(0, (seenAt - row.submitted_at) / 1000)
    // By its backend in whole seconds, so up to one more.
    const seconds = reported.total === null ? measured : Math.min(measured, reported.total + 1)
    const ended = this.#sql.exec(
      "UPDATE jobs SET status = ?, outcome = ?, seconds = ?, run_seconds = ?, ended_at = ?, poll_at = NULL WHERE key = ? AND status = 'open'",
      statusOf(outcome),
      outcome,
      outcome === 'not_observed' ? null : seconds,
      reported.run,
      seenAt,
      row.key,
    )
    if (ended.rowsWritten === 0) return false
    const isTimed = outcome === 'ok' && row.overdue !== COUNTED_AS_SLOW
    const timed = isTimed ? latencies(row, isVague ? null : seconds, reported) : {}
    if (row.counted) this.#windows.add([this.#owed.settled(countedEnd(row, outcome, timed))], now)
    return true
  }

  /** When a job was seen open, or looked for in vain. */
  stillOpen(key: string, at: number): void {
    this.#sql.exec('UPDATE jobs SET open_at = ? WHERE key = ?', at, key)
  }

  /**
   * Each candidate job of this kind that was still open beyond its age counts as slow from now on, once: its latency
   * will be that at least. One that nobody has looked at since then is to be looked at now: it may have ended long ago.
   * The age holds the time in the queue, so it must be beyond what control's whole jobs take, too.
   */
  markOverdue({ epoch, shadow, seconds, perClipSeconds }: Overdue, at: number): void {
    const perWorkMs = perClipSeconds === null ? null : (perClipSeconds * 1000) / CLIP_WORK
    const ageMs = (row: JobRow) => Math.max(seconds * 1000, (row.work ?? 0) * (perWorkMs ?? 0))
    const rows = this.#sql.exec<JobRow>(
      `SELECT * FROM jobs WHERE status = 'open' AND arm = 'candidate' AND epoch = ? AND shadow = ? AND overdue != ?
       AND upstream_id != '' AND submitted_at < ? - COALESCE(MAX(work * ?, ?), ?) LIMIT 500`,
      epoch,
      Number(shadow),
      COUNTED_AS_SLOW,
      at,
      perWorkMs,
      seconds * 1000,
      seconds * 1000,
    )
    for (const row of [...rows]) {
      if ((row.open_at ?? 0) < row.submitted_at + ageMs(row)) {
        if (row.overdue !== ASKED_FOR)
          this.#sql.exec(
            'UPDATE jobs SET overdue = ?, poll_at = MIN(COALESCE(poll_at, ?), ?) WHERE key = ?',
            ASKED_FOR,
            at,
            at,
            row.key,
          )
        continue
      }
      this.#sql.exec('UPDATE jobs SET overdue = ? WHERE key = ?', COUNTED_AS_SLOW, row.key)
      this.#windows.add([countedSlow(row, at)], at)
    }
  }
}
