/**
 * The ledger's jobs in SQLite: taken up at submit, ended exactly once at the first terminal update. Ending a job and
 * counting it is one synchronous transaction. Only poll-times.ts, downloads.ts and overdue-jobs.ts write to the table besides. Asks no backend.
 */
import type { Arm } from '../../core/arm.ts'
import type { Outcome } from '../../core/outcome.ts'
import { addRow, type CountedRow, emptyCounters, seriesKey } from '../../core/window.ts'
import type { BackendPlace, JobName, JobRow, LedgerJob, ReportedSeconds } from '../job-shapes.ts'
import { COLUMNS, copyKey, IDS_A_MS, jobKey } from '../job-shapes.ts'
import type { WindowStore } from '../window-store.ts'
import { FailureRows } from './failure-rows.ts'
import { countedEnd, goneBy, latencies, OwedEnds, seriesOf, statusOf, STOPPING } from './job-ends.ts'
import { ASKED_FOR, COUNTED_AS_SLOW } from './overdue-jobs.ts'
import { PollTimes } from './poll-times.ts'

/** When an end was seen, unix ms. `isVague`: by a poll that can't tell when it was, so that its age then is no latency. */
interface Seen {
  seenAt: number
  isVague?: boolean
}

/** What a job is taken up with, where it is not as any other. */
type Added = Partial<Pick<JobRow, 'key' | 'shadow' | 'counted' | 'poll_at' | 'deadline_at'>>

