/**
 * The model of costs against a real run: one isolate of the whole data plane over the real objects, with a known number of
 * submits, polls, downloads, copies and ticks a second; calls and rows are counted where they happen.
 */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { capacityOf, type Load, MONTH_SECONDS } from '../../src/core/capacity.ts'
import { copyPolls, copyRows } from '../../src/core/polls-a-job.ts'
import { ROWS } from '../../src/core/object-work.ts'
import type { Objects } from '../../src/gateway/deps.ts'
import { act } from '../support/workerd/controller-driver.ts'
import { DataPlane, inStillTime, REAL_OBJECTS, releaseTable, T0 } from '../support/workerd/data-plane.ts'
import { controller, copying, entry, ledger, RELEASE, sentCopy, shard } from '../support/workerd/objects.ts'
import { meter } from '../support/workerd/meter.ts'

inStillTime()

/** How far a count may be from the model, relative. */
const TOLERANCE = 0.15
const STEP_MS = 250
const TURNS = 25
const JOB_SECONDS = 12
const POLL_SECONDS = 2
/** Until as many jobs begin as end. */
const WARM_SECONDS = 13
const SECONDS = 8

const LOAD: Load = {
  submitsPerSecond: 4,
  jobSeconds: JOB_SECONDS,
  pollSeconds: POLL_SECONDS,
  isolates: 1,
  isolatesAClient: 1,
  counterShards: 1,
  ledgerShards: 1,
  candidateShare: 0.5,
  shadowShare: 0,
  newSubjectShare: 1,
  windowSeconds: 1,
  tickSeconds: 0.5,
  quietAfterSeconds: 10,
  cpuMs: 1,
}

/** What was counted from one moment on. */
interface Counts {
  calls: Record<string, number>
  rowsWritten: number
  rowsRead: number
}

/** The real objects, each call of a method by the gateway counted. */
function countedObjects(calls: Record<string, number>): Objects {
  const counting = <T extends object>(kind: string, stub: T): T =>
    new Proxy(stub, {
      get: (target, method) => {
        return (...given: unknown[]) => {
          const name = `${kind}.${String(method)}`
          calls[name] = (calls[name] ?? 0) + 1
          // Of a stub even `apply` would be taken for a method of the object.
          return (target as Record<PropertyKey, (...given: unknown[]) => unknown>)[method]!(...given)
        }
      },
    })
  return {
    controller: (...of) => counting('controller', REAL_OBJECTS.controller(...of)),
    shard: (...of) => counting('shard', REAL_OBJECTS.shard(...of)),
    ledger: (...of) => counting('ledger', REAL_OBJECTS.ledger(...of)),
  }
}

/** Fires the alarm where it is due by now. */
async function fireDue(object: DurableObjectStub): Promise<number> {
  const at = await runInDurableObject(object, (_, { storage }) => storage.getAlarm())
  return at !== null && at <= Date.now() && (await runDurableObjectAlarm(object)) ? 1 : 0
}

async function run({ submitsPerSecond }: Load): Promise<Counts> {
  const calls: Record<string, number> = {}
  let made = 0
  const madeAt = new Map<string, number>()
  const plane = new DataPlane(
    { RELEASE_OBJECTS: releaseTable(RELEASE, { window_seconds: 1, quiet_after: '10s' }) },
    ({ method, url }) => {
      if (url.pathname.endsWith('/content')) return new Response('video', { headers: { 'content-type': 'video/mp4' } })
      const id = method === 'POST' ? `video-${++made}` : url.pathname.split('/').at(-1)!
      if (method === 'POST') madeAt.set(id, Date.now())
      const isDone = Date.now() - madeAt.get(id)! >= JOB_SECONDS * 1000
      return Response.json({ id, object: 'video', status: isDone ? 'completed' : 'in_progress' })
    },
    countedObjects(calls),
  )
  plane.isSlowToFlush = true
  plane.sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  await act('start', { stage: 'canary-50' })
  const meters = await Promise.all([controller(), shard(), ledger()].map(meter))
  /** What clients do next, by when. */
  const due: { at: number; work: () => Promise<void> }[] = []
  let submits = 0
  const job = (as: string, id: string, at: number) => {
    due.push({
      at,
      work: async () => {
        const reply = await plane.send('GET', `/v1/videos/${id}`, { as })
        if (!reply.text.includes('completed')) return job(as, id, at + POLL_SECONDS * 1000)
        const video = await plane.request('GET', `/v1/videos/${id}/content`, { headers: { 'x-user-id': as } })
        expect(video.status).toBe(200)
      },
    })
  }
  const submit = async () => {
    const as = `user-${submits++}`
    const reply = await plane.send('POST', '/v1/videos', { as, body: { prompt: 'a red fox' } })
    expect(reply.status).toBe(200)
    job(as, reply.id, Date.now() + POLL_SECONDS * 1000)
  }
  const count = (name: string, n: number) => void (calls[name] = (calls[name] ?? 0) + n)
  const until = WARM_SECONDS + SECONDS
  for (let ms = 0; ms < until * 1000; ms += STEP_MS) {
    if (ms === WARM_SECONDS * 1000) {
      for (const name of Object.keys(calls)) delete calls[name]
      for (const read of meters) await read()
    }
    if (ms % (1000 / submitsPerSecond) === 0) due.push({ at: T0 + ms, work: submit })
    const now = Date.now()
    for (let i = due.length - 1; i >= 0; i--) if (due[i]!.at <= now) await due.splice(i, 1)[0]!.work()
    for (let turn = 0; turn < TURNS; turn++) await scheduler.wait(0)
    count('controller.alarm', await fireDue(controller()))
    count('ledger.alarm', await fireDue(ledger()))
    await vi.advanceTimersByTimeAsync(STEP_MS)
  }
  const rows = await Promise.all(meters.map((read) => read()))
  // A tick asks each shard and ledger once.
  count('shard.report', calls['controller.alarm']!)
  count('ledger.report', calls['controller.alarm']!)
  const sum = (of: 'written' | 'read') => rows.reduce((all, each) => all + each[of], 0)
  return { calls, rowsWritten: sum('written'), rowsRead: sum('read') }
}

