/** Replicas of an arm: how job ids and ledger rows name one, and how a new job gets one. */
import { hash32 } from '../core/assignment.ts'
import type { ArmConfig } from './release-schema.ts'

/** All releases have fewer replicas; should they not, names are found anew. */
const MOST_KNOWN = 4096
/** Each request asks for a replica's name, and each poll. */
const known = new Map<string, number>()

/** How a replica is named inside job ids: unchanged by the order in which replicas are listed. */
export function replicaHash(url: string): number {
  let name = known.get(url)
  if (name === undefined) {
    if (known.size >= MOST_KNOWN) known.clear()
    known.set(url, (name = hash32(url) >>> 16))
  }
  return name
}

/** The replica's URL; null where it is no longer configured. */
export function replicaUrl(arm: ArmConfig, replica: number): string | null {
  return arm.urls.find((url) => replicaHash(url) === replica) ?? null
}

/** One of the arm's replicas for a new job; `draw` is in [0, 1). */
export function pickReplica(arm: ArmConfig, draw: number): string {
  return arm.urls[Math.floor(draw * arm.urls.length)]!
}
