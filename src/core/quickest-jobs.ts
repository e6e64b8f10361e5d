/** How old a release's quickest copies are when they end, learned from polls, so that nobody asks for younger ones. */

/** The first span of ages, in which too few jobs end to tell them apart, ms. Each further one ends that much later. */
const FIRST_SPAN_MS = 1000
const GROWTH = 1.2
/** Up to beyond a day. */
const SPANS = 64
/** Of all jobs, so many may have ended by the age that is told. */
const QUICKEST_SHARE = 0.05
/** Fewer jobs that were open at an age tell nothing of it. */
const LEAST_JOBS = 30
/** Beyond so many jobs all that is known counts half, so that a backend that became faster is noticed. */
const MOST_JOBS = 200

/** A life table: of the jobs that were seen open at the beginning of each span or later, how many ended within it. */
export class QuickestJobs {
  #open = Array<number>(SPANS).fill(0)
  #ended = Array<number>(SPANS).fill(0)

  /** A job is open at this age, ms; `openMs`: at which it was last known to be, null where it has not been polled. */
  open(openMs: number | null, ageMs: number): void {
    const from = openMs === null ? 0 : spanOf(openMs) + 1
    for (let span = from; span <= spanOf(ageMs); span++) this.#open[span]!++
    if (this.#open[0]! <= MOST_JOBS) return
    this.#open = this.#open.map((n) => n / 2)
    this.#ended = this.#ended.map((n) => n / 2)
  }

  /** It ended at about this age, ms. */
  ended(openMs: number | null, ageMs: number): void {
    const span = spanOf(Math.max(openMs ?? 0, ageMs))
    this.open(openMs, startOf(span))
    this.#ended[span]!++
  }

  /** Whether one has ended, ever. */
  get hasEnds(): boolean {
    return this.#ended.some((n) => n > 0)
  }

  /** The age by which few have ended, ms; 0 while too little is known. */
  get ageMs(): number {
    let [share, ageMs] = [1, 0]
    for (let span = 0; span < SPANS && this.#open[span]! >= LEAST_JOBS && share >= 1 - QUICKEST_SHARE; span++) {
      ageMs = startOf(span)
      share *= 1 - this.#ended[span]! / this.#open[span]!
    }
    return ageMs
  }
}

function startOf(span: number): number {
  return span === 0 ? 0 : FIRST_SPAN_MS * GROWTH ** (span - 1)
}

function spanOf(ms: number): number {
  if (ms < FIRST_SPAN_MS) return 0
  // Where a span begins, rounding must not put its beginning into the one before.
  return Math.min(SPANS - 1, 1 + Math.floor(Math.log(ms / FIRST_SPAN_MS) / Math.log(GROWTH) + 1e-9))
}