/** As a share of what the model says. */
function shareOf(counted: number, modelled: number): number {
  expect(modelled).toBeGreaterThan(0)
  return counted / modelled
}

function expectNear(share: number): void {
  expect(share).toBeGreaterThan(1 - TOLERANCE)
  expect(share).toBeLessThan(1 + TOLERANCE)
}

it('says what a steady canary calls and writes', async () => {
  const { calls, rowsWritten, rowsRead } = await run(LOAD)
  const { month, perSecond } = capacityOf(LOAD)
  const inRun = (aMonth: number) => (aMonth / MONTH_SECONDS) * SECONDS
  expect(Math.abs(calls['shard.flush']! - perSecond.flushes * SECONDS)).toBeLessThanOrEqual(1)
  expect(Math.abs(calls['ledger.flush']! - perSecond.ledgerCalls * SECONDS)).toBeLessThanOrEqual(1)
  const all = Object.values(calls).reduce((sum, n) => sum + n, 0)
  expectNear(shareOf(all, inRun(month.objectRequests)))
  // Jobs of the run are not forgotten yet: a row each that is written eight days later.
  expectNear(shareOf(rowsWritten + LOAD.submitsPerSecond * SECONDS, inRun(month.rowsWritten)))
  expectNear(shareOf(rowsRead, inRun(month.rowsRead)))
})

/** Copies that a ledger learns from, and those that are counted then. */
const [LEARNT_FROM, COUNTED] = [36, 48]

describe.each([60, 5])('a copy whose job takes %i s on average', (meanSeconds) => {
  it('is polled, and writes, as the model says, and tells its latency to a quarter at most', async () => {
    const object = ledger(meanSeconds)
    const begunAt = new Map<string, number>()
    const secondsOf = (id: string) => meanSeconds * (0.6 + (0.8 * (Number(id.split('-')[1]) % 12)) / 11)
    const polls: string[] = []
    void new DataPlane({}, ({ url }) => {
      if (url.pathname.endsWith('/content'))
        return new Response('v', { status: 206, headers: { 'content-type': 'video/mp4' } })
      const id = url.pathname.split('/').at(-1)!
      polls.push(id)
      const isDone = Date.now() - begunAt.get(id)! >= secondsOf(id) * 1000
      return Response.json({ id, object: 'video', status: isDone ? 'completed' : 'in_progress' })
    })
    const run = async (seq: number, n: number) => {
      const from = Date.now()
      const sent = Array.from({ length: n }, (_, i) => {
        const upstreamId = `copy-${i}-${seq}`
        begunAt.set(upstreamId, from)
        const control = entry(`${i}-${seq}`, { arm: 'control', clientId: upstreamId })
        return sentCopy(control, { upstreamId, replica: entry('').replica })
      })
      const caps = { maxInFlight: 1000, maxJobsPerDay: 1000, jobTimeoutMs: 600_000 }
      await copying(object, { source: 'isolate', seq, caps, sent })
      for (let wakes = 0; ; wakes++) {
        const at = await runInDurableObject(object, (_, { storage }) => storage.getAlarm())
        if (at === null) return wakes
        vi.setSystemTime(Math.max(at, Date.now()))
        await runDurableObjectAlarm(object)
      }
    }
    const latencies = async () => {
      const counted = (await object.totals()).map(({ counters }) => counters.sketches.latency?.count ?? 0)
      return counted.reduce((sum, n) => sum + n, 0)
    }
    await object.flush({ submitted: [], seen: [] })
    await run(1, LEARNT_FROM)
    const before = await latencies()
    polls.length = 0
    const read = await meter(object)
    const wakes = await run(2, COUNTED)
    const { written } = await read()
    const { funnel } = await object.report({ fromMs: 0, toMs: 0, overdue: null })
    expect(funnel).toMatchObject({ admitted: LEARNT_FROM + COUNTED, finished: LEARNT_FROM + COUNTED })
    expectNear(shareOf(polls.length / COUNTED, copyPolls(meanSeconds)))
    expectNear(shareOf(written - 2 * wakes, COUNTED * copyRows(meanSeconds) + wakes * ROWS.copyEnds))
    const { items } = await object.jobs({}, null, COUNTED)
    const shares = items.map(({ id, seconds }) => seconds! / secondsOf(id))
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(1)
    expect(Math.max(...shares)).toBeLessThan(1.25)
    // A latency that is known no better than to a quarter is not counted.
    expect((await latencies()) - before).toBeGreaterThan(0.95 * COUNTED)
  })
})