const INSERT = `INSERT OR IGNORE INTO jobs (id, key, client_id, upstream_id, arm, replica, owner, epoch, stage, anonymous,
  shadow, counted, submitted_at, work, poll_at, deadline_at, prefix) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

/** A job whose submit was a minute before the last one's at most gets the id after it. */
const NEAR_IDS = 60_000 * IDS_A_MS

/** Open jobs at the candidate. */
export interface OpenJobs {
  /** Of users: what drains after a rollback. */
  candidate: number
  oldestCandidateAt: number | null
  shadow: number
}

export class JobTable {
  readonly #sql: SqlStorage
  readonly #windows: WindowStore
  readonly #owed: OwedEnds
  /** At the candidate. */
  readonly #open: { users: number; copies: number }
  /** Not counted yet, by series: each row of a window costs two writes. */
  readonly #takenUp = new Map<string, CountedRow>()
  readonly polls: PollTimes
  #lastId = 0
  readonly #failures: FailureRows

  constructor(sql: SqlStorage, windows: WindowStore) {
    this.#sql = sql
    this.#windows = windows
    this.polls = new PollTimes(sql)
    this.#owed = new OwedEnds(sql)
    this.#failures = new FailureRows(sql)
    sql.exec(`CREATE TABLE IF NOT EXISTS jobs (${COLUMNS})`)
    sql.exec('CREATE UNIQUE INDEX IF NOT EXISTS jobs_by_key ON jobs (key)')
    sql.exec('CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner, submitted_at) WHERE shadow = 0')
    sql.exec("CREATE INDEX IF NOT EXISTS jobs_due ON jobs (arm, shadow, poll_at) WHERE status = 'open'")
    sql.exec(
      "CREATE INDEX IF NOT EXISTS jobs_by_age ON jobs (arm, shadow, overdue, submitted_at) WHERE status = 'open'",
    )
    sql.exec('CREATE INDEX IF NOT EXISTS copies_by_upstream ON jobs (upstream_id) WHERE shadow = 1')
    this.#open = { users: this.#countOpen(0), copies: this.#countOpen(1) }
  }

  /** Takes a job up; false where it is known already, and stays as it is. */
  add(job: LedgerJob, more: Added = {}): boolean {
    const { arm, replica, upstreamId, submittedAt } = job
    const key = more.key ?? jobKey(arm, replica, upstreamId)
    const values = [
      ...[key, job.clientId, upstreamId, arm, replica, job.owner, job.epoch, job.stage, Number(job.anonymous)],
      ...[more.shadow ?? 0, more.counted ?? 1, submittedAt, job.work ?? null, more.poll_at ?? null],
      ...[more.deadline_at ?? null, job.prefix],
    ]
    const first = submittedAt * IDS_A_MS
    const next = this.#lastId + 1
    for (let id = next >= first && next < first + NEAR_IDS ? next : first; ; id = this.#idAfter(id)) {
      const added = this.#sql.exec(INSERT, id, ...values)
      this.#lastId = id
      if (added.rowsWritten > 0) {
        if (arm === 'candidate') this.#open[more.shadow ? 'copies' : 'users']++
        // A copy's submit may be under way still.
        if (more.counted !== 0 && upstreamId !== '') this.#takeUp({ ...job, shadow: more.shadow ?? 0 })
        return true
      }
      // The key is known, or the id is another's.
      if (this.get(key)) return false
    }
  }

  /** Counts jobs taken up since the last time, in the window of now. */
  countTakenUp(now: number): void {
    if (this.#takenUp.size === 0) return
    this.#windows.add([...this.#takenUp.values()], now)
    this.#takenUp.clear()
  }

  #takeUp(job: Parameters<typeof seriesOf>[0]): void {
    const series = seriesOf(job)
    addRow(this.#takenUp, seriesKey(series), { series, counters: { ...emptyCounters(), submitted: 1 } })
  }

  /** A free one, behind those of the next minute. */
  #idAfter(id: number): number {
    const last = 'SELECT MAX(id) AS id FROM jobs WHERE id < ?'
    return this.#sql.exec<{ id: number }>(last, id + NEAR_IDS).one().id + 1
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

  /** Its owner has asked for it to be stopped. */
  stopping({ arm, replica, upstreamId, owner }: JobName): void {
    const mark = 'UPDATE jobs SET gone = ? WHERE key = ? AND owner = ? AND gone = 0'
    this.#sql.exec(mark, STOPPING, jobKey(arm, replica, upstreamId), owner)
  }

  /** Where a copy's submit has arrived, and when the job is to be polled first. */
  submitted(row: JobRow, { upstreamId, replica }: BackendPlace, pollAt: number): void {
    this.#takeUp(row)
    const place = 'UPDATE jobs SET upstream_id = ?, replica = ?, poll_at = ? WHERE key = ?'
    this.#sql.exec(place, upstreamId, replica, pollAt, row.key)
  }

  /** The copy of a control job was measured: whether it is so for the first time; null where there is no copy. */
  score(control: BackendPlace & { arm: Arm }): 'first' | 'again' | null {
    const key = copyKey(control)
    const copy = this.get(key)
    if (!copy) return null
    if (copy.scored) return 'again'
    this.#sql.exec('UPDATE jobs SET scored = 1 WHERE key = ?', key)
    return 'first'
  }

  /** Where a job that failed goes on. */
  rescued(key: string, { upstreamId, replica }: BackendPlace): void {
    this.#sql.exec('UPDATE jobs SET rescued_upstream = ?, rescued_replica = ? WHERE key = ?', upstreamId, replica, key)
  }

  /** Ended jobs that were submitted before then, so many at a time; whether there may be more. */
  forget(beforeMs: number, most: number): boolean {
    const old = 'SELECT id, status FROM jobs WHERE id < ? ORDER BY id LIMIT ?'
    const rows = [...this.#sql.exec<Pick<JobRow, 'id' | 'status'>>(old, beforeMs * IDS_A_MS, most)]
    const ended = rows.filter(({ status }) => status !== 'open').map(({ id }) => id)
    if (ended.length > 0)
      this.#sql.exec('DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(?))', JSON.stringify(ended))
    return rows.length === most && ended.length > 0
  }

  /** Open copies of this epoch and before. */
  openShadowsUpTo(epoch: number): JobRow[] {
    const open = "SELECT * FROM jobs WHERE status = 'open' AND arm = 'candidate' AND shadow = 1 AND epoch <= ?"
    return [...this.#sql.exec<JobRow>(open, epoch)]
  }

  /** How many copies have not ended yet. */
  get openCopies(): number {
    return this.#open.copies
  }

  open(): OpenJobs {
    const oldest = (overdue: number) =>
      `SELECT MIN(submitted_at) AS at FROM jobs WHERE status = 'open' AND arm = 'candidate' AND shadow = 0 AND overdue = ${overdue}`
    const all = [0, COUNTED_AS_SLOW, ASKED_FOR].map(oldest).join(' UNION ALL ')
    const [row] = this.#sql.exec<{ at: number | null }>(`SELECT MIN(at) AS at FROM (${all})`)
    return { candidate: this.#open.users, oldestCandidateAt: row!.at, shadow: this.#open.copies }
  }

  #countOpen(shadow: 0 | 1): number {
    const open = "SELECT COUNT(*) AS n FROM jobs WHERE status = 'open' AND arm = 'candidate' AND shadow = ?"
    return this.#sql.exec<{ n: number }>(open, shadow).one().n
  }

  /** Ends an open job, counting it in the window of now, as an earlier one may be judged; false if it had ended. */
  end(row: JobRow, outcome: Outcome, reported: ReportedSeconds, seen: Seen, now: number): boolean {
    const { seenAt, isVague = false } = seen
    const gone = goneBy(outcome)
    if (gone > 0) this.#sql.exec('UPDATE jobs SET gone = MAX(gone, ?) WHERE key = ?', gone, row.key)
    const measured = Math.max(0, (seenAt - row.submitted_at) / 1000)
    // By its backend in whole seconds, so up to one more.
    const seconds = reported.totalSeconds === null ? measured : Math.min(measured, reported.totalSeconds + 1)
    const end = `UPDATE jobs SET status = ?, outcome = ?, seconds = ?, run_seconds = ?, ended_at = ?, poll_at = NULL
      WHERE key = ? AND status = 'open'`
    const took = [outcome === 'not_observed' ? null : seconds, reported.runSeconds]
    const { rowsWritten } = this.#sql.exec(end, statusOf(outcome), outcome, ...took, seenAt, row.key)
    if (rowsWritten === 0) return false
    if (row.arm === 'candidate') this.#open[row.shadow ? 'copies' : 'users']--
    const isTimed = outcome === 'ok' && (row.arm === 'control' || row.overdue !== COUNTED_AS_SLOW)
    const timed = isTimed ? latencies(row, isVague ? null : seconds, reported) : {}
    if (row.counted) {
      const repeats = this.#failures.taken(row, outcome, this.#windows.startOf(now))
      const lateWindows = this.#windows.lateness(row.submitted_at, now)
      this.#windows.add([this.#owed.settled(countedEnd(row, outcome, timed, repeats, lateWindows))], now)
    }
    return true
  }
}
