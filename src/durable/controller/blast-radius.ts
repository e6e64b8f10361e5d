/** What a run that ended in a rollback cost its users: shown while rolled back, and summed up once in history. */
import type { Env } from '../../config/env.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import type { Actions } from './actions.ts'
import type { Effective } from './effective.ts'
import { type BlastSum, gatherBlast, type Run } from './gather.ts'
import type { EndedRun } from './kept.ts'
import type { ControllerStore } from './store.ts'
import { blastView } from './view.ts'

/** When the last misrouted submit of a rollback is known for sure: propagation bound and flush. */
const SETTLE_AFTER_MS = 7000

export class BlastRadius {
  readonly #env: Env
  readonly #store: ControllerStore
  readonly #actions: Actions
  readonly #effective: () => Effective
  #read: { since: number; atMs: number; sum: BlastSum } | null = null

  constructor(env: Env, store: ControllerStore, actions: Actions, effective: () => Effective) {
    this.#env = env
    this.#store = store
    this.#actions = actions
    this.#effective = effective
  }

  /**
   * Null where nothing was rolled back, or where it can't be read now. It still grows as open jobs end, so it is read
   * again, but ever less often: a sum is shown for a tenth of the time that had gone by since the rollback.
   */
  async current(config: ReleaseConfig): Promise<BlastSum | null> {
    const { state, startedAt, since, epoch } = this.#store.state
    if (state !== 'rolled_back') return null
    const atMs = Date.now()
    const read = this.#read
    if (read?.since === since && atMs - read.atMs < (read.atMs - since) / 10) return read.sum
    const run = this.#runOf({ startedAt: startedAt ?? 0, epoch }, since)
    const sum = await gatherBlast(this.#env, config, run).catch(() => null)
    if (sum) this.#read = { since, atMs, sum }
    return sum
  }

  /** Once a rollback has reached every isolate, what it cost is summed up in history, also if a reset came first. */
  async settle(): Promise<void> {
    const effective = this.#effective()
    const { unsettledSince: since, unsettledRun } = this.#store
    const { startedAt, epoch } = this.#store.state
    if (!effective.ok || since === null || Date.now() < since + SETTLE_AFTER_MS) return
    const { config } = effective
    const ended = unsettledRun ?? { startedAt: startedAt ?? 0, epoch }
    const blast = await gatherBlast(this.#env, config, this.#runOf(ended, since))
    if (this.#store.unsettledSince !== since) return
    const now = Date.now()
    this.#store.commit({ unsettledSince: null, unsettledRun: null }, null, now)
    const { subjectsExposed, jobsFailed, jobsRescued, submitsFailed } = blast
    const evidence = { epoch: ended.epoch, blast_radius: blastView(blast, since) }
    const failed = `${subjectsExposed} subjects were exposed, ${jobsFailed} jobs and ${submitsFailed} submits failed`
    const reason = `${failed}, ${jobsRescued} jobs were rescued`
    const entry = { who: 'system:ledger', action: 'rollback_settled', reason, evidence }
    this.#actions.note(config, 'rollback_settled', entry, now)
  }

  /** The run that the rollback of `decidedAt` ended; what belongs to a later one is none of its cost. */
  #runOf({ startedAt, epoch: last }: EndedRun, decidedAt: number): Run {
    const next = this.#store.state.startedAt
    const untilMs = next !== null && next > decidedAt ? next : null
    const epochs = this.#store.places(startedAt).map(({ epoch }) => epoch)
    return { startedAt, decidedAt, untilMs, epochs: epochs.filter((epoch) => epoch <= last) }
  }
}
