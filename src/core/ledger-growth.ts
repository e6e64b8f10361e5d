/** How many ledgers a release had by epoch, and so where a subject's jobs, keys and exposures are: none ever moves. */

/** An ended job is known for so long after its submit. */
export const KEEP_JOBS_MS = 8 * 86_400_000
/** An idempotency key is known for so long. */
export const KEEP_KEYS_MS = 24 * 3_600_000

/** So many a release may have. */
export const MOST_LEDGERS = 256

/** From this epoch on, jobs and exposures are spread over so many ledgers. */
export interface LedgerCount {
  fromEpoch: number
  shards: number
  /** When that epoch began, unix ms. */
  sinceMs: number
}

/** What a job or an exposure is put into a ledger by: it stays there, however many there are later. */
export interface LedgerKey {
  owner: string
  epoch: number
}

/** `owner`: 12 hex digits. */
export function ledgerIndex(owner: string, shards: number): number {
  return Number.parseInt(owner.slice(0, 8), 16) % shards
}

/** The counts once this epoch has begun with so many configured. They only grow: fewer would leave what is in the others. */
export function grown(
  counts: readonly LedgerCount[],
  epoch: number,
  shards: number,
  now: number,
): readonly LedgerCount[] {
  const last = counts.at(-1)
  if (shards <= (last?.shards ?? 0)) return counts
  return [...counts, last ? { fromEpoch: epoch, shards, sinceMs: now } : { fromEpoch: 0, shards, sinceMs: 0 }]
}

/** Ledgers that may hold something. */
export function mostLedgers(counts: readonly LedgerCount[], configured: number): number {
  return Math.max(configured, counts.at(-1)?.shards ?? 0)
}

/** How many hold in this epoch. */
export function ledgersIn(epoch: number, counts: readonly LedgerCount[], configured: number): number {
  return counts.findLast(({ fromEpoch }) => fromEpoch <= epoch)?.shards ?? configured
}

export function ledgerOfJob({ owner, epoch }: LedgerKey, counts: readonly LedgerCount[], configured: number): number {
  return ledgerIndex(owner, ledgersIn(epoch, counts, configured))
}

/** Where something of this owner may have been put since then, unix ms; where it was put first comes first. */
export function ledgersSince(
  owner: string,
  counts: readonly LedgerCount[],
  configured: number,
  sinceMs: number,
): number[] {
  const lasted = counts.filter((_, i) => (counts[i + 1]?.sinceMs ?? Infinity) >= sinceMs).map(({ shards }) => shards)
  // An isolate that has not heard of a new count goes by its configuration.
  return [...new Set([...lasted, mostLedgers(counts, configured)].map((shards) => ledgerIndex(owner, shards)))]
}
