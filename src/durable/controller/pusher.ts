/** Brings what was decided to the objects below: the newest snapshot to every shard, the end of copying to every ledger. */
import type { Env } from '../../config/env.ts'
import { snapshotOf } from '../../core/release.ts'
import type { Effective } from './effective.ts'
import { askAll, ledgersOf, shardsOf } from './gather.ts'
import type { ControllerStore } from './store.ts'

/** A state that moves on faster than this is left to the alarm. */
const MOST_ROUNDS = 5

export class Pusher {
  readonly #env: Env
  readonly #store: ControllerStore
  readonly #effective: () => Effective

  /** `effective` answers with the configuration as it is now. */
  constructor(env: Env, store: ControllerStore, effective: () => Effective) {
    this.#env = env
    this.#store = store
    this.#effective = effective
  }

  /** Until every shard has the newest snapshot; rejects where one does not answer. */
  async push(): Promise<void> {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      // Config and state are read in one turn: a version stands for one snapshot only.
      const effective = this.#effective()
      const { state, pushedVersion } = this.#store.stored
      if (!effective.ok || pushedVersion >= state.version) return
      const snapshot = snapshotOf(state, effective.config)
      const shards = shardsOf(this.#env, effective.config)
      await askAll(shards, (shard) => shard.push(snapshot))
      const { stored } = this.#store
      const pushed = {
        pushedVersion: Math.max(snapshot.version, stored.pushedVersion),
        shards: Math.max(shards.length, stored.shards),
      }
      this.#store.commit({ stored: pushed }, Date.now())
    }
  }

  /** After a rollback: until every ledger has confirmed that copies of this epoch and before have ended. */
  async closeShadows(): Promise<void> {
    const effective = this.#effective()
    const epoch = this.#store.stored.shadowsToClose
    if (!effective.ok || epoch === null) return
    await askAll(ledgersOf(this.#env, effective.config), (ledger) => ledger.cancelShadows(epoch))
    if (this.#store.stored.shadowsToClose === epoch)
      this.#store.commit({ stored: { shadowsToClose: null } }, Date.now())
  }

  /** Whether an object is still to be notified of something. */
  get isBehind(): boolean {
    const { state, pushedVersion, shadowsToClose } = this.#store.stored
    return pushedVersion < state.version || shadowsToClose !== null
  }
}
