/** Replicas of an arm: how job ids and ledger rows name one, and how a new job gets one. */
import { hash32 } from '../core/assignment.ts'
import { remembered } from '../core/remembered.ts'
import type { ArmConfig } from './release-schema.ts'

/** How a replica is named inside job ids: unchanged by the order in which replicas are listed. */
export const replicaHash = remembered({ entries: 1000, chars: 512 }, (url) => hash32(url) >>> 16)

/** The replica's URL; null where it is no longer configured. */
export function replicaUrl(arm: ArmConfig, replica: number): string | null {
  return arm.urls.find((url) => replicaHash(url) === replica) ?? null
}

/** One of the arm's replicas for a new job; `draw` is in [0, 1). */
export function pickReplica(arm: ArmConfig, draw: number): string {
  return arm.urls[Math.floor(draw * arm.urls.length)]!
}
