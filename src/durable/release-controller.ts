/**
 * One per release: the only writer of its state, published overlay and audit. What others ask of it is answered here;
 * what its alarm sets off is wake.ts's. Judgement and transitions are the core's.
 */
import { DurableObject } from 'cloudflare:workers'
import type {
  ActionCommand,
  ConfigView,
  HistoryEntry,
  JobFilter,
  JobView,
  Page,
  PairView,
  ReleaseView,
} from '../api/index.ts'
import type { ReportView, ScoreView } from '../api/experiment.ts'
import type { Env } from '../config/env.ts'
import type { ReleaseConfig } from '../config/load.ts'
import type { Overlay } from '../config/overlay.ts'
import type { DailySum } from '../core/daily-sums.ts'
import { mostLedgers } from '../core/ledger-growth.ts'
import { isRunning, type Snapshot, snapshotOf } from '../core/release.ts'
import type { CountedRow, WindowRow } from '../core/window.ts'
import { Scheduler } from './controller/scheduler.ts'
import { Analytics } from './controller/analytics.ts'
import { BlastRadius } from './controller/blast-radius.ts'
import { byHand, needsVerdicts, NOT_JUDGED } from './controller/commands.ts'
import { nextTickAt } from '../core/cadence.ts'
import { type Effective, type EffectiveConfig, effectiveOf } from './controller/effective.ts'
import { Experiment } from './controller/experiment.ts'
import { gatherLost, gatherTotals, gatherWindows, ledgersOf } from './controller/gather.ts'
import { Outbox } from './controller/outbox.ts'
import { pageThrough } from './controller/paging.ts'
import { Publishing } from './controller/publishing.ts'
import { Pusher } from './controller/pusher.ts'
import { Signals } from './controller/signals.ts'
import { ControllerStore } from './controller/store.ts'
import { Tick } from './controller/tick.ts'
import { Wake } from './controller/wake.ts'
import { releaseNameOf } from './stubs.ts'
import type { Actor, Answer, ReleaseControllerRpc, SignalRow, SignalSum } from './controller-rpc.ts'
import type { RowsTaken } from './experiment-rpc.ts'

