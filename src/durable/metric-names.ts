/** Under which names values are kept: each is rows for good and a series to Prometheus, so there is an end to them. */

/** Distinct names of signals in a release, and of events in each of its ledgers. */
export const MAX_METRIC_NAMES = 200

export class MetricNames {
  readonly #known: Set<string>
  readonly #learn: (name: string) => void

  /** `learn` is called with each name that was not known. */
  constructor(known: Iterable<{ metric: string }>, learn: (name: string) => void = () => {}) {
    this.#known = new Set(Array.from(known, ({ metric }) => metric))
    this.#learn = learn
  }

  /** Whether a value may be kept under this name, which is known from then on. What is configured always may. */
  admit(name: string, configured: readonly string[]): boolean {
    if (this.#known.has(name) || configured.includes(name)) return true
    if (this.#known.size >= MAX_METRIC_NAMES) return false
    this.#known.add(name)
    this.#learn(name)
    return true
  }
}
