/**
 * Which copies may be sent, and what isolates tell of those that they have sent: this ledger's part of the caps, granted
 * to isolates ahead of their copies, and none for a run that was rolled back. Sends nothing.
 */
import type { CopyBatch, CopyEntry, CopyLease, CopyResult, CopyRefusal, ShadowCaps } from '../rpc.ts'
import { CopyLeases, LEASE_MS } from './copy-leases.ts'
import { copyKey, type JobRow, NOTHING_REPORTED } from '../job-shapes.ts'
import type { LedgerParts } from './looked-after.ts'

const DAY_MS = 86_400_000

export class ShadowCopies {
  readonly #parts: LedgerParts
  readonly #leases: CopyLeases
  #today: { day: number; n: number } | null = null

  constructor(parts: LedgerParts) {
    this.#parts = parts
    const { sql } = parts.storage
    sql.exec('CREATE TABLE IF NOT EXISTS copies_a_day (day INTEGER PRIMARY KEY, n INTEGER)')
    this.#leases = new CopyLeases(sql)
  }

  /** What an isolate has sent, and what it may send from now on; null for a flush that another one has overtaken. */
  take(batch: CopyBatch, now: number): CopyLease | null {
    const { source, epoch, caps, waiting, spare } = batch
    const admitted = batch.sent.filter((copy) => this.#sent(copy, caps, now)).length
    if (admitted > 0) this.#countToday(admitted, now)
    this.lapse(now)
    if (!this.#leases.reported(batch, now)) return null
    if (this.#parts.cancellation.isClosed(epoch)) return { granted: 0, forMs: 0, refusal: 'rolled_back' }
    const left = this.#left(caps, now)
    // What is not needed yet leaves as much again for others.
    const granted = Math.max(0, Math.min(waiting, left.n)) + Math.max(0, Math.min(spare, (left.n - waiting) >> 1))
    this.#leases.grant(source, granted)
    return { granted, forMs: LEASE_MS, refusal: granted < waiting + spare ? left.refusal : null }
  }

  /** Admitted since midnight UTC. */
  today(now: number): number {
    const day = Math.floor(now / DAY_MS)
    if (this.#today?.day !== day) {
      const [row] = this.#parts.storage.sql.exec<{ n: number }>('SELECT n FROM copies_a_day WHERE day = ?', day)
      this.#today = { day, n: row?.n ?? 0 }
    }
    return this.#today.n
  }

  #countToday(n: number, now: number): void {
    const sum = this.today(now) + n
    this.#today!.n = sum
    this.#parts.storage.sql.exec('INSERT OR REPLACE INTO copies_a_day VALUES (?, ?)', this.#today!.day, sum)
  }

  /** Counts what isolates have taken with them. */
  lapse(now: number): void {
    const lost = this.#leases.lapse(now)
    if (lost > 0) this.#parts.funnel.count('dropped:lease_expired', lost)
  }

  #left(
    { maxInFlight, maxJobsPerDay, ledgers = this.#parts.release.ledgerShards }: ShadowCaps,
    now: number,
  ): { n: number; refusal: CopyRefusal } {
    const { free } = this.#leases
    const inFlight = this.#shareOf(maxInFlight, ledgers) - this.#parts.jobs.openCopies - free
    const aDay = this.#shareOf(maxJobsPerDay, ledgers) - this.today(now) - free
    return aDay < inFlight ? { n: aDay, refusal: 'max_jobs_per_day' } : { n: inFlight, refusal: 'max_in_flight' }
  }

  /** A copy is told of once or twice: when it was sent, when its submit was answered, or both at once. Whether it is new. */
  #sent({ control, sentAt, result }: CopyEntry, caps: ShadowCaps, now: number): boolean {
    const { funnel, pace } = this.#parts
    const key = copyKey(control)
    const place = result && 'upstreamId' in result ? result : null
    // Most go on, and their rows need not be read.
    const isOver = result !== null && (place === null || place.end !== undefined)
    const deadline = now + caps.jobTimeoutMs
    const copy = { ...control, arm: 'candidate' as const, submittedAt: sentAt, upstreamId: '', ...place }
    const pollAt = Math.min(deadline, place ? now + pace.pauseMs({ key, submitted_at: sentAt }, now) : deadline)
    const more = { key, shadow: 1, poll_at: pollAt, deadline_at: deadline }
    const isNew = this.#parts.jobs.add(copy, more)
    const row = isNew ? null : this.#parts.jobs.get(key)
    if (isNew) {
      funnel.count('admitted')
      if (place) funnel.count('submitted')
      // Begun by an isolate that had not heard of the rollback yet.
      if (this.#parts.cancellation.isClosed(control.epoch)) this.#stop(this.#parts.jobs.get(key)!, now)
      else if (isOver) this.#ended(this.#parts.jobs.get(key)!, result, now)
    } else if (row && place && row.upstream_id === '') {
      this.#parts.jobs.submitted(row, place, pollAt)
      funnel.count('submitted')
      // Ended while its submit was under way, by a rollback or its deadline: the job that came of it must stop, too.
      if (row.status !== 'open')
        this.#parts.cancellation.queue({ ...row, upstream_id: place.upstreamId, replica: place.replica }, now)
      else if (isOver) this.#ended(this.#parts.jobs.get(key)!, place, now)
    } else if (row?.status === 'open' && result && !place) this.#ended(row, result, now)
    return isNew
  }

  /** What is over with its submit: where that failed it was counted as a submit's failure, and there is no job to count. */
  #ended(row: JobRow, result: CopyResult, now: number): void {
    const { jobs, funnel } = this.#parts
    if ('outcome' in result) {
      jobs.end({ ...row, counted: 0 }, result.outcome, NOTHING_REPORTED, { seenAt: now }, now)
      funnel.count(`dropped:submit_${result.outcome}`)
    } else if (result.end) {
      const { outcome, reported, at } = result.end
      jobs.end(row, outcome, reported, { seenAt: Math.min(at, now) }, now)
      funnel.count('finished')
    }
  }

  /** After a rollback: every copy of this epoch and before ends here and now, and at the backend as the alarm gets to it. */
  cancel(epoch: number, now: number): void {
    const { jobs, writes, cancellation } = this.#parts
    cancellation.close(epoch)
    writes.during(() => {
      for (const row of jobs.openShadowsUpTo(epoch)) this.#stop(row, now)
    })
  }

  #stop(row: JobRow, now: number): void {
    const { jobs, funnel, cancellation } = this.#parts
    jobs.end(row, 'cancelled', NOTHING_REPORTED, { seenAt: now }, now)
    funnel.count('dropped:rolled_back')
    if (row.upstream_id !== '') cancellation.queue(row, now)
  }

  /** Parts of a cap add up to it: the remainder goes to the first ledgers. */
  #shareOf(cap: number, ledgers: number): number {
    return Math.floor(cap / ledgers) + Number(this.#parts.index < cap % ledgers)
  }
}
