/**
 * One per release: the only writer of its state, published overlay and audit. What others ask of it is answered here;
 * what its alarm sets off is wake.ts's. Judgement and transitions are the core's.
 */
import { DurableObject } from 'cloudflare:workers'
import type { ActionCommand, JobFilter } from '../api/index.ts'
import type { Env } from '../config/env.ts'
import type { ReleaseConfig } from '../config/load.ts'
import type { Overlay } from '../config/overlay.ts'
import { mostLedgers } from '../core/ledger-growth.ts'
import { isRunning, snapshotOf } from '../core/release.ts'
import { Scheduler } from './controller/scheduler.ts'
import { BlastRadius } from './controller/blast-radius.ts'
import { byHand, needsVerdicts, NOT_JUDGED } from './controller/commands.ts'
import { nextTickAt } from '../core/cadence.ts'
import { type Effective, type EffectiveConfig, effectiveOf } from './controller/effective.ts'
import { Experiment } from './controller/experiment.ts'
import { askAll, ledgersOf, shardsOf, sourcesOf } from './controller/gather.ts'
import { Outbox } from './controller/outbox.ts'
import { pageThrough } from './controller/paging.ts'
import { configView, noticeFile, publish } from './controller/publishing.ts'
import { closeShadows, pushSnapshot } from './controller/pushing.ts'
import { Signals } from './controller/signals.ts'
import { ControllerStore } from './controller/store.ts'
import { Tick } from './controller/tick.ts'
import { wake, type WakeParts } from './controller/wake.ts'
import { releaseNameOf } from './stubs.ts'
import type { Actor, Answer, ReleaseControllerRpc, SignalRow } from './controller-rpc.ts'

