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
import { rowDetail } from './read-batch.ts'

const CLOCKS_APART_MS = 5 * 60_000
const OLDEST_MS = 90 * 86_400_000

/** How many rows are good, how many of those had been seen before, and what is wrong with the others. */
export interface Counted {
  kept: number
  repeated: number
  bad: ErrorDetail[]
}

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
  readonly byRelease = new Map<ReleaseConfig, R[]>()
  readonly #config: SluiceConfig
  readonly #keys: IdKeys
  readonly #now: number
  readonly #bad: ErrorDetail[]
  /** How many objects a row was sent to. */
  readonly #wentTo = new Map<number, number>()

  constructor(config: SluiceConfig, keys: IdKeys, now: number, bad: ErrorDetail[]) {
    this.#config = config
    this.#keys = keys
    this.#now = now
    this.#bad = bad
  }

  take(at: number, row: CommonFields, make: (known: Known) => R | ErrorDetail): void {
    const known = this.#known(at, row)
    const made = 'path' in known ? known : make(known)
    if (isDetail(made)) this.#bad.push(made)
    else if (!('path' in known)) {
      const its = this.byRelease.get(known.release)
      if (its) its.push(made)
      else this.byRelease.set(known.release, [made])
    }
  }

  sentTo(rows: readonly number[]): void {
    for (const row of rows) this.#wentTo.set(row, (this.#wentTo.get(row) ?? 0) + 1)
  }

  /** Takes back a row that was taken. */
  refuse(release: ReleaseConfig, row: R, why: ErrorDetail): void {
    const others = this.byRelease.get(release)!.filter((each) => each !== row)
    this.byRelease.set(release, others)
    this.#bad.push(why)
  }

  /** Takes back all rows of a release: whether any of them is counted is not known. */
  unanswered(release: ReleaseConfig): void {
    const why = 'the release does not answer at the moment: send the row again, with the same id'
    const its = this.byRelease.get(release) ?? []
    this.byRelease.delete(release)
    this.#bad.push(...its.map(({ row }) => rowDetail(row, 'release', 'not_answered', why)))
  }

  /** A row may have gone to several objects: what one of them refused is not kept. */
  counted(answers: readonly RowsTaken[]): Counted {
    const sent = [...this.byRelease.values()].reduce((sum, rows) => sum + rows.length, 0)
    const refused = new Set(answers.flatMap((answer) => answer.refused))
    const unexposed = this.#unexposed(answers, refused)
    const repeated = new Set(
      answers.flatMap((answer) => answer.repeated).filter((row) => !refused.has(row) && !unexposed.has(row)),
    )
    const tooMany = `the release has ${MAX_METRIC_NAMES} metrics by other names already, and takes no more`
    const nobody = 'has submitted nothing that was dealt to an arm by its hash: no report would count it'
    const bad = [
      ...this.#bad,
      ...Array.from(refused, (at) => rowDetail(at, 'metric', 'too_many', tooMany, { most: MAX_METRIC_NAMES })),
      ...Array.from(unexposed, (at) => rowDetail(at, 'subject', 'not_exposed', nobody)),
    ]
    return { kept: sent - refused.size - unexposed.size, repeated: repeated.size, bad }
  }

  /** Rows that every object they went to knows nobody of. */
  #unexposed(answers: readonly RowsTaken[], refused: ReadonlySet<number>): Set<number> {
    const unknown = new Map<number, number>()
    for (const row of answers.flatMap((answer) => answer.unexposed ?? [])) unknown.set(row, (unknown.get(row) ?? 0) + 1)
    const isNobody = ([row, objects]: [number, number]) => !refused.has(row) && objects >= (this.#wentTo.get(row) ?? 1)
    return new Set([...unknown].filter(isNobody).map(([row]) => row))
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

function isDetail(made: unknown): made is ErrorDetail {
  return typeof made === 'object' && made !== null && 'path' in made
}
