/** A running release that is gone from the file: control serves, and nothing goes on by itself when it is back. */
import { openJudgement } from '../../core/guardrails/evaluation.ts'
import { isRunning, type RoutingConfig, snapshotOf } from '../../core/release.ts'
import { rolledBack } from '../../core/transitions.ts'
import { askAll, shardsNamed } from './gather.ts'
import type { ControllerParts } from './parts.ts'

const REASON =
  'the release is no longer in the file, so control serves everybody; once it is back, reset and start it again'

/** Rolled back, and every shard notified, since it is they who answer first when the release is back. */
export async function withdraw({ env, name, store }: ControllerParts): Promise<void> {
  if (isRunning(store.state)) rollBack(store, Date.now())
  const { state, pushedVersion, shards } = store.stored
  if (pushedVersion >= state.version) return
  const snapshot = snapshotOf(state, routesNothing(name))
  await askAll(shardsNamed(env, name, shards), (shard) => shard.push(snapshot))
  const confirmed = Math.max(snapshot.version, store.stored.pushedVersion)
  store.commit({ stored: { pushedVersion: confirmed } }, Date.now())
}

/** No webhook: whoever took it out of the file knows, and there is no user whom it harmed. */
function rollBack(store: ControllerParts['store'], now: number): void {
  const { state, judgement } = store.stored
  const { state: next, from, to } = rolledBack(state, REASON, now)
  const closed = openJudgement(next, { windowMs: 1, guardrails: [], ladder: [] }, judgement)
  const stored = { state: next, judgement: closed, shadowsToClose: state.epoch }
  const entry = { who: 'system:config', action: 'rollback', cause: 'removed', reason: REASON, from, to }
  store.commit({ stored, audit: [entry] }, now)
}

function routesNothing(name: string): RoutingConfig {
  const shadow = { sample: 0, maxBodyBytes: 0, maxInFlight: 0, maxJobsPerDay: 0, jobTimeoutMs: 0, duringCanary: false }
  return { name, rules: [], failover: false, shadow }
}
