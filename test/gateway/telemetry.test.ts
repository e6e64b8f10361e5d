/** What an isolate counts: batched, sent at most once a second, bounded, and its losses told. */
import { describe, expect, it } from 'vitest'
import type { Snapshot } from '../../src/core/release.ts'
import type { Series } from '../../src/core/window.ts'
import type { CounterBatch, CounterShardRpc, JobEntry, JobLedgerRpc, LedgerBatch } from '../../src/durable/rpc.ts'
import { Telemetry } from '../../src/gateway/telemetry.ts'

const SERIES: Series = {
  stage: 'canary-5',
  epoch: 3,
  arm: 'candidate',
  operation: 'submit',
  shadow: false,
}
const ok = { outcome: 'ok', seconds: { latency: 0.2 } } as const

function entry(owner: string): JobEntry {
  return {
    upstreamId: `video-of-${owner}`,
    clientId: 'slc_x_slc',
    arm: 'control',
    replica: 2,
    epoch: 3,
    stage: 'canary-5',
    submittedAt: 4,
    owner,
    anonymous: false,
    prefix: '',
    work: null,
    rescue: null,
  }
}

/** A telemetry with a clock of its own, over objects that keep what they are sent; `down` makes the shard fail. */
function rig() {
  const to = { shard: [] as CounterBatch[], ledgers: new Map<number, LedgerBatch[]>(), shadow: [] as object[] }
  const state = { now: 1_000_000, down: false, snapshots: [] as (Snapshot | null)[] }
  const waits: { ms: number; go: () => void }[] = []
  const beside: Promise<unknown>[] = []
  const shard = {
    flush: async (batch: CounterBatch) => {
      if (state.down) throw new Error('overloaded')
      to.shard.push(structuredClone(batch))
      return null
    },
  } as unknown as CounterShardRpc
  const ledger = (index: number) =>
    ({
      flush: async (batch: LedgerBatch) => {
        to.ledgers.set(index, [...(to.ledgers.get(index) ?? []), structuredClone(batch)])
      },
      shadowCounts: async (counts: object) => void to.shadow.push(counts),
    }) as unknown as JobLedgerRpc
  const telemetry = new Telemetry({
    source: 'isolate-1',
    now: () => state.now,
    sleep: (ms) => new Promise((go) => waits.push({ ms, go })),
    shard: () => shard,
    ledger,
    ledgerIndex: (owner) => Number(owner) % 2,
    onSnapshot: (snapshot) => state.snapshots.push(snapshot),
  })
  const schedule = () => telemetry.schedule((work) => beside.push(work))
  return { telemetry, to, state, waits, beside, schedule }
}

