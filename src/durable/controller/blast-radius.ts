/**
 * What a run that ended in a rollback cost its users: shown from the rollback to the next start, and reported in the history once
 * it is final. Jobs run for minutes after they were exposed, so it grows for as long.
 */
import type { ReleaseConfig } from '../../config/load.ts'
import { type BlastSum, isFinalCost, type Run, sumAgainMs } from '../../core/rollback-cost.ts'
import { type Commit, note } from './commit.ts'
import { gatherBlast } from './gather.ts'
import type { ControllerParts } from './parts.ts'
import type { EndedRun } from './stored-state.ts'
import { blastView, type Cost } from './view.ts'

/** Every ledger goes through all jobs of the run for a sum: it is made no more often than this. */
const SUM_EVERY_MS = 2000

interface Sum {
  sum: BlastSum
  /** Nothing that happened later is in it; unix ms. */
  atMs: number
}

export class BlastRadius {
  readonly #parts: ControllerParts
  /** The last sum of each run, by the time of its rollback (unix ms), until it is final. */
  readonly #sums = new Map<number, Sum>()

  constructor(parts: ControllerParts) {
    this.#parts = parts
  }

  /** Null where the last run was not rolled back, or where its cost can't be read now. */
  async current(config: ReleaseConfig): Promise<Cost | null> {
    const { endedRun: run, endedCost } = this.#parts.store.stored
    if (!run) return null
    const { decidedAt } = run
    if (endedCost) return { sum: endedCost, decidedAt }
    const last = await this.#sum(config, run).catch(() => null)
    return last && { sum: last.sum, decidedAt }
  }

  /** Reports the cost of each rollback, once nothing can be added to it. */
  async settle(): Promise<void> {
    for (const run of this.#parts.store.stored.unsettled) await this.#settle(run)
  }

  async #settle(run: EndedRun): Promise<void> {
    const effective = this.#parts.effective()
    if (!effective.ok) return
    const { decidedAt } = run
    const { config } = effective
    const now = Date.now()
    const last = this.#sums.get(decidedAt)
    const isOpenStill = last && !isFinalCost(last.sum, decidedAt, config.jobTimeoutMs, now)
    const { sum, atMs } = await this.#sum(config, run, isOpenStill ? sumAgainMs(decidedAt, last.atMs) : 0)
    // Another alarm may have been quicker, or the run's successor was rolled back meanwhile.
    const { unsettled, endedRun } = this.#parts.store.stored
    const isOpen = unsettled.some((each) => each.decidedAt === decidedAt)
    if (!isOpen || !isFinalCost(sum, decidedAt, config.jobTimeoutMs, atMs)) return
    const others = unsettled.filter((each) => each.decidedAt !== decidedAt)
    const stored = { unsettled: others, ...(endedRun?.decidedAt === decidedAt ? { endedCost: sum } : {}) }
    this.#parts.store.commit({ stored, ...this.#entry(config, run, sum) }, Date.now())
    this.#sums.delete(decidedAt)
  }

  /** The last one, where it is younger than that or was only just made. */
  async #sum(config: ReleaseConfig, run: EndedRun, standsMs = 0): Promise<Sum> {
    const atMs = Date.now()
    const last = this.#sums.get(run.decidedAt)
    if (last && atMs < last.atMs + Math.max(SUM_EVERY_MS, standsMs)) return last
    const sum = await gatherBlast(this.#parts.env, config, this.#runOf(run))
    const made = { sum, atMs }
    this.#sums.set(run.decidedAt, made)
    return made
  }

  #entry(config: ReleaseConfig, run: EndedRun, sum: BlastSum): Commit {
    const { subjectsExposed, jobsFailed, jobsRescued, submitsFailed, open } = sum
    const exposed = `${subjectsExposed} ${subjectsExposed === 1 ? 'subject was' : 'subjects were'} exposed`
    const ends = `jobs failed: ${jobsFailed}, submits failed: ${submitsFailed}, jobs rescued: ${jobsRescued}`
    const reason = `${exposed}; ${ends}${open > 0 ? `, never ended: ${open}` : ''}`
    const evidence = { epoch: run.epoch, blast_radius: blastView({ sum, decidedAt: run.decidedAt }) }
    const entry = { who: 'system:ledger', action: 'rollback_settled', reason, evidence }
    return note(this.#parts.store.state, config, 'rollback_settled', entry)
  }

  /** The run that the rollback ended; what belongs to a later one is none of its cost. */
  #runOf({ startedAt, decidedAt, epoch }: EndedRun): Run {
    const { state, unsettled } = this.#parts.store.stored
    const starts = [state.startedAt ?? 0, ...unsettled.map((run) => run.startedAt)].filter((at) => at > decidedAt)
    const untilMs = starts.length > 0 ? Math.min(...starts) : null
    const epochs = this.#parts.store.places(startedAt).map((place) => place.epoch)
    const lastEpoch = Math.max(0, ...epochs.filter((each) => each < epoch))
    return { startedAt, decidedAt, untilMs, epochs: epochs.filter((each) => each <= epoch), lastEpoch }
  }
}
