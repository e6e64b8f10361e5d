/** Each subject's failures in a row as one isolate sees them, of requests: which of them are no evidence of their own. */
import { isRepeat, rowKind } from '../core/failure-runs.ts'
import type { Outcome } from '../core/outcome.ts'

const MOST = 20_000

export class FailureRows {
  readonly #rows = new Map<string, number>()

  /** Takes one end of a subject's requests of one series in, and tells whether it repeats what had failed before. */
  takes(key: string, outcome: Outcome): boolean {
    if (outcome === 'ok' && this.#rows.size > 0) {
      this.#rows.delete(`error|${key}`)
      this.#rows.delete(`refusal|${key}`)
    }
    const kind = rowKind(outcome)
    if (!kind) return false
    const name = `${kind}|${key}`
    const before = this.#rows.get(name) ?? 0
    if (before === 0 && this.#rows.size >= MOST) this.#rows.clear()
    this.#rows.set(name, before + 1)
    return isRepeat(kind, before)
  }
}
