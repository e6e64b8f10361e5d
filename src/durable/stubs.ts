/** Names of the objects, and their stubs typed by what they offer. A new stub each call: a broken one never recovers. */
import type { Env } from '../config/env.ts'
import type { Snapshot } from '../core/release.ts'
import type { CounterShardRpc, JobLedgerRpc } from './rpc.ts'

/** All that the data plane asks of a controller. */
interface SnapshotSource {
  snapshot(): Promise<Snapshot>
}

/** Typed by who asks: the control plane knows more of it (controller-rpc.ts). */
export function controllerOf<T extends SnapshotSource = SnapshotSource>(env: Env, release: string): T {
  return stub(env.CONTROLLER, release)
}

export function shardOf(env: Env, release: string, index: number): CounterShardRpc {
  return stub(env.COUNTER_SHARD, `${release}|${index}`)
}

/** The ledger of the shard that `owner` (12 hex digits) falls into. */
export function ledgerOf(env: Env, release: string, owner: string, shards: number): JobLedgerRpc {
  return ledgerAt(env, release, ledgerIndex(owner, shards))
}

export function ledgerIndex(owner: string, shards: number): number {
  return Number.parseInt(owner.slice(0, 8), 16) % shards
}

export function ledgerAt(env: Env, release: string, index: number): JobLedgerRpc {
  return stub(env.JOB_LEDGER, `${release}|${index}`)
}

function stub<T>(namespace: DurableObjectNamespace, name: string): T {
  return namespace.get(namespace.idFromName(name)) as unknown as T
}
