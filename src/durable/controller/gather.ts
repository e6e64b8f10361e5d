/** One question to every shard and ledger of a release, merged. A source that does not answer makes the whole gathering fail. */
import type { Env } from '../../config/env.ts'
import type { ReleaseConfig } from '../../config/load.ts'
import { type BlastSum, costOf, earliest, type Run } from '../../core/rollback-cost.ts'
import { addCounts } from '../../core/window.ts'
import type { CounterShard } from '../counter-shard.ts'
import type { JobLedger } from '../job-ledger.ts'
import type { LedgerQuestion } from '../ledger/job-queries.ts'
import { within } from '../deadline.ts'
import { groupsFromTop } from '../../core/shard-groups.ts'
import { ledgerAt, shardOf } from '../stubs.ts'
import type { CountsReport } from '../counts-report.ts'

/** How long the controller waits for one call of an object below it. */
export const CALL_DEADLINE_MS = 2000

/** What the controller calls on the objects below it; each call of a method is one RPC. */
type ShardStub = Pick<CounterShard, 'push' | 'report' | 'windows' | 'totals' | 'lost' | 'failures'>
type LedgerStub = Pick<
  JobLedger,
  'report' | 'windows' | 'totals' | 'blast' | 'jobs' | 'pairs' | 'cancelShadows' | 'experiment' | 'experimentParts'
>

export function shardsOf(env: Env, { name, counterShards }: ReleaseConfig): ShardStub[] {
  return shardsNamed(env, name, counterShards)
}

export function shardsNamed(env: Env, release: string, n: number): ShardStub[] {
  return Array.from({ length: n }, (_, i) => shardAt(env, release, i))
}

function shardAt(env: Env, release: string, index: number): ShardStub {
  return shardOf(env, release, index) as unknown as ShardStub
}

export function ledgersOf(env: Env, release: ReleaseConfig): LedgerStub[] {
  return Array.from({ length: release.ledgerShards }, (_, i) => ledgerAt(env, release.name, i) as unknown as LedgerStub)
}

export function sourcesOf(env: Env, release: ReleaseConfig) {
  return [...shardsOf(env, release), ...ledgersOf(env, release)]
}

export interface Gathered extends CountsReport {
  ledgers: Omit<Awaited<ReturnType<LedgerStub['report']>>, keyof CountsReport>
}

export async function gather(env: Env, release: ReleaseConfig, question: LedgerQuestion): Promise<Gathered> {
  const { overdue: _, ...span } = question
  // One deadline for all: a timer each would cost as much as what it guards.
  const groups = groupsFromTop(release.counterShards)
  const report = ([first, ...others]: number[]) => shardAt(env, release.name, first!).report(span, others)
  const [counted, ledgers] = await within(
    CALL_DEADLINE_MS,
    Promise.all([
      Promise.all(groups.map(report)),
      Promise.all(ledgersOf(env, release).map((ledger) => ledger.report(question))),
    ]),
  )
  const reports: CountsReport[] = [...counted, ...ledgers]
  return {
    windows: reports.flatMap(({ windows }) => windows),
    recent: reports.flatMap(({ recent }) => recent),
    ledgers: ledgers.reduce<Gathered['ledgers']>(
      (sum, { open, funnel, dropped, shadowToday }) => ({
        open: {
          candidate: sum.open.candidate + open.candidate,
          shadow: sum.open.shadow + open.shadow,
          oldestCandidateAt: earliest(sum.open.oldestCandidateAt, open.oldestCandidateAt),
        },
        funnel: addCounts({ ...sum.funnel }, funnel),
        dropped: addCounts({ ...sum.dropped }, dropped),
        shadowToday: sum.shadowToday + shadowToday,
      }),
      NOTHING,
    ),
  }
}

export const NOTHING: Gathered['ledgers'] = {
  open: { candidate: 0, shadow: 0, oldestCandidateAt: null },
  funnel: { eligible: 0, sampled: 0, admitted: 0, submitted: 0, finished: 0, scored: 0 },
  dropped: {},
  shadowToday: 0,
}

/** One call of each; rejects where one does not answer in time. */
export function askAll<S, T>(objects: readonly S[], ask: (object: S) => Promise<T>): Promise<T[]> {
  return Promise.all(objects.map((object) => within(CALL_DEADLINE_MS, ask(object))))
}

/** What a run cost its users. */
export async function gatherBlast(env: Env, release: ReleaseConfig, run: Run): Promise<BlastSum> {
  const [ledgers, shards] = await Promise.all([
    askAll(ledgersOf(env, release), (ledger) => ledger.blast(run)),
    askAll(shardsOf(env, release), (shard) => shard.failures(run.startedAt, run.epochs)),
  ])
  return costOf(run, ledgers, shards)
}
