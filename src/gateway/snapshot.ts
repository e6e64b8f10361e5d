/**
 * The isolate's copy of each release's snapshot: the answers to flushes keep it young, once a second. Where none has come
 * it is asked for beside a request, then before routing; it is never exchanged for an older one. Asks shards, not the controller.
 */
import { SNAPSHOT_SOFT_AGE_MS } from '../core/flush-rates.ts'
import type { Snapshot } from '../core/release.ts'
import { within } from '../durable/deadline.ts'
import { SNAPSHOT_BESIDE_MS, SNAPSHOT_MS } from './deadlines.ts'
import type { WaitUntil } from './deps.ts'

/** From this age on it is refreshed before routing, so that a rollback is known within 2 s under thin traffic too. */
const HARD_AGE_MS = 1500
/** After a refresh that failed, requests are not held up again for so long. */
const PAUSE_AFTER_FAILURE_MS = 2000

export class SnapshotCache {
  #snapshot: Snapshot | null = null
  #takenAt = -Infinity
  #failedAt = -Infinity
  #refreshing: Promise<void> | null = null
  #refreshStartedAt = -Infinity
  readonly #fetchSnapshot: () => Promise<Snapshot | null>

  constructor(fetchSnapshot: () => Promise<Snapshot | null>) {
    this.#fetchSnapshot = fetchSnapshot
  }

  get current(): Snapshot | null {
    return this.#snapshot
  }

  ageMs(now: number): number {
    return now - this.#takenAt
  }

  /** Takes over what is at least as new as what is known. */
  take(snapshot: Snapshot | null, now: number): void {
    if (!snapshot || (this.#snapshot && snapshot.version < this.#snapshot.version)) return
    this.#snapshot = snapshot
    this.#takenAt = now
  }

  /** The snapshot to route by; null where this isolate knows nothing yet. */
  forRouting(now: () => number, waitUntil: WaitUntil): Snapshot | null | Promise<Snapshot | null> {
    const age = this.ageMs(now())
    if (age >= HARD_AGE_MS) return this.renew(now, waitUntil).then(() => this.#snapshot)
    if (age >= SNAPSHOT_SOFT_AGE_MS) waitUntil(this.#refresh(now))
    return this.#snapshot
  }

  /** Waits for a newer one, unless that has just failed. */
  async renew(now: () => number, waitUntil: WaitUntil): Promise<void> {
    const refresh = this.#refresh(now)
    if (now() - this.#failedAt >= PAUSE_AFTER_FAILURE_MS)
      await within(SNAPSHOT_MS, refresh).catch(() => void (this.#failedAt = now()))
    waitUntil(refresh)
  }

  #refresh(now: () => number): Promise<void> {
    // The platform drops a call together with the request that began it, so one that is overdue is begun anew.
    if (this.#refreshing && now() - this.#refreshStartedAt < SNAPSHOT_BESIDE_MS) return this.#refreshing
    this.#refreshStartedAt = now()
    this.#refreshing = within(SNAPSHOT_BESIDE_MS, this.#fetchSnapshot())
      .then(
        (snapshot) => this.take(snapshot, now()),
        () => void (this.#failedAt = now()),
      )
      .finally(() => void (this.#refreshing = null))
    return this.#refreshing
  }
}
