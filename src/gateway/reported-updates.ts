/** What an isolate has reported of jobs, so that not each poll is one more write: what has changed, and a fifth of a job's age. */
import type { JobUpdate } from '../durable/job-shapes.ts'

/** Jobs remembered at a time; beyond it all of them are reported anew. */
const MOST_REMEMBERED = 20_000

export class ReportedUpdates {
  readonly #quietAfterMs: number
  readonly #reported = new Map<string, Pick<JobUpdate, 'outcome' | 'at'>>()

  /** `quietAfterMs`: a job that the ledger has not heard of for so long it polls by itself. */
  constructor(quietAfterMs: number) {
    this.#quietAfterMs = quietAfterMs
  }

  /** Whether the ledger should hear of it; asked once for each update, which is reported if so. */
  isNew({ job, outcome, at }: JobUpdate): boolean {
    const key = `${job.upstreamId}|${job.arm}|${job.replica}`
    const last = this.#reported.get(key)
    const openForMs = Math.min((at - job.submittedAt) / 5, this.#quietAfterMs / 2)
    if (last?.outcome === outcome && (outcome !== null || at - last.at < openForMs)) return false
    if (this.#reported.size >= MOST_REMEMBERED) this.#reported.clear()
    this.#reported.set(key, { outcome, at })
    return true
  }

  /** Nobody knows what of it has arrived. */
  forget(): void {
    this.#reported.clear()
  }
}
