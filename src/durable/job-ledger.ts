/**
 * Jobs of a release, sharded by subject: taken up from the isolates' flushes, ended exactly once,
 * looked after by alarm when no client polls. An id alone routes a job; nothing waits for this object.
 */
import { DurableObject } from 'cloudflare:workers'
import type { JobView, Page, PairView } from '../control/api.ts'
import type { Env } from '../config/env.ts'
import type { ReleaseConfig } from '../config/load.ts'
import type { Arm } from '../core/arm.ts'
import type { Outcome } from '../core/outcome.ts'
import type { WindowRow } from '../core/window.ts'
import { protocolOf } from '../protocols/index.ts'
import { Backend } from './ledger/backend.ts'
import { Bodies } from './ledger/bodies.ts'
import { Claims } from './ledger/claims.ts'
import { ExperimentTable } from './ledger/experiment-table.ts'
import { Follower, KEEP_JOBS_MS } from './ledger/follower.ts'
import { Funnel, type FunnelView } from './ledger/funnel.ts'
import { Rescuer } from './ledger/rescuer.ts'
import { jobKey, ledgerJob } from './ledger/job-row.ts'
import { JobTable, type Overdue, type Place } from './ledger/job-table.ts'
import { ShadowAdmission } from './ledger/shadow-admission.ts'
import { ShadowEnd } from './ledger/shadow-end.ts'
import { jobViews, pairViews } from './ledger/views.ts'
import { type BlastCounts, blastCounts, type BlastQuestion, type OpenJobs, openJobs } from './ledger/summary.ts'
import { objectIndexOf, releaseConfigOf, releaseNameOf } from './object-config.ts'
import type { JobFilter } from './controller-rpc.ts'
import type {
  Admission,
  Claim,
  ClaimEnd,
  EventRow,
  ExperimentQuestion,
  ExperimentSums,
  JobEntry,
  JobLedgerRpc,
  LedgerBatch,
  LedgerJob,
  ListCursor,
  RowsTaken,
  ShadowCaps,
  SplitCount,
} from './rpc.ts'
import { type CountedRow, type Report, type Span, WindowStore } from './window-store.ts'

/** What the controller's tick asks for beside the windows: jobs of this kind open for longer count as slow from now on. */
export interface LedgerQuestion extends Span {
  overdue: Overdue | null
}

export interface LedgerReport extends Report, FunnelView {
  open: OpenJobs
  /** Shadow copies admitted since midnight UTC. */
  shadowToday: number
}

