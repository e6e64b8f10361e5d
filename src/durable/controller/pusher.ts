/** Brings what was decided to the objects below: the newest snapshot to every shard, the end of copying to every ledger. */
import { snapshotOf } from '../../core/release.ts'
import { askAll, ledgersOf, shardsOf } from './gather.ts'
import type { ControllerParts } from './parts.ts'

/** A state that moves on faster than this is left to the alarm. */
const MOST_ROUNDS = 5

export class Pusher {
  readonly #parts: ControllerParts

  constructor(parts: ControllerParts) {
    this.#parts = parts
  }

  /** Until every shard has the newest snapshot; rejects where one does not answer. */
  async push(): Promise<void> {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      // Config and state are read in one turn: a version stands for one snapshot only.
      const effective = this.#parts.effective()
      const { state, pushedVersion } = this.#parts.store.stored
      if (!effective.ok || pushedVersion >= state.version) return
      const snapshot = snapshotOf(state, effective.config)
      const shards = shardsOf(this.#parts.env, effective.config)
      await askAll(shards, (shard) => shard.push(snapshot))
      const { stored } = this.#parts.store
      const pushed = {
        pushedVersion: Math.max(snapshot.version, stored.pushedVersion),
        shards: Math.max(shards.length, stored.shards),
      }
      this.#parts.store.commit({ stored: pushed }, Date.now())
    }
  }

  /** After a rollback: until every ledger has confirmed that copies of this epoch and before have ended. */
  async closeShadows(): Promise<void> {
    const effective = this.#parts.effective()
    const epoch = this.#parts.store.stored.shadowsToClose
    if (!effective.ok || epoch === null) return
    await askAll(ledgersOf(this.#parts.env, effective.config), (ledger) => ledger.cancelShadows(epoch))
    if (this.#parts.store.stored.shadowsToClose === epoch)
      this.#parts.store.commit({ stored: { shadowsToClose: null } }, Date.now())
  }

  /** Whether an object is still to be notified of something. */
  get isBehind(): boolean {
    const { state, pushedVersion, shadowsToClose } = this.#parts.store.stored
    return pushedVersion < state.version || shadowsToClose !== null
  }
}
