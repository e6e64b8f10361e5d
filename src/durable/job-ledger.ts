/**
 * Jobs of a release, sharded by subject: taken up from the isolates' flushes, ended exactly once,
 * looked after by alarm when no client polls. An id alone routes a job; nothing waits for this object.
 */
import { DurableObject } from 'cloudflare:workers'
import type { JobView, PairView } from '../control/api.ts'
import type { Env } from '../config/env.ts'
import type { ReleaseConfig } from '../config/load.ts'
import type { Outcome } from '../core/outcome.ts'
import type { WindowRow } from '../core/window.ts'
import { protocolOf } from '../protocols/index.ts'
import { Backend } from './ledger/backend.ts'
import { Bodies } from './ledger/bodies.ts'
import { Claims } from './ledger/claims.ts'
import { ExperimentTable } from './ledger/experiment-table.ts'
import { Follower, type Overdue } from './ledger/follower.ts'
import { Funnel, type FunnelView } from './ledger/funnel.ts'
import { Rescuer } from './ledger/rescuer.ts'
import { JobTable, jobKey, ledgerJob } from './ledger/job-table.ts'
import { jobViews, pairViews } from './ledger/views.ts'
import { type BlastCounts, blastCounts, type OpenJobs, openJobs } from './ledger/summary.ts'
import { releaseConfigOf, releaseNameOf } from './object-config.ts'
import type {
  Admission,
  Claim,
  ClaimEnd,
  EventRow,
  ExperimentQuestion,
  ExperimentSums,
  JobEntry,
  JobFilter,
  JobLedgerRpc,
  LedgerBatch,
  LedgerJob,
  ListCursor,
  SplitCount,
} from './rpc.ts'
import { type CountedRow, type Report, type Span, WindowStore } from './window-store.ts'

const DAY_MS = 86_400_000

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

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    const { sql } = ctx.storage
    this.#release = releaseConfigOf(env, releaseNameOf(ctx))
    this.#windows = new WindowStore(sql, this.#release?.windowMs ?? 60_000)
    this.#jobs = new JobTable(sql, this.#windows)
    this.#bodies = new Bodies(sql)
    this.#funnel = new Funnel(sql)
    this.#experiment = new ExperimentTable(sql)
    const arms = this.#release?.arms
    this.#claims = new Claims(sql, arms ? Math.max(arms.control.timeoutMs, arms.candidate.timeoutMs) + 60_000 : 180_000)
    const protocol = this.#release && protocolOf(this.#release.protocol)
    if (this.#release && protocol) {
      const backend = new Backend(env, this.#release, protocol)
      this.#rescuer = new Rescuer(this.#jobs, this.#bodies, backend, this.#release)
      this.#follower = new Follower(
        ctx.storage,
        this.#jobs,
        this.#bodies,
        this.#funnel,
        backend,
        this.#release,
        this.#rescuer,
      )
    } else {
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
      // An entry lost with its isolate is made good by what the id itself says.
      if (!this.#jobs.get(key)) this.#jobs.add(job)
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

  async find(upstreamId: string): Promise<LedgerJob | null> {
    const row = this.#jobs.byUpstream(upstreamId)
    return row && ledgerJob(row)
  }

  async claim(owner: string, key: string, fingerprint: string): Promise<Claim> {
    return this.#claims.claim(owner, key, fingerprint, Date.now())
  }

  async settle(owner: string, key: string, end: ClaimEnd): Promise<void> {
    this.#claims.settle(owner, key, end)
  }

  /** The row stands before the copy is sent, so that a copy whose isolate dies is not forgotten. */
  async admitShadow({ control }: { control: JobEntry }): Promise<Admission> {
    const now = Date.now()
    const release = this.#release
    if (!release) return { admitted: false, reason: 'max_in_flight' }
    const share = release.ledgerShards
    if (openJobs(this.#jobs.sql).shadow >= Math.ceil(release.shadow.maxInFlight / share))
      return { admitted: false, reason: 'max_in_flight' }
    if (this.#shadowToday(now) >= Math.ceil(release.shadow.maxJobsPerDay / share))
      return { admitted: false, reason: 'max_jobs_per_day' }
    const id = `shadow:${crypto.randomUUID()}`
    const copy = {
      ...control,
      arm: 'candidate' as const,
      upstreamId: '',
      submittedAt: now,
      rescue: null,
      matched: false,
    }
    const pair = jobKey(control.arm, control.replica, control.upstreamId)
    this.#jobs.add(copy, { key: id, shadow: 1, pair, poll_at: now + release.shadow.jobTimeoutMs })
    this.#funnel.count('admitted')
    return { admitted: true, id }
  }

  async shadowSubmitted(
    id: string,
    result: { upstreamId: string; replica: number } | { outcome: Outcome },
  ): Promise<void> {
    const now = Date.now()
    await this.#follower?.shadowSubmitted(id, result, now)
  }

  async shadowCounts(counts: Record<string, number>): Promise<void> {
    for (const [step, n] of Object.entries(counts)) this.#funnel.count(step, n)
  }

  async rescue(upstreamId: string): Promise<{ upstreamId: string; replica: number } | null> {
    const row = this.#jobs.byUpstream(upstreamId, 'candidate')
    if (!row || !this.#rescuer) return null
    const rescued = await this.#rescuer.rescue(row)
    await this.#follower?.arm(Date.now())
    return rescued
  }

  async addEvents(rows: EventRow[]): Promise<{ repeated: number[] }> {
    return this.#experiment.record(rows, Date.now())
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
    if (overdue) this.#follower?.markOverdue(overdue, now)
    return {
      ...this.#windows.report(span),
      ...this.#funnel.view(),
      open: openJobs(this.#jobs.sql),
      shadowToday: this.#shadowToday(now),
    }
  }

  async windows(fromMs: number, toMs: number): Promise<WindowRow[]> {
    return this.#windows.windows(fromMs, toMs)
  }

  async totals(): Promise<CountedRow[]> {
    return this.#windows.totals()
  }

  /** What one run of the release did to its users, from its start on. */
  async blast(sinceMs: number, decidedAt: number | null): Promise<BlastCounts> {
    return blastCounts(this.#jobs.sql, sinceMs, decidedAt)
  }

  async jobs(
    filter: JobFilter,
    cursor: string | null,
    limit: number,
  ): Promise<{ items: JobView[]; next: string | null }> {
    return jobViews(this.#jobs.sql, filter, cursor, limit)
  }

  async pairs(cursor: string | null, limit: number): Promise<{ items: PairView[]; next: string | null }> {
    const protocol = this.#release && protocolOf(this.#release.protocol)
    return this.#release && protocol
      ? pairViews(this.#jobs.sql, this.#release, protocol, cursor, limit)
      : { items: [], next: null }
  }

  /** After a rollback: nobody waits for the copies any more. */
  async cancelShadows(): Promise<void> {
    await this.#follower?.cancelShadows()
  }

  override async alarm(): Promise<void> {
    await this.#follower?.wake()
  }

  #shadowToday(now: number): number {
    const midnight = Math.floor(now / DAY_MS) * DAY_MS
    const [row] = this.#jobs.sql.exec<{ n: number }>(
      'SELECT COUNT(*) AS n FROM jobs WHERE shadow = 1 AND submitted_at >= ?',
      midnight,
    )
    return row!.n
  }
}
