/**
 * How often an isolate calls objects, by how many requests it takes: a flush begins a second after the last one, or with
 * the next request where that comes later. Requests come at random times (Poisson).
 */

/** The snapshot is asked for anew by the first request after this much of a flush's second. */
const SNAPSHOT_AGE = 0.75

/** The mean time between two flushes is a second, and what is waited for a request if none came within it. */
export function flushesPerSecond(requestsPerSecond: number): number {
  if (requestsPerSecond <= 0) return 0
  return 1 / (1 + Math.exp(-requestsPerSecond) / requestsPerSecond)
}

/** A flush's answer brings a snapshot; none is asked for where requests came before that age only. */
export function refreshesPerFlush(requestsPerSecond: number): number {
  if (requestsPerSecond <= 0) return 0
  const early = 1 - Math.exp(-SNAPSHOT_AGE * requestsPerSecond)
  return 1 - early * Math.exp(-(1 - SNAPSHOT_AGE) * requestsPerSecond)
}

/** Ledgers that a flush goes to, by how many entries it holds for them: each subject's are in one ledger. */
export function callsPerFlush(entries: number, ledgers: number): number {
  return ledgers * -Math.expm1(-entries / ledgers)
}
