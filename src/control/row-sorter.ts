/** Rows of a batch by the release that they are for, with what is wrong with single ones, and what became of them. Sends nothing. */
import type { Event, Signal } from '../api/experiment.ts'
import type { ReleaseConfig, SluiceConfig } from '../config/load.ts'
import { parseInstant } from '../config/instant.ts'
import { hash32 } from '../core/assignment.ts'
import type { ErrorDetail } from '../core/errors.ts'
import type { IdKeys } from '../core/id-keys.ts'
import { type JobTag, openJobId } from '../core/job-id.ts'
import { MAX_METRIC_NAMES } from '../durable/posted-rows.ts'
import type { RowsTaken } from '../durable/experiment-rpc.ts'
import { type Counted, rowDetail } from './read-batch.ts'

const CLOCKS_APART_MS = 5 * 60_000
const OLDEST_MS = 90 * 86_400_000

type CommonFields = Pick<Signal | Event, 'release' | 'at' | 'job_id'>

/** What they say, once they are known to be right. */
interface Known {
  release: ReleaseConfig
  tag: JobTag | null
  /** Unix ms; null where the row names no time. */
  atMs: number | null
}

/** Rows by the release that they are for; what is wrong with a row is kept beside. */
export class RowSorter<R extends { row: number }> {
  readonly #byRelease = new Map<ReleaseConfig, R[]>()
  readonly #config: SluiceConfig
  readonly #keys: IdKeys
  readonly #now: number
  /** By the row's number. */
  readonly #bad = new Map<number, ErrorDetail>()

  constructor(config: SluiceConfig, keys: IdKeys, now: number) {
    this.#config = config
    this.#keys = keys
    this.#now = now
  }

  get releases(): ReleaseConfig[] {
    return [...this.#byRelease.keys()]
  }

  /** Rows of a release with which nothing is wrong so far. */
  rowsOf(release: ReleaseConfig): R[] {
    return this.#byRelease.get(release)!.filter(({ row }) => !this.#bad.has(row))
  }

  take(at: number, row: CommonFields, make: (known: Known) => R | ErrorDetail): void {
    const known = this.#known(at, row)
    if ('path' in known) return this.refuse(at, known)
    const made = make(known)
    if ('path' in made) return this.refuse(at, made)
    const its = this.#byRelease.get(known.release)
    if (its) its.push(made)
    else this.#byRelease.set(known.release, [made])
  }

  refuse(at: number, why: ErrorDetail): void {
    this.#bad.set(at, why)
  }

  /** Whether any row of the release is counted is not known. */
  unanswered(release: ReleaseConfig): void {
    const why = 'the release does not answer at the moment: send the row again, with the same id'
    for (const { row } of this.rowsOf(release)) this.refuse(row, rowDetail(row, 'release', 'not_answered', why))
  }

  /** A row may have gone to several objects: what one of them refused is not kept. */
  counted(answers: readonly RowsTaken[]): Counted {
    const tooMany = `the release has ${MAX_METRIC_NAMES} metrics by other names already, and takes no more`
    for (const at of answers.flatMap(({ refused }) => refused))
      this.refuse(at, rowDetail(at, 'metric', 'too_many', tooMany, { most: MAX_METRIC_NAMES }))
    const repeated = new Set(answers.flatMap((answer) => answer.repeated).filter((row) => !this.#bad.has(row)))
    const kept = this.releases.flatMap((release) => this.rowsOf(release)).length
    return { kept, repeated: repeated.size, bad: [...this.#bad.values()] }
  }

  #known(at: number, row: CommonFields): Known | ErrorDetail {
    const release = this.#config.releases.find(({ name }) => name === row.release)
    if (!release)
      return rowDetail(at, 'release', 'unknown_release', `no release is named "${row.release.slice(0, 100)}"`)
    const atMs = row.at === undefined ? null : parseInstant(row.at)
    if (atMs !== null && atMs > this.#now + CLOCKS_APART_MS)
      return rowDetail(at, 'at', 'in_future', 'lies in the future')
    if (atMs !== null && atMs < this.#now - OLDEST_MS)
      return rowDetail(at, 'at', 'too_old', 'is more than 90 days ago', { days: 90 })
    if (row.job_id === undefined) return { release, tag: null, atMs }
    const tag = openJobId(row.job_id, this.#keys)
    if (tag?.release !== hash32(release.name))
      return rowDetail(at, 'job_id', 'unknown_job', 'no such job of this release')
    return { release, tag, atMs }
  }
}
