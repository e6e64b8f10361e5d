/**
 * How often an isolate calls objects, by how many requests it takes: a flush begins a second after the last one, or with
 * the next request where that comes later. Requests come at random times (Poisson).
 */

/** From this age on the snapshot is asked for: later than the next flush of an isolate that has any traffic. */
export const SNAPSHOT_SOFT_AGE_MS = 1250

/** The mean time between two flushes is a second, and what is waited for a request if none came within it. */
export function flushesPerSecond(requestsPerSecond: number): number {
  if (requestsPerSecond <= 0) return 0
  return 1 / (1 + Math.exp(-requestsPerSecond) / requestsPerSecond)
}

/** A flush's answer brings a snapshot, and so will the next one; it is asked for only where no request has come before that age. */
export function refreshesPerFlush(requestsPerSecond: number): number {
  return requestsPerSecond <= 0 ? 0 : Math.exp((-SNAPSHOT_SOFT_AGE_MS / 1000) * requestsPerSecond)
}

/** Ledgers that a flush holds something for, by how many entries it has for them: each subject's are in one ledger. */
export function ledgersPerFlush(entries: number, ledgers: number): number {
  return ledgers * -Math.expm1(-entries / ledgers)
}

/** A flush that holds something for more ledgers than this goes to them by way of the counter shard. */
export const MOST_LEDGERS_CALLED = 3
/** Between two calls of one ledger by one counter shard. */
export const POST_PAUSE_MS = 250

/** Of those ledgers the ones that the flush calls itself: none where they are too many. Each has its entries by chance. */
export function calledPerFlush(entries: number, ledgers: number): number {
  const share = -Math.expm1(-entries / ledgers)
  let called = 0
  let chance = (1 - share) ** ledgers
  for (let n = 1; n <= Math.min(ledgers, MOST_LEDGERS_CALLED); n++) {
    chance = share === 1 ? Number(n === ledgers) : (chance * (ledgers - n + 1) * share) / (n * (1 - share))
    called += n * chance
  }
  return called
}
