/**
 * One per release: the only writer of its state, published overlay and audit. Ticks by alarm while the
 * release runs. Judgement and transitions are the core's; gathering, storing and telling are here.
 */
import { DurableObject } from 'cloudflare:workers'
import type { ActionCommand, ConfigView, HistoryEntry, JobView, PairView, ReleaseView } from '../control/api.ts'
import type { ReportView } from '../control/api-experiment.ts'
import type { Env } from '../config/env.ts'
import type { ReleaseConfig } from '../config/load.ts'
import type { Overlay } from '../config/overlay.ts'
import { isRunning, type Snapshot, snapshotOf } from '../core/release.ts'
import type { WindowRow } from '../core/window.ts'
import { Actions, needsVerdicts, NOT_JUDGED } from './controller/actions.ts'
import { type Effective, effectiveOf } from './controller/effective.ts'
import { Experiment } from './controller/experiment.ts'
import { gatherLost, gatherTotals, gatherWindows, ledgersOf, shardsOf } from './controller/gather.ts'
import { Outbox } from './controller/outbox.ts'
import { type Page, pageThrough } from './controller/paging.ts'
import { Publishing } from './controller/publishing.ts'
import { Signals } from './controller/signals.ts'
import { ControllerStore } from './controller/store.ts'
import { Tick } from './controller/tick.ts'
import { releaseNameOf } from './object-config.ts'
import type { Actor, Answer, JobFilter, ReleaseControllerRpc, SignalRow, SignalSum } from './rpc.ts'
import { within } from './stubs.ts'
import type { CountedRow } from './window-store.ts'

const CALL_DEADLINE_MS = 2000
const RETRY_PUSH_MS = 1000

