/** Closed windows in Workers Analytics Engine: by the real binding, of which the test sees each point as it is written. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import { dataPoint, writeAnalytics } from '../../src/durable/controller/analytics.ts'
import { releaseConfigOf } from '../../src/durable/stubs.ts'
import { act, eachTestAnew, nextSeq, second, T0, tick, view, WINDOW_MS } from '../support/workerd/controller-driver.ts'
import { batch, controller, entry, jobUpdate, ledger, RELEASE, shard } from '../support/workerd/objects.ts'
import { waitFor } from '../support/wait-for.ts'

const bindings = env as unknown as Env & { ANALYTICS_FOR_TEST: AnalyticsEngineDataset }
const release = releaseConfigOf(bindings, RELEASE)!

eachTestAnew()

interface Point {
  indexes: string[]
  blobs: string[]
  doubles: number[]
}

/** Of the binding's class: the objects have a binding of their own. */
const watched = () =>
  vi.spyOn(Object.getPrototypeOf(bindings.ANALYTICS_FOR_TEST) as AnalyticsEngineDataset, 'writeDataPoint')
let written: ReturnType<typeof watched>

/** The controller's own environment, with the binding or without. */
async function bind(isBound: boolean): Promise<void> {
  await runInDurableObject(controller() as DurableObjectStub<never>, (instance) => {
    const { env: own } = instance as unknown as { env: typeof bindings }
    if (isBound) own.ANALYTICS = own.ANALYTICS_FOR_TEST
    else delete own.ANALYTICS
  })
}

beforeEach(async () => {
  written = watched()
  await bind(true)
})
afterEach(async () => {
  await bind(false)
  written.mockRestore()
})

/** What was written so far, taken out, in the order of its fields. */
async function points(least: number): Promise<Point[]> {
  await waitFor(() => expect(written.mock.calls.length).toBeGreaterThanOrEqual(least))
  return written.mock.calls.splice(0).map(([point]) => point as unknown as Point)
}

const startsOf = (its: readonly Point[]) => [
  ...new Set(its.map(({ doubles }) => (doubles[0]! * 1000 - T0) / WINDOW_MS)),
]

it('each closed window is written once, a point for each stage, arm and operation', async () => {
  await act('start', { stage: 'canary-50' })
  const job = entry('a', { submittedAt: T0 + WINDOW_MS })
  vi.setSystemTime(T0 + 1500)
  await ledger().flush({ submitted: [job], seen: [jobUpdate(job, 'job_failed', T0 + 1500)] })
  await second(1, 4)
  const first = await points(3)
  expect(first.map(({ indexes, blobs }) => [...indexes, ...blobs].join()).sort()).toEqual([
    `${RELEASE},${RELEASE},canary-50,candidate,job,served`,
    `${RELEASE},${RELEASE},canary-50,candidate,submit,served`,
    `${RELEASE},${RELEASE},canary-50,control,submit,served`,
  ])
  const ofCandidate = first.find(({ blobs }) => blobs[2] === 'candidate' && blobs[3] === 'submit')!
  const [start, seconds, requests, judged, errors, p50, p95, p99, longest, http5xx, ...others] = ofCandidate.doubles
  expect([start, seconds, requests, judged, errors, http5xx]).toEqual([T0 / 1000 + 1, 1, 10, 10, 4, 4])
  expect([p50, p95, p99, longest]).toEqual([
    expect.closeTo(0.14, 2),
    expect.closeTo(0.18, 2),
    expect.closeTo(0.18, 2),
    expect.closeTo(0.19, 2),
  ])
  expect(others).toEqual([0, 0, 0, 0, 0, 0, 0])
  const failed = first.find(({ blobs }) => blobs[3] === 'job')!
  expect(failed.doubles.slice(2, 5)).toEqual([1, 1, 1])

  await tick()
  await second(2, 0)
  await tick()
  expect(startsOf(await points(2))).toEqual([2])
})

it('the shards of a release make one point, and copies are apart from what is served', async () => {
  await act('start', { stage: 'canary-50' })
  vi.setSystemTime(T0 + 1500)
  await shard().flush(batch(nextSeq(), 10, 1, { shadow: true }))
  await shard().flush(batch(nextSeq(), 5, 1, { epoch: 0 }))
  await second(1, 2)
  const its = (await points(3)).filter(({ blobs }) => blobs[2] === 'candidate')
  expect(its.map(({ blobs, doubles }) => [blobs[4], doubles[2], doubles[4]].join()).sort()).toEqual([
    'served,15,3',
    'shadow,10,1',
  ])
})

it('a window in which the stage changed is written too, and those that drain after a rollback', async () => {
  await act('start', { stage: 'canary-5' })
  await second(1, 0)
  await points(2)
  vi.setSystemTime(T0 + 2300)
  await act('advance', { force: true })
  await second(2, 0)
  expect(startsOf(await points(2))).toEqual([2])
  vi.setSystemTime(T0 + 3500)
  await shard().flush(batch(nextSeq(), 10, 9))
  await act('rollback')
  vi.setSystemTime(T0 + 4200)
  await tick()
  expect(startsOf(await points(1))).toEqual([3])
})

it('no invocation writes more than 250 points, and the rest follows', async () => {
  await act('start', { stage: 'canary-50' })
  await second(0, 0)
  await points(1)
  for (let i = 1; i <= 5; i++) {
    vi.setSystemTime(T0 + i * WINDOW_MS + 500)
    const stages = Array.from({ length: 60 }, (_, stage) => batch(nextSeq(), 1, 0, { stage: `canary-${stage}` }))
    await shard().flush({ ...stages.at(-1)!, rows: stages.flatMap(({ rows }) => rows) })
  }
  vi.setSystemTime(T0 + 6 * WINDOW_MS + 200)
  await tick()
  const most = await points(240)
  expect([most.length, startsOf(most)]).toEqual([240, [1, 2, 3, 4]])
  await tick()
  const rest = await points(60)
  expect([rest.length, startsOf(rest)]).toEqual([60, [5]])
})

it('a binding that refuses every point changes nothing of what the controller does', async () => {
  const told = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  written.mockImplementation(() => {
    throw new Error('no more points')
  })
  await act('start', { stage: 'canary-50' })
  for (const i of [1, 2, 3]) await second(i, 9)
  expect(await view()).toMatchObject({ state: 'rolled_back', percent: 0 })
  await waitFor(() => expect(told.mock.calls.join('\n')).toMatch(/"step":"analytics","error":"Error: no more points"/))
  told.mockRestore()
})

it('an index is no longer than the platform takes, and the whole name stands beside it', () => {
  const row = batch(1, 1).rows[0]!
  for (const name of ['a'.repeat(96), 'a'.repeat(100), '视'.repeat(100), `a${'视'.repeat(99)}`]) {
    const { indexes, blobs } = dataPoint({ ...release, name }, { startMs: T0, ...row })
    expect(new TextEncoder().encode(indexes[0]).length).toBeLessThanOrEqual(96)
    expect(blobs[0]).toBe(name)
  }
})

it('without the binding nothing is written or stored, and no counter is asked for', async () => {
  await bind(false)
  await act('start', { stage: 'canary-50' })
  for (const i of [1, 2]) await second(i, 0)
  expect(written.mock.calls).toEqual([])
  await runInDurableObject(controller() as DurableObjectStub<never>, async (_, { storage }) => {
    // Without the other bindings too: whatever it asked would fail.
    await writeAnalytics({ env: {} as Env, storage }, release)
    expect([...storage.kv.list()]).toEqual([])
  })
})
