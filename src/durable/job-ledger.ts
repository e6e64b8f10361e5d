/** Jobs of a release, sharded by subject. An id alone routes a job; nothing waits for this object. */
import { DurableObject } from 'cloudflare:workers'
import type { JobFilter } from '../api/index.ts'
import type { Env } from '../config/env.ts'
import type { ReleaseConfig } from '../config/load.ts'
import type { BlastQuestion } from '../core/rollback-cost.ts'
import { jobProtocolOf } from '../protocols/index.ts'
import { Bodies } from './ledger/bodies.ts'
import { Claims, longestSubmitMs } from './ledger/claims.ts'
import { Downloads } from './ledger/downloads.ts'
import { partsOf } from './ledger/control-parts.ts'
import { ExperimentTable } from './ledger/experiment-table.ts'
import { Funnel } from './ledger/funnel.ts'
import { blastCounts, findJob, jobViews, type LedgerQuestion, listJobs, pairViews } from './ledger/job-queries.ts'
import { JobTable } from './ledger/job-table.ts'
import { type LookedAfter, lookedAfter } from './ledger/looked-after.ts'
import { markOverdue } from './ledger/overdue-jobs.ts'
import { releaseConfigOf, releaseNameOf, releasesOf, stir } from './stubs.ts'
import type { BackendPlace, JobName } from './job-shapes.ts'
import type { Caller, ClaimEnd, FlushAnswer, Hold, JobLedgerRpc, LedgerBatch } from './rpc.ts'
import type { EventRow, ExperimentQuestion, PartsQuestion } from './experiment-rpc.ts'
import { WindowStore } from './window-store.ts'
import { WriteOnce } from './write-once.ts'

export class JobLedger extends DurableObject<Env> implements JobLedgerRpc {
  readonly #release: ReleaseConfig | null
  readonly #windows: WindowStore
  readonly #jobs: JobTable
  readonly #claims: Claims
  readonly #experiment: ExperimentTable
  readonly #downloads: Downloads
  readonly #funnel: Funnel
  readonly #lookedAfter: LookedAfter | null
  /** Ends that are seen at the same time are rows of the same few series and steps, each of which is written once. */
  readonly #writes = new WriteOnce()

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    const { sql } = ctx.storage
    const name = releaseNameOf(ctx)
    this.#release = releaseConfigOf(env, name)
    this.#windows = new WindowStore(sql, this.#release?.windowMs ?? 60_000, () => stir(env, name), this.#writes)
    this.#jobs = new JobTable(sql, this.#windows)
    const bodies = new Bodies(sql)
    this.#downloads = new Downloads(sql, this.#jobs, this.#windows)
    this.#funnel = new Funnel(sql, this.#writes)
    this.#experiment = new ExperimentTable(sql)
    // Keys of all releases are kept in one ledger.
    const longestMs = Math.max(120_000, ...releasesOf(env).map(longestSubmitMs))
    this.#claims = new Claims(sql, longestMs + 60_000)
    const tables = { jobs: this.#jobs, bodies, downloads: this.#downloads, funnel: this.#funnel, writes: this.#writes }
    this.#lookedAfter = this.#release && lookedAfter(ctx, env, this.#release, tables)
  }

  async flush(batch: LedgerBatch) {
    return this.#takenUp((now) => this.#take(batch, now))
  }

