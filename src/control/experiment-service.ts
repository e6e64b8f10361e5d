/**
 * Rows posted by evaluators and players → what the objects count: names resolved, job ids opened, each bad row told.
 * Counting is the objects' work.
 */
import { signingKeys } from '../auth/keys.ts'
import type { Env } from '../config/env.ts'
import type { ReleaseConfig, SluiceConfig } from '../config/load.ts'
import { parseInstant } from '../config/instant.ts'
import { keysOfSubject } from '../config/subject-key.ts'
import { hash32 } from '../core/assignment.ts'
import type { ErrorDetail } from '../core/errors.ts'
import { type IdKeys, idKeys } from '../core/id-keys.ts'
import { type JobTag, openJobId, ownerOf } from '../core/job-id.ts'
import { type LedgerCount, ledgerOfJob, ledgersSince } from '../core/ledger-growth.ts'
import { impossibleValue } from '../core/signal-registry.ts'
import type { SignalRow } from '../durable/controller-rpc.ts'
import type { EventRow, RowsTaken } from '../durable/rpc.ts'
import { MAX_METRIC_NAMES } from '../durable/metric-names.ts'
import type { Event, Signal } from '../api/experiment.ts'
import { ask } from './ask.ts'
import type { ControlDeps, ControlSettings } from './deps.ts'
import { type Batch, rowDetail } from './read-batch.ts'

/** How many rows are good, how many of those had been seen before, and what is wrong with the others. */
export interface Counted {
  kept: number
  repeated: number
  bad: ErrorDetail[]
}

export interface ExperimentService {
  addSignals(batch: Batch<Signal>): Promise<Counted>
  /** `configuredOnly`: under names of the release's metrics and no others, since names are kept for good. */
  addEvents(batch: Batch<Event>, configuredOnly: boolean): Promise<Counted>
}

const CLOCKS_APART_MS = 5 * 60_000
const OLDEST_MS = 90 * 86_400_000

export function experimentService(
  deps: ControlDeps,
  env: Env,
  settings: ControlSettings,
  config: SluiceConfig,
): ExperimentService {
  const keys = idKeys(signingKeys(settings.cookieKey))
  const countsOf = async ({ name }: ReleaseConfig) => (await ask(deps.controller(env, name).snapshot())).ledgers ?? []
  const byLedgerOf = async (copies: readonly CopyRow[]) => {
    const releases = [...Map.groupBy(copies, ({ release }) => release)].map(async ([release, its]) => {
      const counts = await countsOf(release)
      const ledgers = Map.groupBy(its, ({ tag }) => ledgerOfJob(tag, counts, release.ledgerShards))
      return Array.from(ledgers, ([index, copiesThere]) => ({ release, index, its: copiesThere }))
    })
    return (await Promise.all(releases)).flat()
  }
  return {
    addSignals: async ({ rows, bad }) => {
      const sorted = new Sorter<SignalRow>(config, keys, deps.now(), bad)
      const copies: CopyRow[] = []
      for (const { at, row } of rows) {
        sorted.take(at, row, ({ release, tag, atMs }) => {
          const { arm, metric, value, id = null } = row
          const impossible = impossibleValue(metric, value)
          if (impossible !== null) return rowDetail(at, 'value', 'impossible_value', impossible)
          const pair = tag?.arm === 'control' ? row.job_id! : null
          const made = { row: at, arm, metric, value, atMs, id, epoch: tag?.epoch ?? null, pair }
          if (!tag || tag.arm === arm) return made
          if (arm === 'control') return ofOtherArm(at, tag)
          copies.push({ release, tag, row: made })
          return made
        })
      }
      await Promise.all(
        (await byLedgerOf(copies)).map(async ({ release, index, its }) => {
          const ledger = deps.ledger(env, release.name, index)
          const jobs = its.map(({ tag: { replica, upstreamId } }) => ({ replica, upstreamId }))
          const hasCopy = await ask(ledger.score(jobs))
          for (const copy of its.filter((_, i) => !hasCopy[i]))
            sorted.refuse(release, copy.row, ofOtherArm(copy.row.row, copy.tag))
        }),
      )
      const answers = await Promise.all(
        [...sorted.byRelease].map(([release, its]) => ask(deps.controller(env, release.name).addSignals(its))),
      )
      return sorted.counted(answers)
    },
    addEvents: async ({ rows, bad }, configuredOnly) => {
      const sorted = new Sorter<EventRow>(config, keys, deps.now(), bad)
      for (const { at, row } of rows) {
        sorted.take(at, row, ({ release, tag, atMs }) => {
          if (configuredOnly && !release.metrics.some(({ name }) => name === row.metric))
            return rowDetail(
              at,
              'metric',
              'not_configured',
              'none of the metrics of the release, and a key in a page adds no other',
            )
          const names = row.subject === undefined ? [] : keysOfSubject(row.subject, config.subject, !!config.users)
          const owners = tag ? [tag.owner] : names.flatMap((name) => ownerOf(name, keys))
          if (owners.length === 0)
            return rowDetail(at, 'subject', 'unknown_subject', 'no source of subjects makes such an id')
          return { row: at, owners, metric: row.metric, value: row.value, atMs, id: row.id ?? null }
        })
      }
      const answers = await Promise.all(
        [...sorted.byRelease].map(async ([release, its]) => {
          const ledgers = byLedger(its, release, await countsOf(release))
          for (const events of ledgers.values()) sorted.sentTo(events.map(({ row }) => row))
          return Promise.all(
            Array.from(ledgers, ([index, events]) => ask(deps.ledger(env, release.name, index).addEvents(events))),
          )
        }),
      )
      return sorted.counted(answers.flat())
    },
  }
}

/** A row about the candidate that names a control job: it is about that job's copy, if there is one. */
interface CopyRow {
  release: ReleaseConfig
  tag: JobTag
  row: SignalRow
}

function ofOtherArm(at: number, { arm }: JobTag): ErrorDetail {
  return rowDetail(at, 'job_id', 'other_arm', `this job is ${arm}'s, and no copy of it is known`, { arm })
}

/** Rows by the ledger that they go to; one whose subject may have several names, or was exposed in several, may go to several. */
function byLedger(
  rows: readonly EventRow[],
  { ledgerShards }: ReleaseConfig,
  counts: readonly LedgerCount[],
): Map<number, EventRow[]> {
  const ledgers = new Map<number, EventRow[]>()
  for (const row of rows) {
    const owned = row.owners.flatMap((owner) =>
      ledgersSince(owner, counts, ledgerShards, 0).map((index) => ({ owner, index })),
    )
    for (const [index, its] of Map.groupBy(owned, (each) => each.index)) {
      const events = ledgers.get(index) ?? []
      events.push({ ...row, owners: its.map(({ owner }) => owner) })
      ledgers.set(index, events)
    }
  }
  return ledgers
}

/** What a row's common fields say, once they are known to be right. */
interface Known {
  release: ReleaseConfig
  tag: JobTag | null
  /** Unix ms; null where the row names no time. */
  atMs: number | null
}

/** Rows by the release that they are for; what is wrong with a row is kept beside. */
class Sorter<R> {
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

  take(
    at: number,
    row: { release: string; at?: string | undefined; job_id?: string | undefined },
    make: (known: Known) => R | ErrorDetail,
  ): void {
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
    this.byRelease.set(
      release,
      this.byRelease.get(release)!.filter((each) => each !== row),
    )
    this.#bad.push(why)
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

  #known(
    at: number,
    row: { release: string; at?: string | undefined; job_id?: string | undefined },
  ): Known | ErrorDetail {
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
