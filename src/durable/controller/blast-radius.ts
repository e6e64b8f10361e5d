/**
 * What a run that ended in a rollback cost its users: shown from the rollback to the next start, told in history as it
 * is after a few seconds, and once it is final. Jobs run for minutes after they were exposed, so it grows for as long.
 */
import type { Env } from '../../config/env.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { type BlastSum, isFinalCost, nextSumAt, type Run, settleAt } from '../../core/rollback-cost.ts'
import { type Commit, note, remark } from './commit.ts'
import type { Effective } from './effective.ts'
import { gatherBlast } from './gather.ts'
import type { EndedRun, UnsettledRun } from './stored-state.ts'
import type { ControllerStore } from './store.ts'
import { blastView, type Cost } from './view.ts'

export class BlastRadius {
  readonly #env: Env
  readonly #store: ControllerStore
  readonly #effective: () => Effective
  #read: (Cost & { atMs: number }) | null = null
  /** When an unsettled run was last summed up, by the time of its rollback. */
  readonly #summedAt = new Map<number, number>()

  constructor(env: Env, store: ControllerStore, effective: () => Effective) {
    this.#env = env
    this.#store = store
    this.#effective = effective
  }

  /**
   * Null where the last run was not rolled back, or where its cost can't be read now. Until it is final it is read
   * again, but ever less often: a sum is shown for a tenth of the time that had gone by since the rollback.
   */
  async current(config: ReleaseConfig): Promise<Cost | null> {
    const { endedRun: run, endedCost } = this.#store
    if (!run) return null
    const { decidedAt } = run
    if (endedCost) return { sum: endedCost, decidedAt }
    const atMs = Date.now()
    const read = this.#read
    if (read?.decidedAt === decidedAt && atMs < nextSumAt(decidedAt, read.atMs)) return read
    const sum = await gatherBlast(this.#env, config, this.#runOf(run)).catch(() => null)
    if (sum) this.#read = { sum, decidedAt, atMs }
    return sum && { sum, decidedAt }
  }

  /** Tells the cost of each rollback: once it has reached every isolate, and once all jobs of its run have ended. */
  async settle(): Promise<void> {
    for (const run of this.#store.unsettled) await this.#settle(run)
  }

  async #settle(run: UnsettledRun): Promise<void> {
    const effective = this.#effective()
    const now = Date.now()
    const { decidedAt, told } = run
    if (!effective.ok || now < settleAt(decidedAt, this.#summedAt.get(decidedAt) ?? null)) return
    const { config } = effective
    this.#summedAt.set(decidedAt, now)
    const sum = await gatherBlast(this.#env, config, this.#runOf(run))
    // Another alarm may have been quicker, or the run's successor was rolled back meanwhile.
    const { unsettled, endedRun } = this.#store
    if (!unsettled.some((each) => each.decidedAt === decidedAt && each.told === told)) return
    const isFinal = isFinalCost(sum, decidedAt, config.jobTimeoutMs, now)
    if (!isFinal && told) return
    const others = unsettled.filter((each) => each.decidedAt !== decidedAt)
    const stored = isFinal
      ? { unsettled: others, ...(endedRun?.decidedAt === decidedAt ? { endedCost: sum } : {}) }
      : { unsettled: [...others, { ...run, told: true }] }
    this.#store.commit({ stored, ...this.#entry(config, run, sum, isFinal) }, now)
    if (isFinal) this.#summedAt.delete(decidedAt)
  }

  /** What it was so far stands in history only; receivers are told what it came to. */
  #entry(config: ReleaseConfig, run: EndedRun, sum: BlastSum, isFinal: boolean): Commit {
    const { subjectsExposed, jobsFailed, jobsRescued, submitsFailed, open } = sum
    const failed = `${subjectsExposed} subjects were exposed, ${jobsFailed} jobs and ${submitsFailed} submits failed`
    const reason = `${failed}, ${jobsRescued} jobs were rescued${open > 0 ? `, ${open} jobs are still open` : ''}`
    const evidence = { epoch: run.epoch, blast_radius: blastView({ sum, decidedAt: run.decidedAt }) }
    const entry = { who: 'system:ledger', reason, evidence }
    const { state } = this.#store
    return isFinal
      ? note(state, config, 'rollback_settled', { ...entry, action: 'rollback_settled' })
      : remark(state, { ...entry, action: 'rollback_counted' })
  }

  /** The run that the rollback ended; what belongs to a later one is none of its cost. */
  #runOf({ startedAt, decidedAt, epoch }: EndedRun): Run {
    const { state, unsettled } = this.#store
    const starts = [state.startedAt ?? 0, ...unsettled.map((run) => run.startedAt)].filter((at) => at > decidedAt)
    const untilMs = starts.length > 0 ? Math.min(...starts) : null
    const epochs = this.#store.places(startedAt).map((place) => place.epoch)
    const lastEpoch = Math.max(0, ...epochs.filter((each) => each < epoch))
    return { startedAt, decidedAt, untilMs, epochs: epochs.filter((each) => each <= epoch), lastEpoch }
  }
}
