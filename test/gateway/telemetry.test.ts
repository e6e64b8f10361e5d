/** What an isolate counts: batched, sent at most once a second, bounded, and its losses told. */
import { describe, expect, it } from 'vitest'
import type { Snapshot } from '../../src/core/release.ts'
import type { Series } from '../../src/core/window.ts'
import type { JobUpdate, LedgerJob } from '../../src/durable/job-shapes.ts'
import type { CounterBatch, CounterShardRpc, FlushAnswer, JobLedgerRpc, LedgerBatch } from '../../src/durable/rpc.ts'
import { CopyLeases, type CopyPlace } from '../../src/gateway/copy-leases.ts'
import { Telemetry } from '../../src/gateway/telemetry.ts'
import { waitFor } from '../support/wait-for.ts'

const SERIES: Series = {
  stage: 'canary-5',
  epoch: 3,
  arm: 'candidate',
  operation: 'submit',
  shadow: false,
}
const SNAPSHOT = { epoch: 3, shadow: { maxInFlight: 900, maxJobsPerDay: 900, jobTimeoutMs: 1000 } } as Snapshot
const ok = { outcome: 'ok', seconds: { latency: 0.2 } } as const

function entry(owner: string): LedgerJob {
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

/**
 * A telemetry with a clock of its own, over objects that keep what they are sent; `down` makes the shard fail, `deaf` a ledger
 * that the shard passes something on to. `calls` counts what the isolate itself has called.
 */
function rig(ledgers = 2) {
  const to = { shard: [] as CounterBatch[], ledgers: new Map<number, LedgerBatch[]>(), calls: 0 }
  const state = { now: 1_000_000, down: false, deaf: null as number | null, snapshots: [] as (Snapshot | null)[] }
  const waits: { ms: number; go: () => void }[] = []
  const beside: Promise<unknown>[] = []
  const taken = (index: number, batch: LedgerBatch): FlushAnswer => {
    to.ledgers.set(index, [...(to.ledgers.get(index) ?? []), structuredClone(batch)])
    const { waiting = 0, spare = 0 } = batch.copies ?? {}
    return { lease: { granted: waiting + spare, forMs: 10_000, refusal: null } }
  }
  const counted = (batch: CounterBatch) => {
    to.calls++
    if (state.down) throw new Error('overloaded')
    to.shard.push(structuredClone(batch))
  }
  const shard: Pick<CounterShardRpc, 'flush' | 'post'> = {
    flush: async (batch) => (counted(batch), null),
    post: async (batch, letters) => {
      counted(batch)
      const answers = letters.map(([index, told]) => (index === state.deaf ? null : taken(index, told)))
      return { snapshot: SNAPSHOT, answers }
    },
  }
  const ledger = (index: number) =>
    ({ flush: async (batch: LedgerBatch) => (to.calls++, taken(index, batch)) }) as unknown as JobLedgerRpc
  const copies = new CopyLeases('isolate-1', () => state.now)
  const telemetry = new Telemetry({
    source: 'isolate-1',
    copies,
    quietAfterMs: 10_000,
    windowMs: 60_000,
    now: () => state.now,
    sleep: (ms) => new Promise((go) => waits.push({ ms, go })),
    shard: () => shard as CounterShardRpc,
    ledger,
    places: { indexOf: ({ owner }) => Number(owner) % ledgers, isSureOf: () => true },
    onSnapshot: (snapshot) => state.snapshots.push(snapshot),
  })
  const schedule = () => telemetry.schedule((work) => beside.push(work))
  return { telemetry, copies, to, state, waits, beside, schedule }
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

  it('tells one user’s failures in a row from those of many', async () => {
    const { telemetry, to, state } = rig()
    const failed = { outcome: 'http_5xx', seconds: {} } as const
    const refused = { outcome: 'client_error', seconds: {} } as const
    for (let i = 0; i < 5; i++) telemetry.record(SERIES, failed, 'one')
    state.now += 60_000
    for (let i = 5; i < 9; i++) telemetry.record(SERIES, failed, 'one')
    for (let i = 0; i < 5; i++) telemetry.record(SERIES, failed, `of-many-${i}`)
    telemetry.record(SERIES, ok, 'one')
    telemetry.record(SERIES, failed, 'one')
    // Refusals are counted once and for all, good ends between them or not.
    for (let i = 0; i < 4; i++) {
      telemetry.record(SERIES, refused, 'two')
      telemetry.record(SERIES, ok, 'two')
    }
    await telemetry.flush()
    const { outcomes, repeats } = to.shard[0]!.rows[0]!.counters
    expect(outcomes).toEqual({ http_5xx: 15, client_error: 4 })
    // The 1st and 9th count altogether, and the first of either window.
    expect(repeats).toEqual({
      row: { http_5xx: 7, client_error: 3 },
      window: { http_5xx: 7, client_error: 3 },
    })
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

  it('tells of a running job as it ages by a fifth, and of its end once, unless nobody knows what has arrived', async () => {
    const { telemetry, to, state } = rig()
    const began = state.now
    const { work: _, rescue: __, ...job } = { ...entry('1'), submittedAt: began }
    const reported = { queueSeconds: null, runSeconds: null, totalSeconds: null }
    const see = (outcome: JobUpdate['outcome']) => telemetry.seen({ job, outcome, reported, at: state.now })
    for (; state.now <= began + 60_000; state.now += 500) see(null)
    for (let i = 0; i < 20; i++) see('ok')
    await telemetry.flush()
    const seen = () => to.ledgers.get(1)!.at(-1)!.seen
    const opens = seen().filter(({ outcome }) => outcome === null)
    expect(seen().filter(({ outcome }) => outcome === 'ok')).toHaveLength(1)
    expect(opens.length).toBeLessThan(25)
    // Never so rarely that the ledger would poll by itself, half of its patience and a poll.
    const pauses = opens.slice(1).map(({ at }, i) => at - opens[i]!.at)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(5500)
    see('ok')
    telemetry.record(SERIES, ok)
    await telemetry.flush()
    expect(to.ledgers.get(1)).toHaveLength(1)
    state.down = true
    telemetry.record(SERIES, ok)
    await telemetry.flush()
    state.down = false
    see('ok')
    await telemetry.flush()
    expect(seen()).toHaveLength(1)
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

describe('an isolate that has something for many ledgers', () => {
  it.each([1, 2, 3, 4, 16, 256])('calls objects four times a second at most: %i of them', async (ledgers) => {
    const { telemetry, copies, to, state, waits, schedule } = rig(ledgers)
    const due: { at: number; go: () => void }[] = []
    const SECONDS = 5
    for (let ms = 0; ms < SECONDS * 1000; ms += 5) {
      state.now += 5
      telemetry.record(SERIES, ok)
      telemetry.submitted(entry(String(ms)))
      const place = copies.want(ms % ledgers, SNAPSHOT, ledgers)
      if (typeof place !== 'string') place.end()
      schedule()
      for (const { ms: pause, go } of waits.splice(0)) due.push({ at: state.now + pause, go })
      for (let i = due.length - 1; i >= 0; i--) if (due[i]!.at <= state.now) due.splice(i, 1)[0]!.go()
      for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    }
    await telemetry.flush()
    expect(to.calls).toBeLessThanOrEqual(4 * (SECONDS + 1))
    const told = [...to.ledgers.values()].flat().flatMap(({ submitted }) => submitted)
    expect(told).toHaveLength(SECONDS * 200)
    expect(to.ledgers.size).toBe(ledgers)
  })

  it('hears from the shard what each ledger has granted, and takes the snapshot', async () => {
    const { telemetry, copies, to, state } = rig(8)
    const places = Array.from({ length: 8 }, (_, i) => copies.want(i, SNAPSHOT, 8) as CopyPlace)
    await telemetry.flush()
    const refused = places.map((place) => place.refused(() => Promise.reject(new Error('asked by itself'))))
    expect(await Promise.all(refused)).toEqual(Array(8).fill(null))
    expect([to.calls, to.ledgers.size, state.snapshots]).toEqual([1, 8, [SNAPSHOT]])
  })

  it('tells as lost what a ledger has not taken by way of the shard', async () => {
    const { telemetry, to, state } = rig(8)
    state.deaf = 5
    for (let owner = 0; owner < 8; owner++) telemetry.submitted(entry(String(owner)))
    await telemetry.flush()
    state.deaf = null
    telemetry.record(SERIES, ok)
    await telemetry.flush()
    expect(to.shard.map(({ lost }) => lost)).toEqual([0, 8])
  })

  it('sends large bodies to their ledgers itself, so that no shard holds those of all isolates', async () => {
    const { telemetry, to } = rig(8)
    const body = { bytes: new Uint8Array(300_000), contentType: 'application/json', path: '/v1/videos' }
    for (let owner = 0; owner < 8; owner++) telemetry.submitted({ ...entry(String(owner)), rescue: body })
    await telemetry.flush()
    expect([to.calls, to.ledgers.size]).toEqual([9, 8])
  })
})

describe('copies for the shadow', () => {
  const snapshot = { epoch: 3, shadow: { maxInFlight: 9, maxJobsPerDay: 9, jobTimeoutMs: 1000 } } as Snapshot
  const places = (copies: CopyLeases, n: number) =>
    Array.from({ length: n }, () => copies.want(1, snapshot, 1) as CopyPlace)

  it('are told and granted with the flush of the second, steps of their funnel too: no call of their own', async () => {
    const { telemetry, copies, to, state } = rig()
    for (let second = 0; second < 4; second++) {
      const taken = places(copies, 40)
      telemetry.shadowCount('sampled')
      telemetry.submitted(entry('1'))
      await telemetry.flush()
      for (const place of taken) {
        expect(await place.refused(() => Promise.reject(new Error('asked by itself')))).toBeNull()
        place.begin(entry(`${second}-${state.now++}`))({ outcome: 'unreachable' })
        place.end()
      }
      state.now += 1000
    }
    const told = to.ledgers.get(1)!.map(({ steps, copies: batch }) => [steps, batch!.sent.length, batch!.waiting])
    expect(told).toEqual([
      [{ sampled: 1 }, 0, 40],
      [{ sampled: 1 }, 40, 40],
      [{ sampled: 1 }, 40, 16],
      [{ sampled: 1 }, 40, 0],
    ])
  })

  it('that wait for a grant bring no flush forward but the first, however many they are', async () => {
    const { telemetry, copies, to, state, waits, beside } = rig()
    const [first] = places(copies, 1)
    telemetry.record(SERIES, ok)
    expect(await first!.refused(() => telemetry.nextFlush())).toBeNull()
    first!.begin(entry('0'))
    const more = places(copies, 30)
    for (const place of more) beside.push(place.refused(() => telemetry.nextFlush()))
    for (let i = 0; i < 5; i++) await Promise.resolve()
    expect(to.ledgers.get(1)).toHaveLength(1)
    state.now += 1000
    for (const { go } of waits) go()
    expect(await Promise.all(beside)).toEqual(Array(30).fill(null))
    expect(to.ledgers.get(1)!.map((batch) => batch.copies!.waiting)).toEqual([1, 30])
  })

  it('that were granted are given back two seconds after the last one began', async () => {
    const { telemetry, copies, to, state, waits, beside, schedule } = rig()
    for (let second = 0; second < 2; second++) {
      const taken = places(copies, 10)
      await telemetry.flush()
      for (const place of taken) {
        await place.refused(() => Promise.resolve())
        place.begin(entry(`${second}-${state.now++}`))
      }
      state.now += 1000
    }
    telemetry.record(SERIES, ok)
    schedule()
    await waitFor(() => expect(waits.map(({ ms }) => ms)).toContain(2000))
    expect(copies.hasFree).toBe(true)
    waits.find(({ ms }) => ms === 2000)!.go()
    await Promise.all(beside)
    expect(copies.hasFree).toBe(false)
    expect(to.ledgers.get(1)!.at(-1)!.copies).toMatchObject({ free: 0, waiting: 0, spare: 0 })
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