describe('a flush', () => {
  it('carries each series once, with all that was counted of it', async () => {
    const { telemetry, to } = rig()
    for (let i = 0; i < 3; i++) telemetry.record(SERIES, ok)
    telemetry.record(SERIES, { outcome: 'http_5xx', seconds: { latency: 1 } })
    telemetry.record({ ...SERIES, arm: 'control' }, ok)
    await telemetry.flush()
    const [batch] = to.shard
    expect(batch).toMatchObject({ source: 'isolate-1', seq: 1, lost: 0 })
    expect(batch!.rows.map(({ series, counters }) => [series.arm, counters.requests, counters.outcomes])).toEqual([
      ['candidate', 4, { http_5xx: 1 }],
      ['control', 1, {}],
    ])
  })

  it('goes out under a number that grows, and not at all where there is nothing to tell', async () => {
    const { telemetry, to } = rig()
    await telemetry.flush()
    telemetry.record(SERIES, ok)
    await telemetry.flush()
    await telemetry.flush()
    telemetry.record(SERIES, ok)
    await telemetry.flush()
    expect(to.shard.map(({ seq }) => seq)).toEqual([1, 2])
  })

  it("sends each owner's jobs to the ledger that they belong to", async () => {
    const { telemetry, to } = rig()
    for (const owner of ['10', '11', '12']) telemetry.submitted(entry(owner))
    await telemetry.flush()
    expect(to.ledgers.get(0)!.flatMap(({ submitted }) => submitted.map(({ owner }) => owner))).toEqual(['10', '12'])
    expect(to.ledgers.get(1)!.flatMap(({ submitted }) => submitted.map(({ owner }) => owner))).toEqual(['11'])
  })

  it('that fails is not repeated; what it held is told as lost with the next, and nobody sees an error', async () => {
    const { telemetry, to, state } = rig()
    state.down = true
    for (let i = 0; i < 7; i++) telemetry.record(SERIES, ok)
    await telemetry.flush()
    telemetry.record(SERIES, ok)
    await telemetry.flush()
    state.down = false
    telemetry.record(SERIES, ok)
    await telemetry.flush()
    expect(to.shard).toMatchObject([{ lost: 8, rows: [{ counters: { requests: 1 } }] }])
  })

  it('carries bodies for a rescue up to 16 MB; jobs beyond are told without theirs', async () => {
    const { telemetry, to } = rig()
    const body = { bytes: new Uint8Array(1_900_000), contentType: 'application/json', path: '/v1/videos' }
    for (let i = 0; i < 10; i++) telemetry.submitted({ ...entry('1'), upstreamId: `video-${i}`, rescue: body })
    await telemetry.flush()
    telemetry.submitted({ ...entry('1'), rescue: body })
    await telemetry.flush()
    const kept = to.ledgers.get(1)!.map(({ submitted }) => submitted.map(({ rescue }) => rescue !== null))
    expect(kept).toEqual([[...Array(8).fill(true), false, false], [true]])
  })

  it('holds a bounded number of events; those beyond are lost, and counted as that', async () => {
    const { telemetry, to } = rig()
    for (let i = 0; i < 5100; i++) telemetry.record(SERIES, ok)
    await telemetry.flush()
    expect(to.shard).toMatchObject([{ lost: 100, rows: [{ counters: { requests: 5000 } }] }])
  })
})

describe('failed submits', () => {
  it('are told with the time of the first one and of the last one that was sent, for the candidate’s users only', async () => {
    const { telemetry, to, state } = rig()
    telemetry.record(SERIES, ok)
    telemetry.record(SERIES, { outcome: 'http_5xx', seconds: { latency: 0.2 } })
    state.now += 400
    telemetry.record(SERIES, { outcome: 'timeout', seconds: { latency: 0.5 } })
    for (const other of [{ shadow: true }, { arm: 'control' }, { operation: 'poll' }] as const)
      telemetry.record({ ...SERIES, ...other }, { outcome: 'http_5xx', seconds: {} })
    telemetry.record({ ...SERIES, epoch: 4 }, { outcome: 'client_error', seconds: {} })
    await telemetry.flush()
    expect(to.shard[0]!.rows.map(({ failed }) => failed)).toEqual([
      { firstAt: 1_000_000, lastSentAt: 999_900 },
      ...Array(4).fill(undefined),
    ])
  })
})

describe('the schedule', () => {
  it('flushes the first event at once and all others once a second, however many requests come', async () => {
    const { telemetry, to, state, waits, beside, schedule } = rig()
    telemetry.record(SERIES, ok)
    schedule()
    await Promise.all(beside)
    expect(to.shard).toHaveLength(1)
    for (let i = 0; i < 50; i++) {
      state.now += 10
      telemetry.record(SERIES, ok)
      schedule()
    }
    expect(waits.map(({ ms }) => ms)).toEqual([990])
    waits[0]!.go()
    await Promise.all(beside)
    expect(to.shard).toMatchObject([{ seq: 1 }, { seq: 2, rows: [{ counters: { requests: 50 } }] }])
  })

  it('is made again by a later request where the platform dropped the one that should have flushed', async () => {
    const { telemetry, to, state, waits, beside, schedule } = rig()
    telemetry.record(SERIES, ok)
    schedule()
    await Promise.all(beside)
    state.now += 100
    telemetry.record(SERIES, ok)
    schedule()
    state.now += 3000
    telemetry.record(SERIES, ok)
    schedule()
    expect(waits).toHaveLength(1)
    await beside.at(-1)
    expect(to.shard.at(-1)).toMatchObject({ seq: 2, rows: [{ counters: { requests: 2 } }] })
  })
})
