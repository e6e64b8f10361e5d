/**
 * The job ledger by itself: a job's end is counted once whoever sees it, and an alarm on a cold object works on what was
 * stored.
 */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { counted, entry, ledger, jobUpdate } from '../support/workerd/objects.ts'
import { backendsOfEachTest, shows, T0 } from '../support/workerd/stub-backends.ts'

const backends = backendsOfEachTest()

describe("a job's end", () => {
  it('is counted once under twenty updates, by several isolates, over evictions', async () => {
    const object = ledger(1)
    const job = entry('once')
    await object.flush({ submitted: [job], seen: [jobUpdate(job, null)] })
    for (let i = 0; i < 20; i++) {
      if (i % 5 === 4) await evictDurableObject(object)
      await object.flush({ submitted: i % 3 ? [] : [job], seen: [jobUpdate(job, 'job_failed'), jobUpdate(job, 'ok')] })
    }
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: { job_failed: 1 } })
  })

  it('is counted under the stage and epoch of its submit, whatever they have become', async () => {
    const object = ledger(2)
    const job = entry('old-epoch', { epoch: 3, stage: 'canary-5' })
    await object.flush({ submitted: [job], seen: [] })
    await object.flush({ submitted: [], seen: [jobUpdate(job, 'ok')] })
    expect((await object.totals()).map(({ series }) => series)).toMatchObject([{ stage: 'canary-5' }])
    expect((await object.windows(0, T0 + 60_000)).map(({ series }) => series.epoch)).toEqual([3])
  })

  it('counts for a job whose entry was lost with its isolate: the id says all that is needed', async () => {
    const object = ledger(3)
    const job = entry('lost-entry')
    await object.flush({ submitted: [], seen: [jobUpdate(job, 'job_failed')] })
    await object.flush({ submitted: [job], seen: [] })
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: { job_failed: 1 } })
    expect((await object.jobs({}, null, 10)).items).toMatchObject([{ id: job.clientId, status: 'failed' }])
  })

  it('is not told apart by a batch that is replayed ten times', async () => {
    const object = ledger(4)
    const jobs = ['a', 'b', 'c'].map((name) => entry(name))
    const batch = { submitted: jobs, seen: jobs.map((job) => jobUpdate(job, 'ok')) }
    for (let i = 0; i < 10; i++) await object.flush(batch)
    expect((await counted(object, 'job')).requests).toBe(3)
    expect((await object.jobs({}, null, 10)).items).toHaveLength(3)
  })
})

describe('a job whose client has gone quiet', () => {
  it('is looked at by the alarm of a cold object, and its end is counted', async () => {
    const object = ledger(10)
    const job = entry('quiet')
    await object.flush({ submitted: [job], seen: [] })
    await evictDurableObject(object)
    vi.setSystemTime(T0 + 10_000)
    backends.answer(() => shows('video-quiet', 'failed', { error: { message: 'CUDA out of memory' } }))
    expect(await runDurableObjectAlarm(object)).toBe(true)
    expect(backends.calls[0]!.url).toBe('http://candidate.test/v1/videos/video-quiet')
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: { job_failed: 1 } })
    await evictDurableObject(object)
    expect((await object.jobs({}, null, 10)).items).toMatchObject([{ status: 'failed', outcome: 'job_failed' }])
  })

  it('is left alone while its client polls', async () => {
    const object = ledger(11)
    const job = entry('polled')
    await object.flush({ submitted: [job], seen: [] })
    vi.setSystemTime(T0 + 9_000)
    await object.flush({ submitted: [], seen: [jobUpdate(job, null)] })
    vi.setSystemTime(T0 + 18_999)
    await runDurableObjectAlarm(object)
    expect(backends.calls).toEqual([])
    vi.setSystemTime(T0 + 19_000)
    await runDurableObjectAlarm(object)
    expect(backends.calls).toHaveLength(1)
  })

  it('stays open, with an alarm set, while its backend can not be asked, and times out in the end', async () => {
    const object = ledger(12)
    await object.flush({ submitted: [entry('unreachable')], seen: [] })
    backends.answer(() => Promise.reject(new Error('connection refused')))
    for (const at of [10_000, 30_000, 59_000]) {
      vi.setSystemTime(T0 + at)
      await evictDurableObject(object)
      expect(await runDurableObjectAlarm(object)).toBe(true)
      expect((await object.jobs({}, null, 10)).items).toMatchObject([{ status: 'open' }])
    }
    vi.setSystemTime(T0 + 60_000)
    expect(await runDurableObjectAlarm(object)).toBe(true)
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: { job_timeout: 1 } })
    expect(await runDurableObjectAlarm(object)).toBe(false)
  })

  it("that its backend no longer knows is lost, which is the arm's error", async () => {
    const object = ledger(13)
    await object.flush({ submitted: [entry('gone', { arm: 'control' })], seen: [] })
    vi.setSystemTime(T0 + 10_000)
    await runDurableObjectAlarm(object)
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: { job_lost: 1 } })
  })
})

describe('what the ledger has forgotten', () => {
  it('is not counted anew by a poll of a job older than it keeps', async () => {
    const object = ledger(50)
    const job = entry('ancient', { submittedAt: T0 - 9 * 86_400_000 })
    for (let i = 0; i < 3; i++) await object.flush({ submitted: [], seen: [jobUpdate(job, 'job_failed')] })
    expect((await counted(object, 'job')).requests).toBe(0)
  })
})

it('old jobs are forgotten by five hundred a wake, and the alarm comes again until none is left', async () => {
  const object = ledger(51)
  const ended = Array.from({ length: 1200 }, (_, i) => entry(`old-${i}`))
  await object.flush({ submitted: ended, seen: ended.map((job) => jobUpdate(job, 'ok')) })
  const now = entry('now', { submittedAt: T0 + 9 * 86_400_000 })
  vi.setSystemTime(now.submittedAt)
  await object.flush({ submitted: [now], seen: [] })
  vi.setSystemTime(now.submittedAt + 10_000)
  backends.answer(() => shows('video-now', 'in_progress'))
  const left = () =>
    runInDurableObject(
      object as unknown as DurableObjectStub<never>,
      (_, { storage }) => storage.sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM jobs').one().n,
    )
  const counts = []
  for (let i = 0; i < 3; i++) {
    await runDurableObjectAlarm(object)
    counts.push(await left())
  }
  expect(counts).toEqual([701, 201, 1])
})
