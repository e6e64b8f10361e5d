/**
 * What clients' downloads tell of jobs: one that said it had succeeded and has no video has failed after all, once,
 * however often it is asked for. The requests are counted here too. Asks no backend.
 */
import { count, emptyCounters } from '../../core/window.ts'
import type { LedgerBatch, MissingVideo } from '../rpc.ts'
import type { WindowStore } from '../window-store.ts'
import { jobKey, type JobRow } from '../job-shapes.ts'
import { countedEnd, GIVEN_UP, OwedEnds, STOPPING } from './job-ends.ts'
import type { JobTable } from './job-table.ts'

/** A video that is asked for later than this after its job's end may have been cleared away. */
const KEPT_MS = 3_600_000
/** Downloads that came before their jobs' ends were told here. */
const MAX_EARLY = 1000

export class Downloads {
  readonly #sql: SqlStorage
  readonly #jobs: JobTable
  readonly #windows: WindowStore
  readonly #owed: OwedEnds
  /** By the job's key, the last one of each. */
  readonly #early = new Map<string, MissingVideo>()

  constructor(sql: SqlStorage, jobs: JobTable, windows: WindowStore) {
    this.#sql = sql
    this.#jobs = jobs
    this.#windows = windows
    this.#owed = new OwedEnds(sql)
  }

  /** Somebody was shown at that time, unix ms, that the job has succeeded: from then on its video must be there. */
  shown(key: string, at: number): void {
    this.#sql.exec('UPDATE jobs SET shown_at = ? WHERE key = ? AND (shown_at IS NULL OR shown_at > ?)', at, key, at)
  }

  /** After the batch's updates. */
  take({ seen, missing = [] }: LedgerBatch, now: number): void {
    for (const each of missing) this.#missed(each, now)
    for (const { job, outcome } of seen)
      if (outcome !== null) this.#ended(jobKey(job.arm, job.replica, job.upstreamId), now)
  }

  #missed(missing: MissingVideo, now: number): void {
    const { job, request, seconds } = missing
    const row = this.#jobs.ofOwner(job)
    const isBad = row !== null && shouldBeThere(row, missing)
    if (isBad) this.#turnBad(row, now)
    else if (row?.status === 'open') this.#keep(row.key, missing)
    const counters = emptyCounters()
    count(counters, { outcome: isBad ? 'bad_output' : 'client_error', seconds: { latency: seconds } })
    this.#windows.add([{ series: request, counters }], now)
  }

  /** The isolate that showed the end may tell it after another one has told of the download that followed. */
  #ended(key: string, now: number): void {
    const missing = this.#early.get(key)
    const row = missing && this.#jobs.get(key)
    if (!row || row.status === 'open') return
    this.#early.delete(key)
    if (shouldBeThere(row, missing)) this.#turnBad(row, now)
  }

  #keep(key: string, missing: MissingVideo): void {
    this.#early.delete(key)
    this.#early.set(key, missing)
    if (this.#early.size > MAX_EARLY) this.#early.delete(this.#early.keys().next().value!)
  }

  #turnBad(row: JobRow, now: number): void {
    this.#sql.exec("UPDATE jobs SET status = 'failed', outcome = 'bad_output' WHERE key = ?", row.key)
    if (!row.counted) return
    const end = countedEnd(row, 'bad_output', {})
    this.#windows.add([end], now)
    this.#owed.owe(end.series)
  }
}

/** Its owner did not give it up, and asked for it after he had been shown that it was done, and while it was fresh. */
function shouldBeThere(row: JobRow, { sentAt }: MissingVideo): boolean {
  const doneAt = row.shown_at ?? row.ended_at ?? Infinity
  return (
    row.outcome === 'ok' &&
    row.gone !== GIVEN_UP &&
    row.gone !== STOPPING &&
    sentAt >= doneAt &&
    sentAt - doneAt <= KEPT_MS
  )
}
