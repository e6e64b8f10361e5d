/** Each subject's failures in a row as one isolate sees them, of requests: which of them are no evidence of their own. */
import { type FailureRow, lengthened, type RepeatOf, rowKind } from '../core/failure-runs.ts'
import type { Outcome } from '../core/outcome.ts'

const MOST = 20_000

export class FailureRows {
  readonly #rows = new Map<string, FailureRow>()

  /** Takes one end of a subject's requests of one series in, in the window that began then, and tells what it repeats. */
  taken(key: string, outcome: Outcome, windowStart: number): RepeatOf[] {
    if (outcome === 'ok' && this.#rows.size > 0) this.#rows.delete(`error|${key}`)
    const kind = rowKind(outcome)
    if (!kind) return []
    const name = `${kind}|${key}`
    const before = this.#rows.get(name) ?? null
    if (!before && this.#rows.size >= MOST) this.#rows.clear()
    const { row, repeats } = lengthened(kind, before, windowStart)
    this.#rows.set(name, row)
    return repeats
  }
}
