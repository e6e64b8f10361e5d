/** What Sluice was late or unable to see is held against no arm: one case for each way of being late. */
import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { quantile } from '../../src/core/sketch.ts'
import { act, eachTestAnew, nextSeq, second, T0, tick, view } from '../support/workerd/controller-driver.ts'
import { batch, counted, entry, ledger, shard, jobUpdate } from '../support/workerd/objects.ts'
import { named, shows, stubBackends, type StubBackends } from '../support/workerd/stub-backends.ts'

eachTestAnew()

let backends: StubBackends

beforeEach(() => {
  backends = stubBackends(T0)
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** Fires the ledger's alarm at each of these seconds after `T0`. */
async function wakes(object: ReturnType<typeof ledger>, ...seconds: number[]): Promise<void> {
  for (const at of seconds) {
    vi.setSystemTime(T0 + at * 1000)
    await runDurableObjectAlarm(object)
  }
}

const entries = (n: number, name: string) => Array.from({ length: n }, (_, i) => entry(`${name}-${i}`))

describe('a job is not held against its arm', () => {
  it('where the ledger slept through its deadline: the time that nobody polled is added to it', async () => {
    const object = ledger(300)
    backends.answer((call) => shows(named(call), 'in_progress'))
    await object.flush({ submitted: entries(5, 'slept'), seen: [] })
    await evictDurableObject(object)
    await wakes(object, 100)
    expect((await counted(object, 'job')).requests).toBe(0)
    backends.answer((call) => shows(named(call), 'completed'))
    await wakes(object, 112)
    expect(await counted(object, 'job')).toEqual({ requests: 5, outcomes: {} })
  })

  it('where the clock steps by an hour, there and back', async () => {
    const object = ledger(301)
    backends.answer((call) => shows(named(call), 'in_progress'))
    await object.flush({ submitted: entries(5, 'stepped'), seen: [] })
    await wakes(object, 10, 3620, 3640, 30, 50)
    expect((await counted(object, 'job')).requests).toBe(0)
    backends.answer((call) => shows(named(call), 'completed'))
    await wakes(object, 3660)
    expect(await counted(object, 'job')).toEqual({ requests: 5, outcomes: {} })
  })

  it('where the clock of the isolate that took its submit was an hour behind', async () => {
    const object = ledger(302)
    backends.answer((call) => shows(named(call), 'in_progress'))
    await object.flush({ submitted: [entry('behind', { submittedAt: T0 - 3_600_000 })], seen: [] })
    await wakes(object, 0, 10, 30, 55)
    expect((await counted(object, 'job')).requests).toBe(0)
    await wakes(object, 60)
    expect((await counted(object, 'job')).outcomes).toEqual({ job_timeout: 1 })
  })

  it('where its replica is configured no more, so that nobody can ask for it', async () => {
    const object = ledger(303)
    await object.flush({ submitted: [entry('moved', { replica: 1 })], seen: [] })
    await wakes(object, 10, 30, 60)
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: { not_observed: 1 } })
    expect(backends.calls).toEqual([])
  })

  it('where its backend says 429 to the ledger: it asks again, and in the end it has not seen', async () => {
    const object = ledger(304)
    backends.answer(() => new Response('{}', { status: 429 }))
    await object.flush({ submitted: entries(3, 'busy'), seen: [] })
    await wakes(object, 10, 30, 59, 60, 61, 90, 119)
    expect((await counted(object, 'job')).requests).toBe(0)
    await wakes(object, 121)
    expect(await counted(object, 'job')).toEqual({ requests: 3, outcomes: { not_observed: 3 } })
  })

  it('but is where its backend answers each poll after its deadline with 500', async () => {
    const object = ledger(305)
    backends.answer(() => new Response('{}', { status: 500 }))
    await object.flush({ submitted: entries(3, 'broken'), seen: [] })
    await wakes(object, 10, 30, 59, 60, 61)
    expect(await counted(object, 'job')).toEqual({ requests: 3, outcomes: { job_timeout: 3 } })
  })

  it('as slow where a flush that failed told of its end late', async () => {
    const object = ledger(306)
    const job = entry('told-late')
    await object.flush({ submitted: [job], seen: [] })
    const seen = [jobUpdate(job, 'ok', T0 + 5000)]
    vi.setSystemTime(T0 + 9000)
    await object.flush({ submitted: [], seen })
    const [row] = (await object.windows(0, T0 + 60_000)).filter(({ counters }) => counters.requests > 0)
    expect(quantile(row!.counters.sketches.latency!, 1)).toBeCloseTo(5, 1)
    // The window of its end may have been judged by now.
    expect(row!.startMs).toBe(T0 + 9000)
  })

  it('twice, or as lost, where the flush of its end failed and the ledger finds it by itself', async () => {
    const object = ledger(307)
    const job = entry('unflushed')
    backends.answer((call) => shows(named(call), 'completed'))
    await object.flush({ submitted: [job], seen: [] })
    await wakes(object, 10)
    await object.flush({ submitted: [job], seen: [jobUpdate(job, 'ok', T0 + 3000)] })
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: {} })
  })
})

describe('a candidate is not rolled back', () => {
  const epochNow = async () => (await view()).epoch

  it('by counts of an isolate with an old snapshot: they belong to the epoch that they were routed by', async () => {
    await act('start', { stage: 'canary-50' })
    const old = await epochNow()
    await act('rollback')
    await act('reset')
    await act('start', { stage: 'canary-50' })
    const epoch = await epochNow()
    for (let i = 0; i < 6; i++) {
      await shard().flush(batch(nextSeq(), 10, 10, { epoch: old }))
      await second(i, 0, epoch)
    }
    expect(await view()).toMatchObject({ state: 'canary', epoch })
  })

  it('by a window that was closed and judged before the rest of it came', async () => {
    await act('start', { stage: 'canary-50' })
    const epoch = await epochNow()
    for (let i = 0; i < 6; i++) {
      // What failed comes in time, what went well a window later: by then in the next one, with its own failures.
      vi.setSystemTime(T0 + i * 1000 + 500)
      await shard().flush(batch(nextSeq(), 1, 1, { epoch }))
      vi.setSystemTime(T0 + (i + 1) * 1000 + 200)
      await tick()
      await shard().flush(batch(nextSeq(), 29, 0, { epoch }))
      await shard().flush(batch(nextSeq(), 30, 0, { epoch, arm: 'control' }))
    }
    expect(await view()).toMatchObject({ state: 'canary', epoch })
  })

  it('by a shard that is evicted between flushes, or a batch that it has counted already', async () => {
    await act('start', { stage: 'canary-50' })
    const epoch = await epochNow()
    for (let i = 0; i < 6; i++) {
      const failed = batch(nextSeq(), 10, 1, { epoch })
      vi.setSystemTime(T0 + i * 1000 + 100)
      await shard().flush(failed)
      await evictDurableObject(shard())
      await shard().flush(failed)
      await second(i, 0, epoch)
    }
    expect(await view()).toMatchObject({ state: 'canary', epoch })
    const sums = await counted(shard(), 'submit')
    expect(sums.outcomes).toEqual({ http_5xx: 6 })
  })
})