export class ReleaseController extends DurableObject<Env> implements ReleaseControllerRpc {
  readonly #name: string
  readonly #store: ControllerStore
  readonly #outbox: Outbox
  readonly #signals: Signals
  readonly #experiment: Experiment
  readonly #tick: Tick
  readonly #actions: Actions
  readonly #publishing: Publishing

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#name = releaseNameOf(ctx)
    this.#store = new ControllerStore(ctx.storage)
    this.#outbox = new Outbox(ctx.storage.sql, env)
    this.#signals = new Signals(ctx.storage.sql)
    const changed = () => this.#changed()
    this.#actions = new Actions(this.#store, this.#outbox, changed)
    this.#experiment = new Experiment(env, this.#store, this.#actions, this.#signals)
    this.#tick = new Tick(env, this.#store, this.#actions, this.#signals)
    this.#publishing = new Publishing(this.#store, this.#actions)
  }

  async snapshot(): Promise<Snapshot> {
    const effective = this.#effective()
    if (!effective.ok) throw new Error(effective.message)
    await this.#armed()
    this.ctx.waitUntil(this.#push(effective.config).catch(() => undefined))
    return snapshotOf(this.#store.state, effective.config)
  }

  async view(): Promise<Answer<ReleaseView>> {
    const effective = this.#effective()
    if (!effective.ok) return effective
    await this.#armed()
    return { ok: true, value: await this.#tick.view(effective.config, this.#nextTickAt(effective.config)) }
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
    const done = this.#actions.byHand(effective.config, command, actor, Date.now())
    if (!done.ok) return done
    if (command.dry_run) {
      return { ok: true, value: await this.#tick.view(effective.config, null, done.value) }
    }
    await this.#settled()
    return this.view()
  }

  async history(cursor: string | null, limit: number): Promise<Page<HistoryEntry>> {
    return this.#store.history(cursor, limit)
  }

  async config(): Promise<Answer<ConfigView>> {
    const effective = this.#effective()
    return effective.ok ? { ok: true, value: this.#publishing.view(effective.file) } : effective
  }

  async publish(
    overlay: Record<string, unknown>,
    baseVersion: number,
    reason: string,
    actor: Actor,
  ): Promise<Answer<ConfigView>> {
    const effective = this.#effective()
    if (!effective.ok) return effective
    const published = this.#publishing.publish(
      effective.file,
      overlay as Overlay,
      baseVersion,
      reason,
      actor,
      Date.now(),
    )
    if (published.ok) await this.#settled()
    return published
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

  async addSignals(rows: SignalRow[]): Promise<{ repeated: number }> {
    return this.#signals.add(rows, this.#store.state.epoch, Date.now())
  }

  async signals(): Promise<SignalSum[]> {
    return this.#signals.sums()
  }

  async report(): Promise<Answer<ReportView>> {
    const effective = this.#effective()
    return effective.ok ? { ok: true, value: await this.#experiment.report(effective.config) } : effective
  }

  async telemetryLost(): Promise<number> {
    const effective = this.#effective()
    return effective.ok ? gatherLost(this.env, effective.config) : 0
  }

  /** Re-armed before anything can fail, and nothing thrown: the platform gives up on an alarm after six failures. */
  override async alarm(): Promise<void> {
    const effective = this.#effective()
    if (!effective.ok) return
    await this.ctx.storage.setAlarm(Date.now() + this.#periodMs(effective.config))
    try {
      const { state } = this.#store
      if (isRunning(state)) await this.#tick.run(effective.config)
      await this.#tick.settle(effective.config)
      await this.#push(effective.config)
      for (const lost of await this.#outbox.send(Date.now())) this.#actions.webhookGivenUp(lost, Date.now())
      // Last: what can't be read of an experiment delays no rollback.
      await this.#experiment.evaluate(effective.config)
    } catch (error) {
      console.error(JSON.stringify({ at: 'release-controller', release: this.#name, error: String(error) }))
    }
    await this.#rearm(effective.config)
  }

  /** File and overlay as they are now; a file that changed under the release is taken up, with an audit entry. */
  #effective(): Effective {
    const effective = effectiveOf(this.env, this.#name, this.#store.published.overlay)
    if (effective.ok) this.#publishing.noticeFile(effective, Date.now())
    return effective
  }

  /** After a change: the shards are told, then whatever is due by alarm. */
  async #settled(): Promise<void> {
    const effective = this.#effective()
    if (!effective.ok) return
    await this.#push(effective.config).catch(() => undefined)
    await this.#rearm(effective.config)
  }

  #changed(): void {
    this.ctx.waitUntil(this.#settled())
  }

  /** Every shard gets the newest snapshot; until all have it, the alarm tries again. */
  async #push(config: ReleaseConfig): Promise<void> {
    const { state, pushedVersion } = this.#store
    if (pushedVersion >= state.version) return
    const snapshot = snapshotOf(state, config)
    await Promise.all(shardsOf(this.env, config).map((shard) => within(CALL_DEADLINE_MS, shard.push(snapshot))))
    this.#store.commit({ pushedVersion: Math.max(snapshot.version, this.#store.pushedVersion) }, null, Date.now())
    if (state.state === 'rolled_back') {
      this.ctx.waitUntil(Promise.allSettled(ledgersOf(this.env, config).map((ledger) => ledger.cancelShadows())))
    }
  }

  async #rearm(config: ReleaseConfig): Promise<void> {
    const now = Date.now()
    const { state, pushedVersion, unsettledSince } = this.#store
    const due = [
      this.#outbox.nextAt(),
      isRunning(state) ? (this.#nextTickAt(config) ?? now) : null,
      unsettledSince === null ? null : now + this.#periodMs(config),
      pushedVersion < state.version ? now + RETRY_PUSH_MS : null,
    ].filter((at) => at !== null)
    if (due.length === 0) await this.ctx.storage.deleteAlarm()
    else await this.ctx.storage.setAlarm(Math.max(Math.min(...due), now + 10))
  }

  /** An alarm that was lost is set again by whoever asks next. */
  async #armed(): Promise<void> {
    const effective = this.#effective()
    if (effective.ok && isRunning(this.#store.state) && (await this.ctx.storage.getAlarm()) === null)
      await this.#rearm(effective.config)
  }

  #ledgers(): ReturnType<typeof ledgersOf> {
    const effective = this.#effective()
    return effective.ok ? ledgersOf(this.env, effective.config) : []
  }

  #nextTickAt(config: ReleaseConfig): number | null {
    if (!isRunning(this.#store.state)) return null
    const period = this.#periodMs(config)
    return (Math.floor(Date.now() / period) + 1) * period + TICK_OFFSET_MS
  }

  /** Often enough for the fastest guardrail, and never more often than twice a second. */
  #periodMs(config: ReleaseConfig): number {
    const trips = config.guardrails.some(({ withinMs }) => withinMs !== null)
    return Math.min(Math.max(config.windowMs / 2, 500), trips ? 1000 : 5000)
  }
}

/** A tick comes a little after a window's end, when the isolates' last flushes of it have arrived. */
const TICK_OFFSET_MS = 100