export class ReleaseController extends DurableObject<Env> implements ReleaseControllerRpc {
  readonly #parts: WakeParts

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    const { storage } = ctx
    const name = releaseNameOf(ctx)
    const outbox = new Outbox(storage.sql, env)
    const store = new ControllerStore(name, storage, outbox)
    const signals = new Signals(storage.sql)
    const parts = { env, name, storage, store, outbox, signals, effective: () => this.#effective() }
    const blast = new BlastRadius(parts)
    this.#parts = {
      ...parts,
      blast,
      tick: new Tick({ ...parts, blast }),
      experiment: new Experiment(parts),
      scheduler: new Scheduler(parts),
      waitUntil: (work) => ctx.waitUntil(work),
    }
  }

  async snapshot() {
    const effective = this.#effective()
    if (!effective.ok) throw new Error(effective.message)
    await this.#parts.scheduler.ensure(effective.config)
    this.ctx.waitUntil(pushSnapshot(this.#parts).catch(() => undefined))
    const current = this.#effective()
    return snapshotOf(this.#parts.store.state, current.ok ? current.config : effective.config)
  }

  async view() {
    return this.#answer(async ({ config }) => {
      await this.#parts.scheduler.ensure(config)
      const { state, isQuiet } = this.#parts.store
      return this.#parts.tick.view(config, isRunning(state) ? nextTickAt(config, Date.now(), isQuiet) : null)
    })
  }

  async act(command: ActionCommand, actor: Actor): ReturnType<ReleaseControllerRpc['act']> {
    const effective = this.#effective()
    if (!effective.ok) return effective
    // What is asked by hand is judged by what is known now; a rollback waits for nothing.
    if (command.action !== 'rollback') {
      const judged = await this.#parts.tick.judge(effective.config).then(
        () => true,
        () => false,
      )
      if (!judged && needsVerdicts(command)) return NOT_JUDGED
    }
    // It may have been reconfigured meanwhile.
    const current = this.#effective()
    if (!current.ok) return current
    const now = Date.now()
    const done = byHand(this.#parts.store.known, current.config, command, actor, now)
    if (!done.ok) return done
    if (command.dry_run) {
      return { ok: true, value: await this.#parts.tick.view(current.config, null, done.value.state) }
    }
    this.#parts.store.commit(done.value.commit, now)
    await this.#settled()
    return this.view()
  }

  async history(cursor: string | null, limit: number) {
    return this.#parts.store.history(cursor, limit)
  }

  async config() {
    return this.#answer((effective) => configView(this.#parts.store, effective))
  }

  async publish(...[overlay, baseVersion, reason, actor, origin = {}]: Parameters<ReleaseControllerRpc['publish']>) {
    const effective = this.#effective()
    if (!effective.ok) return effective
    const candidate = { overlay: overlay as Overlay, baseVersion, reason, origin }
    const published = publish(this.#parts.store, effective.file, candidate, actor, Date.now())
    if (published.ok) await this.#settled()
    return published
  }

  async publications(asked: Parameters<ReleaseControllerRpc['publications']>[0]) {
    return this.#parts.store.publications(asked)
  }

  async lastPublishedChange() {
    return this.#parts.store.lastPublishedChange()
  }

  async windows(fromMs: number, toMs: number) {
    const effective = this.#effective()
    const rows = await askAll(this.#objects(sourcesOf), (source) => source.windows(fromMs, toMs))
    return { windowMs: effective.ok ? effective.config.windowMs : 60_000, rows: rows.flat() }
  }

  async totals() {
    return (await askAll(this.#objects(sourcesOf), (source) => source.totals())).flat()
  }

  async jobs(filter: JobFilter, cursor: string | null, limit: number) {
    return pageThrough(this.#objects(ledgersOf), cursor, limit, (ledger, at) => ledger.jobs(filter, at, limit))
  }

  async pairs(cursor: string | null, limit: number) {
    return pageThrough(this.#objects(ledgersOf), cursor, limit, (ledger, at) => ledger.pairs(at, limit))
  }

  async rollbacks() {
    return this.#parts.store.rollbacks()
  }

  async addSignals(rows: SignalRow[]) {
    const effective = this.#effective()
    const guardrails = effective.ok ? effective.config.guardrails : []
    const taken = this.#parts.signals.add(rows, guardrails, this.#parts.store.state.epoch, Date.now())
    if (effective.ok) await this.#parts.scheduler.stir(effective.config)
    return taken
  }

  async signals() {
    return this.#parts.signals.sums()
  }

  async scores(cursor: string | null, limit: number) {
    return this.#parts.signals.pairs.latest(cursor, limit)
  }

  async report() {
    return this.#answer((effective) => this.#parts.experiment.report(effective.config))
  }

  async selfCheck() {
    return this.#answer((effective) => this.#parts.experiment.selfCheck(effective.config))
  }

  async dailySums() {
    return this.#answer((effective) => this.#parts.experiment.dailySums(effective.config))
  }

  async telemetryLost() {
    const lost = await askAll(this.#objects(shardsOf), (shard) => shard.lost())
    return lost.reduce((sum, n) => sum + n, 0)
  }

  /** From a shard or ledger; see call-back.ts. */
  async stir(): Promise<void> {
    const effective = this.#effective()
    if (effective.ok) await this.#parts.scheduler.stir(effective.config)
  }

  override async alarm(): Promise<void> {
    await wake(this.#parts)
  }

  async #answer<T>(work: (effective: EffectiveConfig) => T | Promise<T>): Promise<Answer<T>> {
    const effective = this.#effective()
    return effective.ok ? { ok: true, value: await work(effective) } : effective
  }

  /** File and overlay as they are now; a file that changed under the release is taken up, with an audit entry. */
  #effective(): Effective {
    const effective = effectiveOf(this.env, this.#parts.name, this.#parts.store.stored.published)
    if (!effective.ok) return effective
    if (noticeFile(this.#parts.store, effective, Date.now())) this.ctx.waitUntil(this.#settled())
    const { config } = effective
    const ledgerShards = mostLedgers(this.#parts.store.state.ledgers, config.ledgerShards)
    return ledgerShards === config.ledgerShards ? effective : { ...effective, config: { ...config, ledgerShards } }
  }

  /** After a change: notifies the shards, and the ledgers beside it, then sets the alarm for whatever is due next. */
  async #settled(): Promise<void> {
    await pushSnapshot(this.#parts).catch(() => undefined)
    const effective = this.#effective()
    if (!effective.ok) return
    this.ctx.waitUntil(closeShadows(this.#parts).catch(() => undefined))
    await this.#parts.scheduler.schedule(effective.config)
  }

  /** Nobody while the configuration is not valid. */
  #objects<S>(of: (env: Env, release: ReleaseConfig) => S[]): S[] {
    const effective = this.#effective()
    return effective.ok ? of(this.env, effective.config) : []
  }
}
