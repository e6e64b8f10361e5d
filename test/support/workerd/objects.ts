/// <reference types="@cloudflare/workers-types" />
/** The native objects of the release `objects`, typed by what they offer, with batches and job entries to feed them. */
import { env } from 'cloudflare:workers'
import type { Env } from '../../../src/config/env.ts'
import { hash32 } from '../../../src/core/assignment.ts'
import type { Operation, Outcome } from '../../../src/core/outcome.ts'
import { count, emptyCounters, type Series } from '../../../src/core/window.ts'
import type { CounterShard } from '../../../src/durable/counter-shard.ts'
import type { JobLedger } from '../../../src/durable/job-ledger.ts'
import type { ReleaseController } from '../../../src/durable/release-controller.ts'
import type { CounterBatch, JobEntry, JobUpdate } from '../../../src/durable/rpc.ts'

export const RELEASE = 'objects'

/** A stub is both: what the test runner evicts, and what offers the object's methods by RPC. */
type Stub<T> = DurableObjectStub & T

const bindings = env as unknown as Env

export function controller(): Stub<ReleaseController> {
  return stub(bindings.CONTROLLER, RELEASE)
}

/** Index 0 is the one that the controller asks; others stand by themselves. */
export function shard(index = 0): Stub<CounterShard> {
  return stub(bindings.COUNTER_SHARD, `${RELEASE}|${index}`)
}

export function ledger(index = 0): Stub<JobLedger> {
  return stub(bindings.JOB_LEDGER, `${RELEASE}|${index}`)
}

function stub<T>(namespace: DurableObjectNamespace, name: string): Stub<T> {
  return namespace.get(namespace.idFromName(name)) as unknown as Stub<T>
}

export function series(over: Partial<Series> = {}): Series {
  return {
    stage: 'canary-50',
    epoch: 1,
    arm: 'candidate',
    operation: 'submit',
    shadow: false,
    ...over,
  }
}

/** `n` requests of one series, `errors` of them failed. */
export function batch(
  seq: number,
  n: number,
  errors = 0,
  over: Partial<Series> = {},
  source = 'isolate-1',
): CounterBatch {
  const counters = emptyCounters()
  for (let i = 0; i < n; i++)
    count(counters, { outcome: i < errors ? 'http_5xx' : 'ok', seconds: { latency: 0.1 + i / 100 } })
  return { source, seq, lost: 0, rows: [{ series: series(over), counters }] }
}

export function entry(name: string, over: Partial<JobEntry> = {}): JobEntry {
  const arm = over.arm ?? 'candidate'
  return {
    upstreamId: `video-${name}`,
    clientId: `slc_${name}_slc`,
    arm,
    replica: hash32(`http://${arm}.test`) >>> 16,
    epoch: 1,
    stage: 'canary-50',
    submittedAt: Date.now(),
    owner: '0123456789ab',
    anonymous: false,
    prefix: '',
    work: null,
    rescue: null,
    ...over,
  }
}

export function jobUpdate(job: JobEntry, outcome: Outcome | null, at = Date.now()): JobUpdate {
  const { work: _, rescue: __, ...tag } = job
  return { job: tag, outcome, reported: { queue: null, run: null, total: null }, at }
}

/** All that was counted of one operation: requests, and ends other than `ok`. */
export async function counted(
  object: Pick<CounterShard, 'totals'>,
  operation: Operation,
): Promise<{ requests: number; outcomes: Record<string, number> }> {
  const sum = { requests: 0, outcomes: {} as Record<string, number> }
  for (const { series: of, counters } of await object.totals()) {
    if (of.operation !== operation) continue
    sum.requests += counters.requests
    for (const [outcome, n] of Object.entries(counters.outcomes))
      sum.outcomes[outcome] = (sum.outcomes[outcome] ?? 0) + n
  }
  return sum
}
