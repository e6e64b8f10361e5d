/**
 * The calls of one flush: counters to the shard, and jobs to their ledgers, by way of the shard where they are many.
 * Hands on what is answered; what a flush holds is telemetry's to say.
 */
import type { Snapshot } from '../core/release.ts'
import { within } from '../durable/deadline.ts'
import type { CounterBatch, CounterShardRpc, FlushAnswer, JobLedgerRpc, LedgerBatch } from '../durable/rpc.ts'
import type { CopyLeases } from './copy-leases.ts'
import { FLUSH_MS } from './deadlines.ts'

export interface FlushPorts {
  shard: () => CounterShardRpc
  ledger: (index: number) => JobLedgerRpc
  copies: CopyLeases
  onSnapshot: (snapshot: Snapshot | null) => void
  now: () => number
}

/** Rejects where any part of it may not have arrived. */
export async function sendFlush(
  ports: FlushPorts,
  batch: CounterBatch,
  jobs: ReadonlyMap<number, LedgerBatch>,
  isPosted: boolean,
): Promise<void> {
  const { shard, onSnapshot } = ports
  const calls = isPosted
    ? [post(ports, batch, [...jobs])]
    : [
        within(FLUSH_MS, shard().flush(batch)).then(onSnapshot),
        ...Array.from(jobs, async ([index, told]) => {
          const sentAt = ports.now()
          answered(ports, index, told, sentAt, await within(FLUSH_MS, ports.ledger(index).flush(told)))
        }),
      ]
  const ends = await Promise.allSettled(calls)
  const failed = ends.find((end) => end.status === 'rejected')
  if (failed) throw failed.reason
}

async function post(ports: FlushPorts, batch: CounterBatch, letters: [number, LedgerBatch][]): Promise<void> {
  const sentAt = ports.now()
  const { snapshot, answers } = await within(FLUSH_MS, ports.shard().post(batch, letters))
  ports.onSnapshot(snapshot)
  for (const [i, letter] of letters.entries()) answered(ports, ...letter, sentAt, answers[i] ?? null)
  if (answers.includes(null)) throw new Error('a ledger has not taken what it was told')
}

function answered(
  { copies: leases }: FlushPorts,
  index: number,
  { copies }: LedgerBatch,
  sentAt: number,
  answer: FlushAnswer | null,
): void {
  if (copies && answer) leases.answered(index, copies, sentAt, answer.lease)
}
