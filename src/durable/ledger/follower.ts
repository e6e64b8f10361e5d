/** Follows jobs to their end: copies from the start, clients' once quiet. One alarm serves whoever is due next. */
import { forgivenMs, isVague } from '../../core/poll-schedule.ts'
import { mayStillArrive } from '../../core/rescue-plan.ts'
import { KEEP_JOBS_MS } from '../../core/ledger-growth.ts'
import type { Outcome } from '../../core/outcome.ts'
import { JobPoller } from './job-poller.ts'
import type { Ending } from './polled-jobs.ts'
import type { Rescuer } from './rescuer.ts'
import type { JobRow, JobUpdate, LedgerJob, ReportedSeconds } from '../job-shapes.ts'
import { jobKey, NOTHING_REPORTED } from '../job-shapes.ts'
import { STOPPING } from './job-ends.ts'
import type { LedgerParts } from './looked-after.ts'

/** An alarm takes on new work for so long, and waits for what it has begun. */
const WAKE_MS = 8000
const HOLD_MS = 30_000
/** So many are forgotten a wake, and the next wake comes so soon where there are more. */
const FORGET_AT_ONCE = 500
const FORGET_PAUSE_MS = 250
/** Bodies that nobody wants are dropped that long after their jobs' ends, and looked for as often. */
const KEEP_UNRESCUED_BODY_MS = 60_000
const BODIES_AT_ONCE = 50

/** Of a second's reports few are of jobs that are not known yet. Of one that is dropped the ledger hears by its own poll. */
const MOST_HEARD = 200

export class Follower {
  readonly #parts: LedgerParts
  readonly #rescuer: Rescuer
  readonly poller: JobPoller
  #bodiesDroppedAt = -Infinity
  /** Ends that were told of jobs unknown here, by job, oldest first: a quick backend is ahead of its submit's flush. */
  readonly #hearsay = new Map<string, JobUpdate>()

