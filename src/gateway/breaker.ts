/**
 * The isolate's own protection while the control plane can't be reached: after five failures of the
 * candidate in a row its submits go to control, with one probe at a time and growing pauses.
 */
const FAILURES_TO_OPEN = 5
const FIRST_PAUSE_MS = 10_000
const LONGEST_PAUSE_MS = 300_000

export class Breaker {
  #failures = 0
  #pauseMs = 0
  #openUntil = 0
  #probing = false

  /** Whether a candidate submit may go to the candidate now. In half-open state one call a pause gets true. */
  allows(now: number): boolean {
    if (this.#pauseMs === 0) return true
    if (now < this.#openUntil) return false
    this.#openUntil = now + this.#pauseMs
    this.#probing = true
    return true
  }

  failed(now: number): void {
    this.#failures++
    // Calls that were under way when it opened say nothing new: only a probe that fails makes the pause longer.
    if (this.#failures < FAILURES_TO_OPEN || (this.#pauseMs > 0 && !this.#probing)) return
    this.#probing = false
    this.#pauseMs = this.#pauseMs === 0 ? FIRST_PAUSE_MS : Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS)
    this.#openUntil = now + this.#pauseMs
  }

  succeeded(): void {
    this.#failures = 0
    this.#pauseMs = 0
    this.#probing = false
  }
}
