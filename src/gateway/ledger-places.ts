/** Where a release's jobs, keys and lists are among its ledgers, as this isolate knows from its configuration and snapshot. */
import type { LedgerCount, LedgerKey } from '../core/ledger-growth.ts'
import { ledgerOfJob, ledgersIn, ledgersSince, mostLedgers } from '../core/ledger-growth.ts'
import type { Snapshot } from '../core/release.ts'

export class LedgerPlaces {
  readonly #configured: number
  readonly #snapshot: () => Snapshot | null

  constructor(configured: number, snapshot: () => Snapshot | null) {
    this.#configured = configured
    this.#snapshot = snapshot
  }

  /** The ledger of a job or an exposure. */
  indexOf(job: LedgerKey): number {
    return ledgerOfJob(job, this.#counts, this.#configured)
  }

  /** Whether this isolate has heard of the job's epoch, and so of the ledgers that came with it. */
  knows({ epoch }: LedgerKey): boolean {
    const snapshot = this.#snapshot()
    if (!snapshot) return this.#configured === 1
    return this.#counts.length === 0 || epoch <= snapshot.epoch
  }

  /** Whether the job is where `indexOf` says. What was taken up without a snapshot says epoch 0, and went by the configuration. */
  isSureOf(job: LedgerKey): boolean {
    return this.knows(job) && (job.epoch > 0 || this.#counts.length <= 1)
  }

  /** Where this owner may have left something since then, unix ms; the earliest place first. */
  since(owner: string, sinceMs: number): number[] {
    const counts = this.#snapshot() ? this.#counts : this.#anyCounts
    return ledgersSince(owner, counts, this.#configured, sinceMs)
  }

  all(): number[] {
    return Array.from({ length: mostLedgers(this.#counts, this.#configured) }, (_, index) => index)
  }

  /** Among how many ledgers the release's caps are shared in this epoch. */
  sharing(epoch: number): number {
    return ledgersIn(epoch, this.#counts, this.#configured)
  }

  get #counts(): readonly LedgerCount[] {
    return this.#snapshot()?.ledgers ?? []
  }

  /** Without a snapshot the release may have had any number of them. */
  get #anyCounts(): LedgerCount[] {
    return Array.from({ length: this.#configured }, (_, i) => ({ fromEpoch: 0, shards: i + 1, sinceMs: Infinity }))
  }
}