export class JobLedger extends DurableObject<Env> implements JobLedgerRpc {
  readonly #release: ReleaseConfig | null
  readonly #windows: WindowStore
  readonly #jobs: JobTable
  readonly #claims: Claims
  readonly #experiment: ExperimentTable
  readonly #bodies: Bodies
  readonly #funnel: Funnel
  readonly #rescuer: Rescuer | null
  readonly #follower: Follower | null
  readonly #admission: ShadowAdmission | null

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    const { sql } = ctx.storage
    this.#release = releaseConfigOf(env, releaseNameOf(ctx))
    this.#windows = new WindowStore(sql, this.#release?.windowMs ?? 60_000)
    this.#jobs = new JobTable(sql, this.#windows)
    this.#bodies = new Bodies(sql)
    this.#funnel = new Funnel(sql)
    this.#experiment = new ExperimentTable(sql)
    this.#claims = new Claims(sql, this.#release ? longestSubmitMs(this.#release) + 60_000 : 180_000)
    const protocol = this.#release && protocolOf(this.#release.protocol)
    if (this.#release && protocol) {
      const backend = new Backend(env, this.#release, protocol)
      const shadowEnd = new ShadowEnd(sql, backend)
      const rescuer = new Rescuer(this.#jobs, this.#bodies, backend, this.#release)
      this.#rescuer = rescuer
      this.#follower = new Follower({
        storage: ctx.storage,
        jobs: this.#jobs,
        bodies: this.#bodies,
        funnel: this.#funnel,
        backend,
        release: this.#release,
        rescuer,
        shadowEnd,
      })
      this.#admission = new ShadowAdmission(this.#jobs, this.#funnel, shadowEnd, this.#release, objectIndexOf(ctx))
    } else {
      this.#admission = null
      this.#rescuer = null
      this.#follower = null
    }
  }

  async flush({ submitted, seen, exposed = [] }: LedgerBatch): Promise<void> {
    const now = Date.now()
    for (const entry of submitted) this.#takeUp(entry)
    for (const exposure of exposed) this.#experiment.expose(exposure)
    for (const sighting of seen) {
      const { job, outcome, told } = sighting
      const key = jobKey(job.arm, job.replica, job.upstreamId)
      if (!this.#jobs.get(key)) {
        // So old that it may have ended, been counted and been forgotten: counting it anew would be wrong at every poll.
        if (job.submittedAt < now - KEEP_JOBS_MS) continue
        // An entry lost with its isolate is made good by what the id itself says.
        this.#jobs.add(job)
      }
      const row = this.#jobs.get(key)!
      if (outcome === null) this.#follower?.seen(row, now)
      else this.#follower?.ended(row, outcome, told, now)
    }
    await this.#follower?.arm(now)
  }

  #takeUp(entry: JobEntry): void {
    this.#jobs.add(entry, { poll_at: entry.submittedAt + (this.#release?.quietAfterMs ?? 120_000) })
    if (entry.rescue) this.#bodies.keep(jobKey(entry.arm, entry.replica, entry.upstreamId), entry.rescue)
  }

  async list(owners: string[], after: ListCursor | null, limit: number, order: 'asc' | 'desc'): Promise<LedgerJob[]> {
    return this.#jobs.list(owners, after, limit + 1, order)
  }

  async find(upstreamId: string, owners: string[], arm?: Arm): Promise<LedgerJob | null> {
    const row = this.#jobs.byUpstream(upstreamId, arm ?? null, owners)
    return row && ledgerJob(row)
  }

  async claim(owner: string, key: string, fingerprint: string): Promise<Claim> {
    return this.#claims.claim(owner, key, fingerprint, Date.now())
  }

  async recall(owner: string, key: string, fingerprint: string): Promise<Claim | null> {
    return this.#claims.recall(owner, key, fingerprint, Date.now())
  }

  async settle(owner: string, key: string, end: ClaimEnd): Promise<void> {
    this.#claims.settle(owner, key, end)
  }

  async admitShadow({ control, caps }: { control: JobEntry; caps?: ShadowCaps }): Promise<Admission> {
    if (!this.#release || !this.#admission) return { admitted: false, reason: 'max_in_flight' }
    const now = Date.now()
    const admission = this.#admission.admit(control, caps ?? this.#release.shadow, now)
    if (admission.admitted) await this.#follower?.arm(now)
    return admission
  }

  async shadowSubmitted(id: string, result: Place | { outcome: Outcome }): Promise<void> {
    await this.#follower?.shadowSubmitted(id, result, Date.now())
  }

  async shadowCounts(counts: Record<string, number>): Promise<void> {
    for (const [step, n] of Object.entries(counts)) this.#funnel.count(step, n)
  }

  async score(copied: Place[]): Promise<boolean[]> {
    return copied.map(({ replica, upstreamId }) => {
      const scored = this.#jobs.score(jobKey('control', replica, upstreamId))
      if (scored === 'first') this.#funnel.count('scored')
      return scored !== null
    })
  }

  async rescue(upstreamId: string): Promise<Place | null> {
    const row = this.#jobs.byUpstream(upstreamId, 'candidate')
    if (!row || !this.#rescuer) return null
    await this.#follower?.lookNow(row)
    const rescued = await this.#rescuer.rescue(this.#jobs.get(row.key) ?? row)
    await this.#follower?.arm(Date.now())
    return rescued
  }

  async addEvents(rows: EventRow[]): Promise<RowsTaken> {
    const configured = this.#release?.metrics.map(({ name }) => name) ?? []
    return this.#experiment.record(rows, configured, Date.now())
  }

  async splits(sinceMs: number): Promise<SplitCount[]> {
    return this.#experiment.splits(sinceMs)
  }

  async experiment(question: ExperimentQuestion): Promise<ExperimentSums> {
    return this.#experiment.sums(question)
  }

  /** For the controller's tick. */
  async report({ overdue, ...span }: LedgerQuestion): Promise<LedgerReport> {
    const now = Date.now()
    if (overdue) this.#jobs.markOverdue(overdue, now)
    return {
      ...this.#windows.report(span),
      ...this.#funnel.view(),
      open: openJobs(this.ctx.storage.sql),
      shadowToday: this.#admission?.today(now) ?? 0,
    }
  }

  async windows(fromMs: number, toMs: number): Promise<WindowRow[]> {
    return this.#windows.windows(fromMs, toMs)
  }

  async totals(): Promise<CountedRow[]> {
    return this.#windows.totals()
  }

  /** What one run of the release did to its users, from its start on. */
  async blast(question: BlastQuestion): Promise<BlastCounts> {
    return blastCounts(this.ctx.storage.sql, question)
  }

  async jobs(filter: JobFilter, cursor: string | null, limit: number): Promise<Page<JobView>> {
    return jobViews(this.ctx.storage.sql, filter, cursor, limit)
  }

  async pairs(cursor: string | null, limit: number): Promise<Page<PairView>> {
    const protocol = this.#release && protocolOf(this.#release.protocol)
    return this.#release && protocol
      ? pairViews(this.ctx.storage.sql, this.#release, protocol, cursor, limit)
      : { items: [], next: null }
  }

  /** After a rollback: nobody waits for the copies any more. */
  async cancelShadows(epoch: number): Promise<void> {
    await this.#follower?.cancelShadows(epoch)
  }

  override async alarm(): Promise<void> {
    await this.#follower?.wake()
  }
}

/** A client may wait for a video itself, and failover sends its submit to both arms in turn. */
function longestSubmitMs({ arms }: ReleaseConfig): number {
  return [arms.control, arms.candidate].reduce((sum, arm) => sum + Math.max(arm.timeoutMs, arm.syncTimeoutMs), 0)
}
