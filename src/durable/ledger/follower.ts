/**
 * Follows jobs to their end: shadow jobs from the start with growing pauses, clients' jobs once the
 * client has gone quiet, all of them no longer than their deadline. One alarm serves whoever is due next.
 */
import type { ReleaseConfig } from '../../config/load.ts'
import { isVague } from '../../core/look-pace.ts'
import { mayStillArrive } from '../../core/rescue-plan.ts'
import type { JobEntry, JobSighting } from '../rpc.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { Backend } from './backend.ts'
import type { Bodies } from './bodies.ts'
import type { Downloads } from './downloads.ts'
import type { Funnel } from './funnel.ts'
import { type Ending, Looks } from './looks.ts'
import type { Rescuer } from './rescuer.ts'
import type { ShadowCancellation } from './shadow-cancellation.ts'
import { jobKey, type JobRow, NOTHING_TOLD } from './job-row.ts'
import type { JobTable, Place } from './job-table.ts'

const FIRST_SHADOW_POLL_MS = 1000
/** An alarm takes on new work for so long, and waits for what it has begun. */
const WAKE_MS = 8000
const HOLD_MS = 30_000
/** An ended job is known for so long after its submit. */
const KEEP_JOBS_MS = 8 * 86_400_000
const KEEP_UNRESCUED_BODY_MS = 60_000

interface FollowerParts {
  storage: DurableObjectStorage
  jobs: JobTable
  bodies: Bodies
  downloads: Downloads
  funnel: Funnel
  backend: Backend
  release: ReleaseConfig
  rescuer: Rescuer
  shadowEnd: ShadowCancellation
}

export class Follower {
  readonly #storage: DurableObjectStorage
  readonly #jobs: JobTable
  readonly #bodies: Bodies
  readonly #downloads: Downloads
  readonly #funnel: Funnel
  readonly #looks: Looks
  readonly #release: ReleaseConfig
  readonly #rescuer: Rescuer
  readonly #shadowEnd: ShadowCancellation

  constructor({ storage, jobs, bodies, downloads, funnel, backend, release, rescuer, shadowEnd }: FollowerParts) {
    this.#storage = storage
    this.#jobs = jobs
    this.#bodies = bodies
    this.#downloads = downloads
    this.#funnel = funnel
    this.#looks = new Looks(jobs, backend, release, (row, ending, at) => this.#found(row, ending, at))
    this.#release = release
    this.#rescuer = rescuer
    this.#shadowEnd = shadowEnd
  }

  /** A submit that a backend accepted. */
  takeUp(entry: JobEntry, now: number): void {
    this.#jobs.add(entry, { poll_at: entry.submittedAt + this.#release.quietAfterMs })
    const row = entry.rescue && this.#jobs.ofOwner(entry)
    if (!row || row.rescued_upstream !== null) return
    // Known already by its end, which another isolate saw and told first; after a while its body comes too late.
    if (row.status !== 'open' && !mayStillArrive(entry.submittedAt, now)) return
    this.#bodies.keep(row.key, entry.rescue!)
    if (row.outcome) this.#rescuer.ended(row.key, row.outcome, now)
  }

  /** What an isolate saw of a job: still open, so that the ledger need not look for a while, or ended. */
  sighted({ job, outcome, told, at }: JobSighting, now: number): void {
    const key = jobKey(job.arm, job.replica, job.upstreamId)
    if (!this.#jobs.get(key)) {
      // So old that it may have ended, been counted and been forgotten: counting it anew would be wrong at every poll.
      if (job.submittedAt < now - KEEP_JOBS_MS) return
      // An entry lost with its isolate is made good by what the id itself says.
      this.#jobs.add(job)
    }
    const row = this.#jobs.get(key)!
    if (outcome === null) {
      this.#jobs.stillOpen(key, at)
      return this.#looks.schedule(row, now + this.#release.quietAfterMs, 0)
    }
    if (outcome === 'ok') this.#downloads.shown(key, at)
    if (outcome === 'cancelled' && row.status !== 'open') void this.#rescuer.givenUp(row)
    this.ended(row, outcome, told, now)
  }

