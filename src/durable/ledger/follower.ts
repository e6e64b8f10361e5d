/**
 * Follows jobs to their end: shadow jobs from the start with growing pauses, clients' jobs once the
 * client has gone quiet, all of them no longer than their deadline. One alarm serves whoever is due next.
 */
import type { ReleaseConfig } from '../../config/load.ts'
import type { JobSighting } from '../rpc.ts'
import type { Outcome } from '../../core/outcome.ts'
import { outcomeOf } from '../../protocols/job-outcome.ts'
import type { JobSight } from '../../protocols/protocol.ts'
import type { Backend } from './backend.ts'
import type { Bodies } from './bodies.ts'
import type { Funnel } from './funnel.ts'
import { canBeRescued, type Rescuer } from './rescuer.ts'
import type { ShadowEnd } from './shadow-end.ts'
import { jobKey, type JobRow } from './job-row.ts'
import { type JobTable, NOTHING_TOLD, type Place } from './job-table.ts'

const FIRST_SHADOW_POLL_MS = 1000
const LONGEST_SHADOW_PAUSE_MS = 30_000
const LONGEST_QUIET_PAUSE_MS = 600_000
const GROWTH = 1.5
const DUE_AT_ONCE = 24
const WIDTH = 6
/** An ended job is known for so long after its submit. */
export const KEEP_JOBS_MS = 8 * 86_400_000
const KEEP_UNRESCUED_BODY_MS = 60_000

interface FollowerParts {
  storage: DurableObjectStorage
  jobs: JobTable
  bodies: Bodies
  funnel: Funnel
  backend: Backend
  release: ReleaseConfig
  rescuer: Rescuer
  shadowEnd: ShadowEnd
}

export class Follower {
  readonly #storage: DurableObjectStorage
  readonly #jobs: JobTable
  readonly #bodies: Bodies
  readonly #funnel: Funnel
  readonly #backend: Backend
  readonly #release: ReleaseConfig
  readonly #rescuer: Rescuer
  readonly #shadowEnd: ShadowEnd

  constructor({ storage, jobs, bodies, funnel, backend, release, rescuer, shadowEnd }: FollowerParts) {
    this.#storage = storage
    this.#jobs = jobs
    this.#bodies = bodies
    this.#funnel = funnel
    this.#backend = backend
    this.#release = release
    this.#rescuer = rescuer
    this.#shadowEnd = shadowEnd
  }

  /** A client polled and the job is still open: the ledger need not look for a while. */
  seen(row: JobRow, now: number): void {
    this.#schedule(row, now + this.#release.quietAfterMs, 0)
  }

  ended(row: JobRow, outcome: Outcome, told: JobSighting['told'], now: number): void {
    if (!this.#jobs.end(row, outcome, told, now)) return
    if (row.shadow) this.#funnel.count(outcome === 'job_timeout' ? 'dropped:job_timeout' : 'finished')
    if (!canBeRescued(outcome)) this.#bodies.drop(row.key)
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
    else this.#schedule(row, now + FIRST_SHADOW_POLL_MS, 0)
    await this.arm(now)
  }

  /** The alarm: whoever is due, a bounded number at a time; then the next alarm. Never throws, lest the platform give up on it. */
  async wake(): Promise<void> {
    const now = Date.now()
    // Armed before anything can fail.
    await this.#storage.setAlarm(now + LONGEST_SHADOW_PAUSE_MS)
    const rows = this.#jobs.due(now, DUE_AT_ONCE)
    for (let i = 0; i < rows.length; i += WIDTH) {
      await Promise.all(
        rows.slice(i, i + WIDTH).map((row) => this.#look(row).catch((error: unknown) => this.#later(row, error))),
      )
    }
    await this.#shadowEnd.stopDue(now)
    this.#bodies.dropEnded(now - KEEP_UNRESCUED_BODY_MS)
    this.#jobs.forget(now - KEEP_JOBS_MS)
    await this.#storage.deleteAlarm()
    await this.arm(Date.now())
  }

  /** Sets the alarm for the next job that is due, unless an earlier one stands. */
  async arm(now: number): Promise<void> {
    const dues = [this.#jobs.nextDueAt(), this.#shadowEnd.nextAt()].filter((at) => at !== null)
    if (dues.length === 0) return
    const at = Math.max(Math.min(...dues), now + 50)
    const standing = await this.#storage.getAlarm()
    if (standing === null || standing > at) await this.#storage.setAlarm(at)
  }

  /** Asks the backend about a job that is still open here, as where its client has seen it fail before the ledger has. */
  async lookNow(row: JobRow): Promise<void> {
    if (row.status === 'open') await this.#look(row)
  }

  async #look(row: JobRow): Promise<void> {
    const isLate = Date.now() >= this.#deadline(row)
    const look = row.upstream_id === '' ? null : await this.#backend.look(row, row.upstream_id)
    const now = Date.now()
    // A client's poll may have ended it meanwhile.
    const fresh = this.#jobs.get(row.key)
    if (fresh?.status !== 'open') return
    if (look?.state === 'sight' && outcomeOf(look.sight))
      return this.#end(fresh, outcomeOf(look.sight)!, look.sight, now)
    if (look?.state === 'gone') return this.#end(fresh, 'job_lost', null, now)
    if (!isLate) return this.#schedule(fresh, now + this.#pauseMs(fresh), fresh.polls + 1)
    if (row.upstream_id === '') this.#funnel.count('dropped:submit_unanswered')
    // A backend that answers only its users tells the ledger nothing, neither good nor bad.
    if (look?.state === 'refused') return this.#end({ ...fresh, counted: 0 }, 'aborted', null, now)
    await this.#end(row.upstream_id === '' ? { ...fresh, counted: 0 } : fresh, 'job_timeout', null, now)
    if (row.shadow && row.upstream_id !== '') await this.#backend.cancel(row, row.upstream_id)
  }

  async #end(row: JobRow, outcome: Outcome, sight: JobSight | null, now: number): Promise<void> {
    const told = sight ? { queue: sight.queueSeconds, run: sight.runSeconds, total: sight.totalSeconds } : NOTHING_TOLD
    this.ended(row, outcome, told, now)
    if (this.#release.rescue && row.arm === 'candidate' && !row.shadow && canBeRescued(outcome)) {
      await this.#rescuer.rescue(this.#jobs.get(row.key)!)
      await this.arm(Date.now())
    }
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

  #later(row: JobRow, error: unknown): void {
    console.error(
      JSON.stringify({ at: 'job-ledger', job: jobKey(row.arm, row.replica, row.upstream_id), error: String(error) }),
    )
    this.#schedule(row, Date.now() + this.#pauseMs(row), row.polls + 1)
  }

  /** Past its deadline a job is looked at once more and then ended. */
  #schedule(row: JobRow, at: number, polls: number): void {
    this.#jobs.reschedule(row.key, Math.min(at, Math.max(this.#deadline(row), Date.now())), polls)
  }

  #pauseMs(row: JobRow): number {
    const [first, longest] = row.shadow
      ? [FIRST_SHADOW_POLL_MS, LONGEST_SHADOW_PAUSE_MS]
      : [this.#release.quietAfterMs, LONGEST_QUIET_PAUSE_MS]
    return Math.min(first * GROWTH ** row.polls, longest)
  }

  #deadline(row: JobRow): number {
    const timeoutMs = row.shadow ? this.#release.shadow.jobTimeoutMs : this.#release.jobTimeoutMs
    return row.deadline_at ?? row.submitted_at + timeoutMs
  }
}