  constructor(parts: LedgerParts, rescuer: Rescuer) {
    this.#parts = parts
    this.#rescuer = rescuer
    this.poller = new JobPoller({ ...parts, ends: (...ended) => this.#found(...ended) })
  }

  /** A submit that a backend accepted. */
  takeUp(entry: LedgerJob, now: number): void {
    // An entry that comes late, or by another clock, has its time from now on.
    const lateMs = forgivenMs(entry.submittedAt, now)
    const deadline = lateMs > 0 ? { deadline_at: now + this.#parts.release.jobTimeoutMs } : {}
    this.#parts.jobs.add(entry, { poll_at: entry.submittedAt + lateMs + this.#parts.release.quietAfterMs, ...deadline })
    const key = jobKey(entry.arm, entry.replica, entry.upstreamId)
    const told = this.#hearsay.get(key)
    if (told && this.#hearsay.delete(key)) this.update(told, now)
    const row = entry.rescue && this.#parts.jobs.ofOwner(entry)
    if (!row || row.rescued_upstream !== null) return
    // Known already by its end, which another isolate saw and told first; after a while its body comes too late.
    if (row.status !== 'open' && !mayStillArrive(entry.submittedAt, now)) return
    this.#parts.bodies.keep(row.key, entry.rescue!)
    if (row.outcome) this.#rescuer.ended(row.key, row.outcome, now)
  }

  /** What an isolate saw of a job: still open, so that the ledger need not ask for a while, or ended. */
  update(update: JobUpdate, now: number): void {
    const { job, outcome, reported, at, isHearsay = false } = update
    const key = jobKey(job.arm, job.replica, job.upstreamId)
    const isOpen = () => {
      const { quietAfterMs, jobTimeoutMs } = this.#parts.release
      return this.#parts.jobs.polls.seenOpen(key, at, now + quietAfterMs, jobTimeoutMs, now)
    }
    if (outcome === null && isOpen()) return this.poller.seen(key)
    if (!this.#parts.jobs.get(key)) {
      if (isHearsay) return this.#heard(key, update)
      // So old that it may have ended, been counted and been forgotten: counting it anew would be wrong at every poll.
      if (job.submittedAt < now - KEEP_JOBS_MS) return
      // An entry lost with its isolate is made good by what the id itself says.
      this.#parts.jobs.add(job)
    }
    if (outcome === null) return void isOpen()
    const row = this.#parts.jobs.get(key)!
    if (outcome === 'ok') this.#parts.downloads.shown(key, at)
    if (outcome === 'cancelled' && row.status !== 'open') void this.#rescuer.givenUp(row)
    // By the clock of whoever saw it, however late its flush.
    this.#ended(row, outcome, reported, { seenAt: Math.min(at, now) })
  }

  #heard(key: string, update: JobUpdate): void {
    if (update.outcome === null) return
    this.#hearsay.set(key, update)
    const [oldest] = this.#hearsay.keys()
    if (this.#hearsay.size > MOST_HEARD) this.#hearsay.delete(oldest!)
  }

  #ended(row: JobRow, shown: Outcome, reported: ReportedSeconds, seen: { seenAt: number; isVague?: boolean }): void {
    const now = Date.now()
    // Its owner's cancel, which its backend did not answer, has arrived after all.
    const outcome = shown === 'job_lost' && row.gone === STOPPING ? 'cancelled' : shown
    if (!this.#parts.jobs.end(row, outcome, reported, seen, now)) return
    if (!row.shadow) return this.#rescuer.ended(row.key, outcome, now)
    const isUnseen = outcome === 'job_timeout' || outcome === 'not_observed'
    this.#parts.funnel.count(
      row.upstream_id === '' ? 'dropped:submit_unanswered' : isUnseen ? `dropped:${outcome}` : 'finished',
    )
  }

  /** The alarm: what is due, for a bounded time. Never throws: the platform gives up on an alarm that keeps failing. */
  async wake(): Promise<void> {
    const { storage, jobs, bodies, cancellation } = this.#parts
    const now = Date.now()
    // Armed before anything can fail.
    await storage.setAlarm(now + HOLD_MS)
    this.#rescuer.startDue(now)
    await this.poller.round(now + WAKE_MS, cancellation.stopDue(now, now + WAKE_MS))
    if (now - this.#bodiesDroppedAt >= KEEP_UNRESCUED_BODY_MS) {
      this.#bodiesDroppedAt = now
      bodies.dropEnded(now - KEEP_UNRESCUED_BODY_MS, BODIES_AT_ONCE)
    }
    const hasMore = jobs.forget(now - KEEP_JOBS_MS, FORGET_AT_ONCE)
    await storage.deleteAlarm()
    await this.arm(Date.now(), hasMore ? Date.now() + FORGET_PAUSE_MS : null)
  }

  /** Sets the alarm for the next job that is due, unless an earlier one stands. */
  async arm(now: number, forgetAt: number | null = null): Promise<void> {
    const { storage, cancellation } = this.#parts
    const all = [forgetAt, this.poller.nextAt(), this.#rescuer.nextAt(now), cancellation.nextAt()]
    const dues = all.filter((at) => at !== null)
    if (dues.length === 0) return
    const at = Math.max(Math.min(...dues), now + 50)
    const scheduled = await storage.getAlarm()
    if (scheduled === null || scheduled > at) await storage.setAlarm(at)
  }

  #found(row: JobRow, { outcome, job, isLate }: Ending, seenAt: number): void {
    const reported = job ?? NOTHING_REPORTED
    const { submitted_at: submittedAtMs, open_at: openAtMs } = row
    const isUnreported = isLate && reported.totalSeconds === null
    const end = { submittedAtMs, openAtMs, seenAtMs: seenAt, totalSeconds: reported.totalSeconds }
    this.#ended(row, outcome, reported, { seenAt, isVague: isUnreported || isVague(end) })
    const mayStillRun = outcome === 'job_timeout' || outcome === 'not_observed'
    if (row.shadow && mayStillRun && row.upstream_id !== '') this.#parts.cancellation.queue(row, Date.now())
  }
}