  /** `isVague`: found by a look that can't tell when it ended. */
  ended(row: JobRow, outcome: Outcome, told: JobSighting['told'], now: number, isVague = false): void {
    if (!this.#jobs.end(row, outcome, told, now, isVague)) return
    if (row.shadow) this.#funnel.count(outcome === 'job_timeout' ? 'dropped:job_timeout' : 'finished')
    else this.#rescuer.ended(row.key, outcome, now)
  }

  async shadowSubmitted(id: string, result: Place | { outcome: Outcome }, now: number): Promise<void> {
    const row = this.#jobs.get(id)
    if (!row || (row.status !== 'open' && 'outcome' in result)) return
    if ('outcome' in result) {
      // The submit's failure was counted as a submit's; there is no job to count.
      this.#jobs.end({ ...row, counted: 0 }, result.outcome, NOTHING_TOLD, now)
      this.#funnel.count(`dropped:submit_${result.outcome}`)
      return
    }
    this.#jobs.submitted(id, result)
    this.#funnel.count('submitted')
    // Ended while its submit was under way, by a rollback or its deadline: the job that came of it must stop, too.
    if (row.status !== 'open')
      this.#shadowEnd.queue({ ...row, upstream_id: result.upstreamId, replica: result.replica }, now)
    else this.#looks.schedule(row, now + FIRST_SHADOW_POLL_MS, 0)
    await this.arm(now)
  }

  /** The alarm: what is due, for a bounded time. Never throws: the platform gives up on an alarm that keeps failing. */
  async wake(): Promise<void> {
    const now = Date.now()
    // Armed before anything can fail.
    await this.#storage.setAlarm(now + HOLD_MS)
    this.#rescuer.startDue(now)
    await this.#looks.round(now + WAKE_MS, this.#shadowEnd.stopDue(now, now + WAKE_MS))
    this.#bodies.dropEnded(now - KEEP_UNRESCUED_BODY_MS)
    this.#jobs.forget(now - KEEP_JOBS_MS)
    await this.#storage.deleteAlarm()
    await this.arm(Date.now())
  }

  /** Sets the alarm for the next job that is due, unless an earlier one stands. */
  async arm(now: number): Promise<void> {
    const all = [this.#looks.nextAt(), this.#rescuer.nextAt(now), this.#shadowEnd.nextAt()]
    const dues = all.filter((at) => at !== null)
    if (dues.length === 0) return
    const at = Math.max(Math.min(...dues), now + 50)
    const standing = await this.#storage.getAlarm()
    if (standing === null || standing > at) await this.#storage.setAlarm(at)
  }

  /** Asks the backend about a job that is still open here, as where its client has seen it fail before the ledger has. */
  async lookNow(row: JobRow): Promise<void> {
    await this.#looks.at(row)
  }

  #found(row: JobRow, { outcome, sight, isLate }: Ending, now: number): void {
    const told = sight ? { queue: sight.queueSeconds, run: sight.runSeconds, total: sight.totalSeconds } : NOTHING_TOLD
    const { submitted_at: submittedAtMs, open_at: openAtMs } = row
    const isUntold = isLate && told.total === null
    const end = { submittedAtMs, openAtMs, seenAtMs: now, totalSeconds: told.total }
    this.ended(row, outcome, told, now, isUntold || isVague(end))
    if (!row.shadow || outcome !== 'job_timeout') return
    if (row.upstream_id === '') this.#funnel.count('dropped:submit_unanswered')
    else this.#shadowEnd.queue(row, now)
  }

  /** After a rollback: every copy of this epoch and before ends here and now, and at the backend as the alarm gets to it. */
  async cancelShadows(epoch: number): Promise<void> {
    const now = Date.now()
    this.#shadowEnd.close(epoch)
    for (const row of this.#jobs.openShadowsUpTo(epoch)) {
      if (!this.#jobs.end(row, 'cancelled', NOTHING_TOLD, now)) continue
      this.#funnel.count('dropped:rolled_back')
      if (row.upstream_id !== '') this.#shadowEnd.queue(row, now)
    }
    await this.arm(now)
  }
}
