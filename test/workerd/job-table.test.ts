/** What the ledger's job table reads and keeps count of, however many jobs are open. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { jobViews } from '../../src/durable/ledger/job-queries.ts'
import { JobTable } from '../../src/durable/ledger/job-table.ts'
import { ASKED_FOR, markOverdue } from '../../src/durable/ledger/overdue-jobs.ts'
import { WindowStore } from '../../src/durable/window-store.ts'
import { entry, ledger, jobUpdate } from '../support/workerd/objects.ts'

const T0 = 1_900_000_000_000
const OPEN = 3000

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: T0 }))
afterEach(() => void vi.useRealTimers())

/** The same storage, and how many rows were read from it. */
function watched(storage: SqlStorage): { sql: SqlStorage; rowsRead: () => number } {
  let read = 0
  const exec = (query: string, ...values: unknown[]) => {
    const cursor = storage.exec(query, ...values)
    const rows = cursor.toArray()
    read += cursor.rowsRead
    return Object.assign(rows, { one: () => rows[0], toArray: () => rows, rowsWritten: cursor.rowsWritten })
  }
  return { sql: { exec } as unknown as SqlStorage, rowsRead: () => read }
}

it('a tick reads as little of thousands of open jobs as of none', async () => {
  await runInDurableObject(ledger(220) as DurableObjectStub<never>, (_, { storage }) => {
    const { sql, rowsRead } = watched(storage.sql)
    const windows = new WindowStore(sql, 1000, async () => undefined)
    const jobs = new JobTable(sql, windows)
    for (let i = 0; i < OPEN; i++) {
      jobs.add(entry(`job-${i}`, { submittedAt: T0 + i }), { poll_at: T0 + 60_000 + i })
      jobs.add(entry(`control-${i}`, { arm: 'control', submittedAt: T0 + i }), { poll_at: T0 + 60_000 + i })
    }
    const before = rowsRead()
    expect(jobs.open()).toEqual({ candidate: OPEN, oldestCandidateAt: T0, shadow: 0 })
    const overdue = { epoch: 1, sinceMs: T0, shadow: false, seconds: 600, perClipSeconds: null }
    markOverdue(sql, windows, overdue, T0 + 60_000)
    jobs.forget(T0 - 1000, 500)
    expect(jobs.polls.due({ arm: 'candidate', shadow: false }, T0 + 50_000, 24, { replicas: [], ids: [] })).toEqual([])
    expect(rowsRead() - before).toBeLessThan(20)
  })
})

it("a page of the candidate's open jobs reads none of those that have ended", async () => {
  await runInDurableObject(ledger(224) as DurableObjectStub<never>, (_, { storage }) => {
    const { sql, rowsRead } = watched(storage.sql)
    const jobs = new JobTable(sql, new WindowStore(sql, 1000, async () => undefined))
    for (let i = 0; i < OPEN; i++) jobs.add(entry(`job-${i}`, { submittedAt: T0 + i }))
    sql.exec("UPDATE jobs SET status = 'succeeded' WHERE client_id NOT IN ('slc_job-0_slc', 'slc_job-9_slc')")
    const before = rowsRead()
    const open = { arm: 'candidate', status: 'open' } as const
    const { items, next } = jobViews(sql, open, null, 1)
    const after = jobViews(sql, open, next, 1)
    expect([...items, ...after.items].map(({ id }) => id)).toEqual(['slc_job-9_slc', 'slc_job-0_slc'])
    expect(jobViews(sql, { ...open, shadow: true }, null, 10).items).toEqual([])
    expect(rowsRead() - before).toBeLessThan(20)
  })
})

it('jobs of earlier epochs that are open beyond the age of slow ones are not read anew by each tick', async () => {
  await runInDurableObject(ledger(222) as DurableObjectStub<never>, (_, { storage }) => {
    const { sql, rowsRead } = watched(storage.sql)
    const windows = new WindowStore(sql, 1000, async () => undefined)
    const jobs = new JobTable(sql, windows)
    for (let i = 0; i < OPEN; i++) jobs.add(entry(`old-${i}`, { submittedAt: T0 - 300_000 + i }))
    for (let i = 0; i < 3; i++) jobs.add(entry(`slow-${i}`, { epoch: 2, submittedAt: T0 + i }))
    const before = rowsRead()
    const overdue = { epoch: 2, sinceMs: T0, shadow: false, seconds: 20, perClipSeconds: null }
    markOverdue(sql, windows, overdue, T0 + 60_000)
    expect(rowsRead() - before).toBeLessThan(20)
    const asked = [...sql.exec('SELECT epoch, overdue FROM jobs WHERE overdue > 0')]
    expect(asked).toEqual(Array.from({ length: 3 }, () => ({ epoch: 2, overdue: ASKED_FOR })))
  })
})

it('open jobs are counted as they come and go as a cold object counts them', async () => {
  const object = ledger(221)
  const jobs = Array.from({ length: 30 }, (_, i) =>
    entry(`job-${i}`, { arm: i % 3 === 0 ? 'control' : 'candidate', submittedAt: T0 + i }),
  )
  await object.flush({ submitted: jobs, seen: [] })
  await object.flush({ submitted: jobs, seen: jobs.slice(0, 8).map((job) => jobUpdate(job, 'ok')) })
  await object.flush({ submitted: [], seen: jobs.slice(0, 8).map((job) => jobUpdate(job, 'cancelled')) })
  const open = async () => (await object.report({ fromMs: 0, toMs: 0, overdue: null })).open
  const counted = await open()
  expect(counted).toEqual({ candidate: 15, oldestCandidateAt: T0 + 8, shadow: 0 })
  await evictDurableObject(object)
  expect(await open()).toEqual(counted)
})

it('each window holds the jobs that were taken up in it beside those that ended, once, in either order', async () => {
  const object = ledger(222)
  const jobs = Array.from({ length: 5 }, (_, i) => entry(`job-${i}`, { submittedAt: T0 + i }))
  const untold = entry('untold', { submittedAt: T0 + 9 })
  await object.flush({ submitted: jobs, seen: [jobUpdate(jobs[0]!, 'job_failed')] })
  await object.flush({ submitted: jobs, seen: [] })
  vi.setSystemTime(T0 + 60_000)
  await object.flush({ submitted: [], seen: [jobUpdate(jobs[1]!, 'ok'), jobUpdate(untold, 'ok')] })
  await evictDurableObject(object)
  const windows = await object.windows(0, T0 + 120_000)
  const counted = windows.map(({ startMs, counters: { requests, submitted } }) => [startMs - T0, requests, submitted])
  expect(counted).toEqual([
    [0, 1, 5],
    [60_000, 2, 1],
  ])
})

it('a failure is told apart by how many windows ago its job was submitted, rounded up to a power of two', async () => {
  const object = ledger(223)
  const jobs = Array.from({ length: 4 }, (_, i) => entry(`job-${i}`, { owner: `user-${i}`, submittedAt: T0 }))
  await object.flush({ submitted: jobs, seen: [jobUpdate(jobs[0]!, 'job_failed')] })
  vi.setSystemTime(T0 + 5000)
  const seen = [jobUpdate(jobs[1]!, 'job_timeout'), jobUpdate(jobs[2]!, 'ok'), jobUpdate(jobs[3]!, 'content_refused')]
  await object.flush({ submitted: [], seen })
  const windows = await object.windows(0, T0 + 600_000)
  expect(windows.map(({ counters }) => counters.late)).toEqual([undefined, { 8: 1 }])
})