export class ReleaseController extends DurableObject<Env> implements ReleaseControllerRpc {
  readonly #name: string
  readonly #store: ControllerStore
  readonly #outbox: Outbox
  readonly #signals: Signals
  readonly #experiment: Experiment
  readonly #tick: Tick
  readonly #publishing: Publishing
  readonly #pusher: Pusher
  readonly #blast: BlastRadius
  readonly #scheduler: Scheduler
  readonly #wake: Wake

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#name = releaseNameOf(ctx)
    this.#outbox = new Outbox(ctx.storage.sql, env)
    this.#store = new ControllerStore(this.#name, ctx.storage, this.#outbox)
    this.#signals = new Signals(ctx.storage.sql)
    const parts = { env, name: this.#name, store: this.#store, effective: () => this.#effective() }
    this.#experiment = new Experiment({ ...parts, signals: this.#signals })
    this.#blast = new BlastRadius(parts)
    this.#tick = new Tick({ ...parts, signals: this.#signals, blast: this.#blast })
    this.#pusher = new Pusher(parts)
    this.#scheduler = new Scheduler(ctx.storage, this.#store, this.#outbox, this.#pusher)
    this.#publishing = new Publishing(this.#store)
    this.#wake = new Wake({
      ...parts,
      outbox: this.#outbox,
      tick: this.#tick,
      pusher: this.#pusher,
      blast: this.#blast,
      experiment: this.#experiment,
      analytics: new Analytics(env, ctx.storage),
      scheduler: this.#scheduler,
      waitUntil: (work) => ctx.waitUntil(work),
    })
  }

  async snapshot(): Promise<Snapshot> {
    const effective = this.#effective()
    if (!effective.ok) throw new Error(effective.message)
    await this.#scheduler.ensure(effective.config)
    this.ctx.waitUntil(this.#pusher.push().catch(() => undefined))
    const current = this.#effective()
    return snapshotOf(this.#store.state, current.ok ? current.config : effective.config)
  }

  async view(): Promise<Answer<ReleaseView>> {
    return this.#answer(async ({ config }) => {
      await this.#scheduler.ensure(config)
      return this.#tick.view(config, this.#nextTickAt(config))
    })
  }

  async act(command: ActionCommand, actor: Actor): Promise<Answer<ReleaseView>> {
    const effective = this.#effective()
    if (!effective.ok) return effective
    // What is asked by hand is judged by what is known now; a rollback waits for nothing.
    if (command.action !== 'rollback') {
      const judged = await this.#tick.judge(effective.config).then(
        () => true,
        () => false,
      )
      if (!judged && needsVerdicts(command)) return NOT_JUDGED
    }
    // It may have been reconfigured meanwhile.
    const current = this.#effective()
    if (!current.ok) return current
    const now = Date.now()
    const done = byHand(this.#store.known, current.config, command, actor, now)
    if (!done.ok) return done
    if (command.dry_run) {
      return { ok: true, value: await this.#tick.view(current.config, null, done.value.state) }
    }
    this.#store.commit(done.value.commit, now)
    await this.#settled()
    return this.view()
  }

  async history(cursor: string | null, limit: number): Promise<Page<HistoryEntry>> {
    return this.#store.history(cursor, limit)
  }

  async config(): Promise<Answer<ConfigView>> {
    return this.#answer((effective) => this.#publishing.view(effective))
  }

  async publish(...[overlay, baseVersion, reason, actor, origin = {}]: Parameters<ReleaseControllerRpc['publish']>) {
    const effective = this.#effective()
    if (!effective.ok) return effective
    const candidate = { overlay: overlay as Overlay, baseVersion, reason, origin }
    const published = this.#publishing.publish(effective.file, candidate, actor, Date.now())
    if (published.ok) await this.#settled()
    return published
  }

  async publications(asked: Parameters<ReleaseControllerRpc['publications']>[0]) {
    return this.#store.publications(asked)
  }

  async lastPublishedChange(): Promise<number> {
    return this.#store.lastPublishedChange()
  }

  async windows(fromMs: number, toMs: number): Promise<{ windowMs: number; rows: WindowRow[] }> {
    const effective = this.#effective()
    if (!effective.ok) return { windowMs: 60_000, rows: [] }
    const rows = await gatherWindows(this.env, effective.config, fromMs, toMs)
    return { windowMs: effective.config.windowMs, rows }
  }

  async totals(): Promise<CountedRow[]> {
    const effective = this.#effective()
    return effective.ok ? gatherTotals(this.env, effective.config) : []
  }

  async jobs(filter: JobFilter, cursor: string | null, limit: number): Promise<Page<JobView>> {
    return pageThrough(this.#ledgers(), cursor, limit, (ledger, at) => ledger.jobs(filter, at, limit))
  }

  async pairs(cursor: string | null, limit: number): Promise<Page<PairView>> {
    return pageThrough(this.#ledgers(), cursor, limit, (ledger, at) => ledger.pairs(at, limit))
  }

  async rollbacks(): Promise<{ cause: string; n: number }[]> {
    return this.#store.rollbacks()
  }

  async addSignals(rows: SignalRow[]): Promise<RowsTaken> {
    const effective = this.#effective()
    const guardrails = effective.ok ? effective.config.guardrails : []
    const taken = this.#signals.add(rows, guardrails, this.#store.state.epoch, Date.now())
    if (effective.ok) await this.#scheduler.stir(effective.config)
    return taken
  }

  async signals(): Promise<SignalSum[]> {
    return this.#signals.sums()
  }

  async scores(cursor: string | null, limit: number): Promise<Page<ScoreView>> {
    return this.#signals.pairs.latest(cursor, limit)
  }

  async report(): Promise<Answer<ReportView>> {
    return this.#answer((effective) => this.#experiment.report(effective.config))
  }

  async selfCheck(): Promise<Answer<ReportView>> {
    return this.#answer((effective) => this.#experiment.selfCheck(effective.config))
  }

  async dailySums(): Promise<Answer<DailySum[]>> {
    return this.#answer((effective) => this.#experiment.dailySums(effective.config))
  }

  async telemetryLost(): Promise<number> {
    const effective = this.#effective()
    return effective.ok ? gatherLost(this.env, effective.config) : 0
  }

  /** From a shard or ledger; see call-back.ts. */
  async stir(): Promise<void> {
    const effective = this.#effective()
    if (effective.ok) await this.#scheduler.stir(effective.config)
  }

  override async alarm(): Promise<void> {
    await this.#wake.run()
  }

  async #answer<T>(work: (effective: EffectiveConfig) => T | Promise<T>): Promise<Answer<T>> {
    const effective = this.#effective()
    return effective.ok ? { ok: true, value: await work(effective) } : effective
  }

  /** File and overlay as they are now; a file that changed under the release is taken up, with an audit entry. */
  #effective(): Effective {
    const effective = effectiveOf(this.env, this.#name, this.#store.stored.published)
    if (!effective.ok) return effective
    if (this.#publishing.noticeFile(effective, Date.now())) this.ctx.waitUntil(this.#settled())
    const { config } = effective
    const ledgerShards = mostLedgers(this.#store.state.ledgers, config.ledgerShards)
    return ledgerShards === config.ledgerShards ? effective : { ...effective, config: { ...config, ledgerShards } }
  }

  /** After a change: notifies the shards, and the ledgers beside it, then sets the alarm for whatever is due next. */
  async #settled(): Promise<void> {
    await this.#pusher.push().catch(() => undefined)
    const effective = this.#effective()
    if (!effective.ok) return
    this.ctx.waitUntil(this.#pusher.closeShadows().catch(() => undefined))
    await this.#scheduler.schedule(effective.config)
  }

  #ledgers(): ReturnType<typeof ledgersOf> {
    const effective = this.#effective()
    return effective.ok ? ledgersOf(this.env, effective.config) : []
  }

  #nextTickAt(config: ReleaseConfig): number | null {
    return isRunning(this.#store.state) ? nextTickAt(config, Date.now(), this.#store.isQuiet) : null
  }
}
