/** Names of the objects: their stubs, always new ones as a broken one never recovers, and their release's settings. */
import { configOf, type Env } from '../config/env.ts'
import type { ReleaseConfig } from '../config/load.ts'
import type { Snapshot } from '../core/release.ts'
import { PROTOCOL_NAMES } from '../protocols/index.ts'
import type { CounterShardRpc, JobLedgerRpc } from './rpc.ts'

/** All that the data plane asks of a controller. */
interface SnapshotSource {
  snapshot(): Promise<Snapshot>
}

/** Typed by who asks: the control plane knows more of it (controller-rpc.ts). */
export function controllerOf<T extends SnapshotSource = SnapshotSource>(env: Env, release: string): T {
  return stub(env.CONTROLLER, release)
}

/** What counts for a controller calls it so. */
export function stir(env: Env, release: string): Promise<void> {
  return stub<{ stir(): Promise<void> }>(env.CONTROLLER, release).stir()
}

export function shardOf(env: Env, release: string, index: number): CounterShardRpc {
  return stub(env.COUNTER_SHARD, `${release}|${index}`)
}

export function ledgerAt(env: Env, release: string, index: number): JobLedgerRpc {
  return stub(env.JOB_LEDGER, `${release}|${index}`)
}

/** By namespace and name. A hash each to make, and they hold for good; there are as many as objects are configured. */
const ids = new WeakMap<DurableObjectNamespace, Map<string, DurableObjectId>>()

function stub<T>(namespace: DurableObjectNamespace, name: string): T {
  const known = ids.get(namespace) ?? new Map<string, DurableObjectId>()
  if (known.size === 0) ids.set(namespace, known)
  const id = known.get(name) ?? namespace.idFromName(name)
  known.set(name, id)
  return namespace.get(id) as unknown as T
}

/** Names are `RELEASE` or `RELEASE|INDEX`; release names hold no "|". */
export function releaseNameOf(ctx: DurableObjectState): string {
  const name = ctx.id.name
  if (name === undefined) throw new Error('this object was not got by a name')
  return name.split('|')[0]!
}

/** 0 for an object that stands alone. */
export function objectIndexOf(ctx: DurableObjectState): number {
  return Number(ctx.id.name?.split('|')[1] ?? 0)
}

/** All that are configured; none when the configuration is invalid. */
export function releasesOf(env: Env): readonly ReleaseConfig[] {
  const read = configOf(env, PROTOCOL_NAMES)
  return read.ok ? read.config.releases : []
}

/** Null when the configuration is invalid or no longer names this release. */
export function releaseConfigOf(env: Env, name: string): ReleaseConfig | null {
  return releasesOf(env).find((release) => release.name === name) ?? null
}
