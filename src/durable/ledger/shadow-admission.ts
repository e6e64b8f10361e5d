/** Whether a copy may be sent: this ledger's part of the caps, and no copies for a run that was rolled back. Sends nothing. */
import type { ReleaseConfig } from '../../config/load.ts'
import type { Admission, ShadowCaps } from '../rpc.ts'
import type { Funnel } from './funnel.ts'
import { jobKey, type LedgerJob } from '../job-shapes.ts'
import type { JobTable } from './job-table.ts'
import type { ShadowCancellation } from './shadow-cancellation.ts'

const DAY_MS = 86_400_000

export class ShadowAdmission {
  readonly #jobs: JobTable
  readonly #funnel: Funnel
  readonly #end: ShadowCancellation
  readonly #release: ReleaseConfig
  readonly #index: number
  #today: { day: number; n: number } | null = null

  /** `index` is the ledger's own among those of its release. */
  constructor(jobs: JobTable, funnel: Funnel, end: ShadowCancellation, release: ReleaseConfig, index: number) {
    this.#jobs = jobs
    this.#funnel = funnel
    this.#end = end
    this.#release = release
    this.#index = index
  }

  /** The row stands before the copy is sent, so that a copy whose isolate dies is not forgotten. */
  admit(control: LedgerJob, caps: ShadowCaps, now: number): Admission {
    if (this.#end.isClosed(control.epoch)) return { admitted: false, reason: 'rolled_back' }
    if (this.#jobs.openShadows() >= this.#shareOf(caps.maxInFlight)) return { admitted: false, reason: 'max_in_flight' }
    if (this.today(now) >= this.#shareOf(caps.maxJobsPerDay)) return { admitted: false, reason: 'max_jobs_per_day' }
    const id = `shadow:${crypto.randomUUID()}`
    const copy = {
      ...control,
      arm: 'candidate' as const,
      upstreamId: '',
      submittedAt: now,
      rescue: null,
    }
    const pair = jobKey(control.arm, control.replica, control.upstreamId)
    const deadline = now + caps.jobTimeoutMs
    this.#jobs.add(copy, { key: id, shadow: 1, pair, poll_at: deadline, deadline_at: deadline })
    this.#today!.n++
    this.#funnel.count('admitted')
    return { admitted: true, id }
  }

  /** Admitted since midnight UTC. */
  today(now: number): number {
    const day = Math.floor(now / DAY_MS)
    if (this.#today?.day !== day) this.#today = { day, n: this.#jobs.shadowsSince(day * DAY_MS) }
    return this.#today.n
  }

  /** Parts of a cap add up to it: the remainder goes to the first ledgers. */
  #shareOf(cap: number): number {
    const { ledgerShards } = this.#release
    return Math.floor(cap / ledgerShards) + Number(this.#index < cap % ledgerShards)
  }
}
