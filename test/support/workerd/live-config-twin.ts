/** live-config in memory: the real functions over data that a test can look at. */
import type { Kept, LiveConfigFacade } from '../../../src/durable/live-config-client.ts'
import {
  type Change,
  emptyLiveConfig,
  withEdit,
  withEnding,
  withProposal,
  withReview,
} from '../../../src/durable/live-config-data.ts'

export class LiveConfigTwin implements LiveConfigFacade {
  data = emptyLiveConfig()
  /** Nothing can be kept; what was can still be read. */
  fails = false

  changes = async () => this.data.changes
  propose = (...args: Parameters<LiveConfigFacade['propose']>) => this.#keep(withProposal(this.data, ...args))
  edit = (...args: Parameters<LiveConfigFacade['edit']>) => this.#keep(withEdit(this.data, ...args))
  review = (...args: Parameters<LiveConfigFacade['review']>) => this.#keep(withReview(this.data, ...args))
  end = (...args: Parameters<LiveConfigFacade['end']>) => this.#keep(withEnding(this.data, ...args))

  async #keep(change: Change): Promise<Kept> {
    if (this.fails) throw new Error('live-config is away')
    if (!change.ok) return change
    this.data = change.data
    return { ok: true, request: change.request }
  }
}
