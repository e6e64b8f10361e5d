/** The counter shard by itself: nothing counted twice, nothing lost by an eviction, no snapshot older than the known one. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { env } from 'cloudflare:workers'
import type { Env } from '../../src/config/env.ts'
import type { ReleaseConfig } from '../../src/config/load.ts'
import { gather } from '../../src/durable/controller/gather.ts'
import type { CounterShard } from '../../src/durable/counter-shard.ts'
import { groupsFromTop, groupsOf } from '../../src/core/shard-groups.ts'
import { shardOf } from '../../src/durable/stubs.ts'
import { initialState, type Snapshot, snapshotOf } from '../../src/core/release.ts'
import { batch, counted, entry, ledger, RELEASE, shard } from '../support/workerd/objects.ts'

const T0 = 1_900_000_000_000

function snapshot(version: number): Snapshot {
  const routing = {
    name: RELEASE,
    rules: [],
    failover: false,
    shadow: { sample: 1, duringCanary: false, maxBodyBytes: 1, maxInFlight: 1, maxJobsPerDay: 1, jobTimeoutMs: 1 },
  }
  return snapshotOf({ ...initialState(T0), version, epoch: version }, routing)
}

afterEach(() => vi.useRealTimers())

it('passes on what ledgers are told, each its own, and brings back what each has granted', async () => {
  const object = shard(9)
  await object.push(snapshot(3))
  const owners = [40, 41, 42, 43]
  const copies = (waiting: number) => ({
    ...{ source: 'isolate-1', seq: 1, epoch: 3, sent: [], free: 0, waiting, spare: 0 },
    caps: { maxInFlight: 1000, maxJobsPerDay: 1000, jobTimeoutMs: 1000 },
  })
  const answered = await object.post(
    batch(1, 5),
    owners.map((index) => [
      index,
      { submitted: [entry(`${index}`, { owner: `${index}` })], seen: [], copies: copies(index) },
    ]),
  )
  expect(answered.snapshot).toMatchObject({ version: 3 })
  expect(answered.answers.map((answer) => answer?.lease?.granted)).toEqual(owners)
  expect(await counted(object, 'submit')).toMatchObject({ requests: 5 })
  for (const index of owners) {
    const kept = await ledger(index).list(owners.map(String), null, 9, 'asc')
    expect(kept.map(({ upstreamId }) => upstreamId)).toEqual([`video-${index}`])
  }
})

it('lets one batch that can’t be taken spoil no other’s', async () => {
  const broken = { submitted: [null as never], seen: [] }
  const good = { submitted: [entry('good')], seen: [] }
  const answers = await ledger(50).flushAll([good, broken, good])
  expect(answers.map((answer) => answer !== null)).toEqual([true, false, true])
})

describe('a batch', () => {
  it('replayed ten times counts once, also behind an eviction and out of order', async () => {
    const object = shard(1)
    const first = batch(1, 7, 2)
    const second = batch(2, 3)
    await object.flush(first)
    await object.flush(second)
    for (let i = 0; i < 5; i++) {
      await object.flush(second)
      await object.flush(first)
    }
    await evictDurableObject(object)
    for (let i = 0; i < 5; i++) await object.flush(i % 2 ? first : second)
    expect(await counted(object, 'submit')).toEqual({ requests: 10, outcomes: { http_5xx: 2 } })
  })

  it('of another isolate counts, though its number is lower', async () => {
    const object = shard(2)
    await object.flush(batch(5, 1))
    await object.flush(batch(1, 1, 0, {}, 'isolate-2'))
    expect((await counted(object, 'submit')).requests).toBe(2)
  })

  it('is told by the second to whoever asks about the last ones: in sums, of what was asked for, each second once', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: T0 })
    const object = shard(90)
    for (let second = 0; second < 20; second++) {
      vi.setSystemTime(T0 + second * 1000 + 500)
      await object.flush(batch(2 * second, 3, 1))
      await object.flush(batch(2 * second + 1, 5, 0, second % 2 ? { epoch: 2 } : { operation: 'poll' }))
    }
    const recent = { epoch: 1, operations: ['submit'] as const, cutsMs: [T0 + 4500, T0 + 15_000] }
    const { recent: rows, windows } = await object.report({ fromMs: T0 + 5000, toMs: T0 + 5000, recent })
    expect(rows.map(({ startMs, counters }) => [startMs - T0, counters.requests, counters.outcomes])).toEqual([
      [4500, 30, { http_5xx: 10 }],
      [15_000, 15, { http_5xx: 5 }],
    ])
    expect(windows).toEqual([])
  })

  it('is told with what other shards have counted, as if it were one', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: T0 })
    for (const [i, n] of [3, 4, 5].entries()) await shard(91 + i).flush(batch(1, n, i))
    vi.setSystemTime(T0 + 1000)
    const recent = { epoch: 1, operations: ['submit'] as const, cutsMs: [T0] }
    const told = await shard(91).report({ fromMs: T0, toMs: T0 + 1000, recent }, [92, 93])
    for (const rows of [told.windows, told.recent]) {
      expect(rows).toHaveLength(1)
      expect(rows[0]).toMatchObject({ startMs: T0, counters: { requests: 12, outcomes: { http_5xx: 3 } } })
    }
    expect(told.windows[0]!.counters.sketches.latency!.count).toBe(12)
  })

  it('is asked of each shard once, of many in groups', () => {
    for (const n of [0, 1, 2, 8, 9, 100, 255, 256]) {
      const shards = Array.from({ length: n }, (_, i) => i)
      const groups = groupsOf(shards)
      expect(groups.flat()).toEqual(shards)
      expect(groups.length).toBeLessThanOrEqual(8)
    }
    expect(groupsOf([5, 6, 7])).toEqual([[5], [6], [7]])
  })

  it('of up to eight shards is asked of each by the controller, of more in one call', () => {
    expect(groupsFromTop(8)).toEqual([[0], [1], [2], [3], [4], [5], [6], [7]])
    expect(groupsFromTop(9)).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8]])
  })

  it('of 80 shards is told in one answer, for which no shard has called more than eight', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: T0 })
    const [first, ...others] = Array.from({ length: 80 }, (_, i) => 300 + i)
    for (const i of [first!, ...others]) await shard(i).flush(batch(1, 2))
    const recent = { epoch: 1, operations: ['submit'] as const, cutsMs: [T0] }
    const [told, calls] = await runInDurableObject(shard(first) as DurableObjectStub<never>, async (object) => {
      const asking = object as unknown as CounterShard & { env: Env }
      const namespace = asking.env.COUNTER_SHARD
      const get = vi.fn((id: DurableObjectId) => namespace.get(id))
      const counting = { idFromName: (name: string) => namespace.idFromName(name), get }
      asking.env = { ...asking.env, COUNTER_SHARD: counting as unknown as DurableObjectNamespace }
      return [await asking.report({ fromMs: T0, toMs: T0, recent }, others), get.mock.calls.length] as const
    })
    expect(told.recent.map(({ counters }) => counters.requests)).toEqual([160])
    expect(calls).toBe(8)
  })

  it('of twelve shards reaches the controller by one call', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: T0 })
    const bindings = env as unknown as Env
    for (let i = 0; i < 12; i++) await shardOf(bindings, 'of-twelve', i).flush(batch(1, 2))
    const get = vi.fn((id: DurableObjectId) => bindings.COUNTER_SHARD.get(id))
    const counting = { idFromName: (name: string) => bindings.COUNTER_SHARD.idFromName(name), get }
    const watched = { ...bindings, COUNTER_SHARD: counting as unknown as DurableObjectNamespace }
    const release = { name: 'of-twelve', counterShards: 12, ledgerShards: 1 } as ReleaseConfig
    const recent = { epoch: 1, operations: ['submit'] as const, cutsMs: [T0] }
    const gathered = await gather(watched, release, { fromMs: T0, toMs: T0, recent, overdue: null })
    expect(gathered.recent.map(({ counters }) => counters.requests)).toEqual([24])
    expect(get).toHaveBeenCalledOnce()
  })

  it("lands in the window of the object's own clock, and windows go on after an eviction", async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: T0 + 100 })
    const object = shard(3)
    await object.flush(batch(1, 4, 1))
    await evictDurableObject(object)
    vi.setSystemTime(T0 + 900)
    await object.flush(batch(2, 2))
    vi.setSystemTime(T0 + 1000)
    await object.flush(batch(3, 1))
    await evictDurableObject(object)
    const rows = await object.windows(0, T0 + 5000)
    expect(rows.map(({ startMs, counters }) => [startMs - T0, counters.requests, counters.outcomes])).toEqual([
      [0, 6, { http_5xx: 1 }],
      [1000, 1, {}],
    ])
    expect(rows[0]!.counters.sketches.latency!.count).toBe(6)
  })

  it('that tells of losses adds to what was lost, once', async () => {
    const object = shard(4)
    const losing = { ...batch(1, 1), lost: 40 }
    for (let i = 0; i < 10; i++) await object.flush(losing)
    await evictDurableObject(object)
    await object.flush({ ...batch(2, 1), lost: 2 })
    expect(await object.lost()).toBe(42)
  })
})

describe('a snapshot', () => {
  it('of an older version is refused, also after an eviction', async () => {
    const object = shard(5)
    expect(await object.flush(batch(1, 1))).toBeNull()
    await object.push(snapshot(8))
    await object.push(snapshot(7))
    expect(await object.flush(batch(2, 1))).toMatchObject({ version: 8 })
    await evictDurableObject(object)
    await object.push(snapshot(7))
    expect(await object.snapshot()).toMatchObject({ version: 8 })
    await object.push(snapshot(9))
    expect(await object.snapshot()).toMatchObject({ version: 9 })
  })

  it('that an older build has stored is not handed out by one with another schema', async () => {
    const object = shard(6)
    await object.push({ ...snapshot(8), schema: 0 as 1 })
    await evictDurableObject(object)
    expect(await object.flush(batch(1, 1))).toBeNull()
  })
})
