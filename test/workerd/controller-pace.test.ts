/** How often a running release is judged: seldom while nothing is counted, and at once again when something is. */
import { env } from 'cloudflare:workers'
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { expect, it, vi } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import type { Series } from '../../src/core/window.ts'
import type { CounterShard } from '../../src/durable/counter-shard.ts'
import type { ReleaseController } from '../../src/durable/release-controller.ts'
import { WindowStore } from '../../src/durable/window-store.ts'
import { ANNA, command, eachTestAnew, good, nextSeq, T0, WINDOW_MS } from '../support/workerd/controller-driver.ts'
import { batch, entry, jobUpdate, ledger } from '../support/workerd/objects.ts'

eachTestAnew()

/** A release with the default guardrails, a fast trip among them, and windows of a minute. */
const RELEASE = 'reviewed'
const bindings = env as unknown as Env

function objectOf<T>(namespace: DurableObjectNamespace, name: string): DurableObjectStub & T {
  return namespace.get(namespace.idFromName(name)) as unknown as DurableObjectStub & T
}

const controller = () => objectOf<ReleaseController>(bindings.CONTROLLER, RELEASE)
const shard = () => objectOf<CounterShard>(bindings.COUNTER_SHARD, `${RELEASE}|0`)

/** Unix ms. */
function alarm(): Promise<number> {
  return runInDurableObject(controller() as DurableObjectStub<never>, async (_, { storage }) => {
    return (await storage.getAlarm())!
  })
}

/** The next tick, at its time; ms until the one after it. */
async function pause(): Promise<number> {
  vi.setSystemTime(await alarm())
  await runDurableObjectAlarm(controller())
  return (await alarm()) - Date.now()
}

async function quiet(): Promise<void> {
  good(await controller().act(command('start', { stage: 'canary-5' }), ANNA))
  for (let ticks = 0; (await pause()) < 5000; ticks++) expect(ticks).toBeLessThan(4)
}

const failed = () => shard().flush(batch(nextSeq(), 20, 20, { stage: 'canary-5' }))

/** Calls by those that count go out beside what they answer. */
function called(): Promise<void> {
  return vi.waitFor(async () => expect((await alarm()) - Date.now()).toBeLessThan(1200))
}

it('a release is judged every five seconds while nothing is counted, and writes nothing but its alarm', async () => {
  await quiet()
  const written = await runInDurableObject(controller() as DurableObjectStub<never>, async (object, { storage }) => {
    const exec = vi.spyOn(storage.sql, 'exec')
    const setAlarm = vi.spyOn(storage, 'setAlarm')
    vi.setSystemTime((await storage.getAlarm())!)
    await (object as unknown as ReleaseController).alarm()
    const writes = exec.mock.calls.filter(([query]) => /^\s*(INSERT|UPDATE|DELETE)/.test(query))
    return [writes.length, setAlarm.mock.calls.length]
  })
  expect(written).toEqual([0, 1])
  expect(await pause()).toBe(5000)
})

it('failures that end the quiet are acted on within a second, as any others', async () => {
  await quiet()
  vi.setSystemTime(Date.now() + 2000)
  await failed()
  await called()
  await pause()
  expect(good(await controller().view())).toMatchObject({ state: 'rolled_back' })
})

it.each(['shard', 'controller'] as const)('an evicted %s sleeps through nothing', async (evicted) => {
  await quiet()
  await evictDurableObject(evicted === 'shard' ? shard() : controller())
  vi.setSystemTime(Date.now() + 2000)
  await failed()
  await called()
  await pause()
  expect(good(await controller().view())).toMatchObject({ state: 'rolled_back' })
})

it('ends of jobs end the quiet, too', async () => {
  await quiet()
  vi.setSystemTime(Date.now() + 2000)
  const job = entry('quiet', { stage: 'canary-5' })
  await ledger(0, RELEASE).flush({ submitted: [job], seen: [jobUpdate(job, 'job_failed')] })
  await called()
})

it('and so does a posted signal', async () => {
  await quiet()
  vi.setSystemTime(Date.now() + 2000)
  const signal = { row: 0, arm: 'candidate', metric: 'vbench', value: 1, atMs: null, id: null, epoch: null } as const
  await controller().addSignals([signal])
  await called()
})

it('whoever has something to tell calls the controller once after it had nothing, and never while it is asked often', async () => {
  await runInDurableObject(ledger(230) as DurableObjectStub<never>, async (_, { storage }) => {
    let calls = 0
    let isReached = true
    const store = new WindowStore(storage.sql, WINDOW_MS, async () => {
      calls++
      if (!isReached) throw new Error('not now')
    })
    const recent = { epoch: 1, operations: ['submit'] as const, cutsMs: [T0 - 10_000] }
    const asked = (callBack: boolean) => store.report({ fromMs: T0, toMs: T0, recent, callBack })
    const counted = async (over: Partial<Series> = {}) => {
      const before = calls
      store.add(batch(0, 1, 0, over).rows, Date.now())
      await Promise.resolve()
      return calls - before
    }
    // A new object does not know what was promised.
    expect([await counted(), await counted()]).toEqual([1, 0])
    asked(true)
    expect(await counted()).toBe(0)
    vi.setSystemTime(T0 + 60_000)
    recent.cutsMs = [T0 + 50_000]
    asked(false)
    expect(await counted()).toBe(0)
    vi.setSystemTime(T0 + 120_000)
    recent.cutsMs = [T0 + 110_000]
    asked(true)
    expect(await counted({ operation: 'poll' })).toBe(0)
    expect(await counted({ epoch: 0 })).toBe(0)
    isReached = false
    expect(await counted({ epoch: 2 })).toBe(1)
    isReached = true
    expect([await counted(), await counted()]).toEqual([1, 0])
  })
})
