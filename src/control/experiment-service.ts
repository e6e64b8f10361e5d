/**
 * Rows posted by evaluators and players → what the objects count: names resolved, job ids opened, each bad row told.
 * Counting is the objects' work.
 */
import { signingKeys } from '../auth/keys.ts'
import type { Env } from '../config/env.ts'
import type { ReleaseConfig, SluiceConfig } from '../config/load.ts'
import { keysOfSubject } from '../config/subject-key.ts'
import { asValue, type ErrorDetail } from '../core/errors.ts'
import { idKeys } from '../core/id-keys.ts'
import { type JobTag, ownerOf } from '../core/job-id.ts'
import { type LedgerCount, ledgerOfJob, ledgersSince } from '../core/ledger-growth.ts'
import { impossibleValue } from '../core/signal-registry.ts'
import type { SignalRow } from '../durable/controller-rpc.ts'
import type { EventRow, RowsTaken } from '../durable/experiment-rpc.ts'
import type { Event, Signal } from '../api/experiment.ts'
import { ask } from './ask.ts'
import type { ControlDeps, ControlSettings } from './deps.ts'
import { type Batch, type Counted, rowDetail } from './read-batch.ts'
import { RowSorter } from './row-sorter.ts'

export function experimentService(deps: ControlDeps, env: Env, settings: ControlSettings, config: SluiceConfig) {
  const keys = idKeys(signingKeys(settings.cookieKey))
  const countsOf = async ({ name }: ReleaseConfig) => (await ask(deps.controller(env, name).snapshot())).ledgers ?? []
  const refuseWithoutCopy = async (
    sorted: RowSorter<SignalRow>,
    release: ReleaseConfig,
    copies: readonly CopyRow[],
  ) => {
    if (copies.length === 0) return
    const counts = await countsOf(release)
    const ledgers = Map.groupBy(copies, ({ tag }) => ledgerOfJob(tag, counts, release.ledgerShards))
    await Promise.all(
      Array.from(ledgers, async ([index, its]) => {
        const jobs = its.map(({ tag: { replica, upstreamId } }) => ({ replica, upstreamId }))
        const hasCopy = await ask(deps.ledger(env, release.name, index).score(jobs))
        for (const copy of its.filter((_, i) => !hasCopy[i]))
          sorted.refuse(copy.row.row, ofOtherArm(copy.row.row, copy.tag))
      }),
    )
  }
  return {
    addSignals: async (rows: Batch<Signal>['rows']): Promise<Counted> => {
      const sorted = new RowSorter<SignalRow>(config, keys, deps.now())
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
      return sentByRelease(sorted, async (release) => {
        const named = copies.filter((copy) => copy.release === release)
        await refuseWithoutCopy(sorted, release, named)
        const its = sorted.rowsOf(release)
        return its.length === 0 ? [] : [await ask(deps.controller(env, release.name).addSignals(its))]
      })
    },
    /** `configuredOnly`: under names of the release's metrics and no others, since names are kept for good. */
    addEvents: async (rows: Batch<Event>['rows'], configuredOnly: boolean): Promise<Counted> => {
      const sorted = new RowSorter<EventRow>(config, keys, deps.now())
      for (const { at, row } of rows) {
        sorted.take(at, row, ({ release, tag, atMs }) => {
          const unknown = 'none of the metrics of the release, and a key in a page adds no other'
          if (configuredOnly && !release.metrics.some(({ name }) => name === row.metric))
            return rowDetail(at, 'metric', 'not_configured', unknown)
          const names = row.subject === undefined ? [] : keysOfSubject(row.subject, config.subject, !!config.users)
          const owners = tag ? [tag.owner] : names.flatMap((name) => ownerOf(name, keys))
          if (owners.length === 0)
            return rowDetail(at, 'subject', 'unknown_subject', 'no source of subjects makes such an id')
          return { row: at, owners, metric: row.metric, value: row.value, atMs, id: row.id ?? null }
        })
      }
      return sentByRelease(sorted, async (release) => {
        const its = sorted.rowsOf(release)
        const ledgers = byLedger(its, release, await countsOf(release))
        const answers = await Promise.all(
          Array.from(ledgers, async ([index, events]) => {
            const taken = await ask(deps.ledger(env, release.name, index).addEvents(events))
            const unknown = new Set(taken.unexposed)
            return { taken, known: events.map(({ row }) => row).filter((row) => !unknown.has(row)) }
          }),
        )
        // A row may have gone to several ledgers: one that knows its subject is enough.
        const known = new Set(answers.flatMap((answer) => answer.known))
        const nobody = 'has submitted nothing that was dealt to an arm by its hash: no report would count it'
        for (const { row } of its)
          if (!known.has(row)) sorted.refuse(row, rowDetail(row, 'subject', 'not_exposed', nobody))
        return answers.map(({ taken }) => taken)
      })
    },
  }
}

/** Rows of a release that does not answer are told as such, one by one; throws where none of them answers. */
async function sentByRelease<R extends { row: number }>(
  sorted: RowSorter<R>,
  send: (release: ReleaseConfig) => Promise<RowsTaken[]>,
): Promise<Counted> {
  const sent = await Promise.all(
    sorted.releases.map(async (release) => ({ release, ...(await asValue(() => send(release))) })),
  )
  const silent = sent.filter((each) => 'error' in each)
  if (silent[0] && silent.length === sent.length) throw silent[0].error
  for (const { release } of silent) sorted.unanswered(release)
  return sorted.counted(sent.flatMap((each) => ('value' in each ? each.value : [])))
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
