/** Brings what was decided to the objects below: the newest snapshot to every shard, the end of copying to every ledger. */
import { snapshotOf } from '../../core/release.ts'
import { askAll, ledgersOf, shardsOf } from './gather.ts'
import type { ControllerParts } from './parts.ts'
import type { StoredState } from './stored-state.ts'

/** A state that moves on faster than this is left to the alarm. */
const MOST_ROUNDS = 5

/** Until every shard has the newest snapshot; rejects where one does not answer. */
export async function pushSnapshot({ env, store, effective }: ControllerParts): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    // Config and state are read in one turn: a version stands for one snapshot only.
    const current = effective()
    const { state, pushedVersion } = store.stored
    if (!current.ok || pushedVersion >= state.version) return
    const snapshot = snapshotOf(state, current.config)
    const shards = shardsOf(env, current.config)
    await askAll(shards, (shard) => shard.push(snapshot))
    const { stored } = store
    const pushed = {
      pushedVersion: Math.max(snapshot.version, stored.pushedVersion),
      shards: Math.max(shards.length, stored.shards),
    }
    store.commit({ stored: pushed }, Date.now())
  }
}

/** After a rollback: until every ledger has confirmed that copies of this epoch and before have ended. */
export async function closeShadows({ env, store, effective }: ControllerParts): Promise<void> {
  const current = effective()
  const epoch = store.stored.shadowsToClose
  if (!current.ok || epoch === null) return
  await askAll(ledgersOf(env, current.config), (ledger) => ledger.cancelShadows(epoch))
  if (store.stored.shadowsToClose === epoch) store.commit({ stored: { shadowsToClose: null } }, Date.now())
}

/** Whether an object is still to be notified of something. */
export function isBehind({ state, pushedVersion, shadowsToClose }: StoredState): boolean {
  return pushedVersion < state.version || shadowsToClose !== null
}
