/** What the data plane takes from outside: the network, the clock, chance, the objects and the log. plugin.ts gives the real ones. */
import type { Env } from '../config/env.ts'
import type { Snapshot } from '../core/release.ts'
import type { CounterShardRpc, JobLedgerRpc } from '../durable/rpc.ts'
import type { Fetch } from '../protocols/send.ts'

export interface GatewayDeps {
  fetch: Fetch
  /** Unix ms. */
  now: () => number
  /** From 0 to below 1; for what nobody may gain by guessing, as the choice of a replica. */
  random: () => number
  /** Unique for ever, and not to be guessed. */
  newId: () => string
  sleep: (ms: number) => Promise<void>
  objects: Objects
  /** Receives one entry a request. */
  log: (entry: Record<string, unknown>) => void
}

/** Stubs of a release's objects; a new one each call, since a broken one never recovers. */
export interface Objects {
  controller(env: Env, release: string): { snapshot(): Promise<Snapshot> }
  shard(env: Env, release: string, index: number): CounterShardRpc
  ledger(env: Env, release: string, index: number): JobLedgerRpc
}

/** Keeps the platform from ending the request that it belongs to before this work has ended. */
export type WaitUntil = (work: Promise<unknown>) => void