  async flushAll(batches: LedgerBatch[]) {
    return this.#takenUp((now) =>
      batches.map((batch) => {
        try {
          return this.#take(batch, now)
        } catch {
          return null
        }
      }),
    )
  }

  async #takenUp<T>(take: (now: number) => T): Promise<T> {
    const now = Date.now()
    const taken = this.#writes.during(() => {
      const answer = take(now)
      this.#jobs.countTakenUp(now)
      return answer
    })
    await this.#lookedAfter?.follower.arm(now)
    return taken
  }

  #take(batch: LedgerBatch, now: number): FlushAnswer {
    const { submitted, seen, exposed = [], stopping = [], steps = {}, copies } = batch
    for (const entry of submitted) this.#lookedAfter?.follower.takeUp(entry, now)
    for (const exposure of exposed) this.#experiment.expose(exposure)
    for (const job of stopping) this.#jobs.stopping(job)
    for (const update of seen) this.#lookedAfter?.follower.update(update, now)
    this.#experiment.count()
    this.#downloads.take(batch, now)
    for (const [step, n] of Object.entries(steps)) this.#funnel.count(step, n)
    return { lease: (copies && this.#lookedAfter?.copies.take(copies, now)) ?? null }
  }

  async list(...asked: Parameters<JobLedgerRpc['list']>) {
    const rescuing = { isRescuing: this.#release?.rescue ?? false, now: Date.now() }
    return listJobs(this.ctx.storage.sql, asked, rescuing)
  }

  async find(upstreamId: string, caller: Caller, replica?: number) {
    return findJob(this.ctx.storage.sql, upstreamId, caller, replica)
  }

  async claim(owner: string, key: string, fingerprint: string, hold: Hold) {
    return this.#claims.claim(owner, key, fingerprint, hold, Date.now())
  }

  async recall(owner: string, key: string, fingerprint: string) {
    return this.#claims.recall(owner, key, fingerprint, Date.now())
  }

  async settle(owner: string, key: string, token: string, end: ClaimEnd): Promise<void> {
    this.#claims.settle(owner, key, token, end)
  }

  async score(copied: BackendPlace[]) {
    return copied.map((place) => {
      const scored = this.#jobs.score({ ...place, arm: 'control' })
      if (scored === 'first') this.#funnel.count('scored')
      return scored !== null
    })
  }

  async rescue(job: JobName, waitMs: number) {
    const row = this.#jobs.ofOwner(job)
    if (!row || !this.#lookedAfter) return null
    const { follower, rescuer } = this.#lookedAfter
    // Its client may have seen it fail before the ledger has.
    await follower.poller.pollNow(row)
    const rescueStatus = await rescuer.rescue(this.#jobs.get(row.key) ?? row, waitMs)
    await follower.arm(Date.now())
    return rescueStatus
  }

  async jobLocation(job: JobName) {
    const row = this.#jobs.ofOwner(job)
    return row && this.#lookedAfter ? this.#lookedAfter.rescuer.jobLocation(row) : null
  }

  async addEvents(rows: EventRow[]) {
    const configured = this.#release?.metrics.map(({ name }) => name) ?? []
    return this.#experiment.record(rows, configured, Date.now())
  }

  async experiment(question: ExperimentQuestion) {
    return this.#experiment.sums(question)
  }

  async experimentParts(question: PartsQuestion) {
    return partsOf(this.ctx.storage.sql, question)
  }

  /** For the controller's tick. */
  async report({ overdue, ...span }: LedgerQuestion) {
    const now = Date.now()
    if (overdue) {
      markOverdue(this.ctx.storage.sql, this.#windows, overdue, now)
      await this.#lookedAfter?.follower.arm(now)
    }
    this.#lookedAfter?.copies.lapse(now)
    return {
      ...this.#windows.report(span),
      ...this.#funnel.view(),
      open: this.#jobs.open(),
      /** Shadow copies admitted since midnight UTC. */
      shadowToday: this.#lookedAfter?.copies.today(now) ?? 0,
    }
  }

  async windows(fromMs: number, toMs: number) {
    return this.#windows.windows(fromMs, toMs)
  }

  async totals() {
    return this.#windows.totals()
  }

  /** What one run of the release did to its users, from its start on. */
  async blast(question: BlastQuestion) {
    return blastCounts(this.ctx.storage.sql, question)
  }

  async jobs(filter: JobFilter, cursor: string | null, limit: number) {
    return jobViews(this.ctx.storage.sql, filter, cursor, limit)
  }

  async pairs(cursor: string | null, limit: number) {
    const protocol = this.#release && jobProtocolOf(this.#release)
    return this.#release && protocol
      ? pairViews(this.ctx.storage.sql, this.#release, protocol, cursor, limit)
      : { items: [], next: null }
  }

  /** After a rollback: nobody waits for the copies any more. */
  async cancelShadows(epoch: number): Promise<void> {
    const now = Date.now()
    this.#lookedAfter?.copies.cancel(epoch, now)
    await this.#lookedAfter?.follower.arm(now)
  }

  override async alarm(): Promise<void> {
    await this.#lookedAfter?.follower.wake()
  }
}
