/**
 * The job ledger by itself: a job's end is counted once whoever sees it, an alarm on a cold object works on what was
 * stored, and keys, caps and rescues hold across evictions. Backends answer by a stubbed fetch; time stands still.
 */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { counted, entry, ledger, sighting } from '../support/workerd/objects.ts'

/** Far ahead, so that no alarm goes off by itself. */
const T0 = 1_900_000_000_000

interface Call {
  method: string
  url: string
  body: string
}

/** Answers for both backends; a call is what can be looked at outside the object that made it. */
let backend = vi.fn<(call: Call) => Response | Promise<Response>>()

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: T0 })
  backend = vi.fn(() => new Response('{}', { status: 404 }))
  // Its timer would hold the object up for ten seconds when it is evicted.
  vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => new AbortController().signal)
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input as string, init)
    return backend({ method: request.method, url: request.url, body: await request.text() })
  })
})

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

function shows(status: string, more: object = {}): Response {
  return Response.json({ id: 'video-x', object: 'video', status, ...more })
}

describe("a job's end", () => {
  it('is counted once under twenty sightings, by several isolates, over evictions', async () => {
    const object = ledger(1)
    const job = entry('once')
    await object.flush({ submitted: [job], seen: [sighting(job, null)] })
    for (let i = 0; i < 20; i++) {
      if (i % 5 === 4) await evictDurableObject(object)
      await object.flush({ submitted: i % 3 ? [] : [job], seen: [sighting(job, 'job_failed'), sighting(job, 'ok')] })
    }
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: { job_failed: 1 } })
  })

  it('is counted under the stage and epoch of its submit, whatever they have become', async () => {
    const object = ledger(2)
    const job = entry('old-epoch', { epoch: 3, stage: 'canary-5' })
    await object.flush({ submitted: [job], seen: [] })
    await object.flush({ submitted: [], seen: [sighting(job, 'ok')] })
    expect((await object.totals()).map(({ series }) => series)).toMatchObject([{ stage: 'canary-5' }])
    expect((await object.windows(0, T0 + 60_000)).map(({ series }) => series.epoch)).toEqual([3])
  })

  it('counts for a job whose entry was lost with its isolate: the id says all that is needed', async () => {
    const object = ledger(3)
    const job = entry('lost-entry')
    await object.flush({ submitted: [], seen: [sighting(job, 'job_failed')] })
    await object.flush({ submitted: [job], seen: [] })
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: { job_failed: 1 } })
    expect((await object.jobs({}, null, 10)).items).toMatchObject([{ id: job.clientId, status: 'failed' }])
  })

  it('is not told apart by a batch that is replayed ten times', async () => {
    const object = ledger(4)
    const jobs = ['a', 'b', 'c'].map((name) => entry(name))
    const batch = { submitted: jobs, seen: jobs.map((job) => sighting(job, 'ok')) }
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
    backend.mockImplementation(() => shows('failed', { error: { message: 'CUDA out of memory' } }))
    expect(await runDurableObjectAlarm(object)).toBe(true)
    expect(backend.mock.calls[0]![0].url).toBe('http://candidate.test/v1/videos/video-quiet')
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: { job_failed: 1 } })
    await evictDurableObject(object)
    expect((await object.jobs({}, null, 10)).items).toMatchObject([{ status: 'failed', outcome: 'job_failed' }])
  })

  it('is left alone while its client polls', async () => {
    const object = ledger(11)
    const job = entry('polled')
    await object.flush({ submitted: [job], seen: [] })
    vi.setSystemTime(T0 + 9_000)
    await object.flush({ submitted: [], seen: [sighting(job, null)] })
    vi.setSystemTime(T0 + 18_999)
    await runDurableObjectAlarm(object)
    expect(backend).not.toHaveBeenCalled()
    vi.setSystemTime(T0 + 19_000)
    await runDurableObjectAlarm(object)
    expect(backend).toHaveBeenCalledOnce()
  })

  it('stays open, with an alarm set, while its backend can not be asked, and times out in the end', async () => {
    const object = ledger(12)
    await object.flush({ submitted: [entry('unreachable')], seen: [] })
    backend.mockImplementation(() => Promise.reject(new Error('connection refused')))
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

describe('a rescue', () => {
  const rescue = {
    bytes: new TextEncoder().encode('{"prompt":"a fox"}'),
    contentType: 'application/json',
    path: '/v1/videos',
  }

  it('submits to control once however many ask at the same time, and still knows of it when cold', async () => {
    const object = ledger(20)
    const job = entry('rescued', { rescue })
    backend.mockImplementation(async () => {
      await scheduler.wait(20)
      return shows('queued', { id: 'video-second' })
    })
    await object.flush({ submitted: [job], seen: [] })
    await evictDurableObject(object)
    await object.flush({ submitted: [], seen: [sighting(job, 'job_failed')] })
    const all = await Promise.all(Array.from({ length: 20 }, () => object.rescue(job, 1000)))
    expect(new Set(all.map((each) => JSON.stringify(each))).size).toBe(1)
    expect(all[0]).toMatchObject({ state: 'at_control', upstreamId: 'video-second' })
    expect(backend).toHaveBeenCalledOnce()
    expect(backend).toHaveBeenCalledWith({
      method: 'POST',
      url: 'http://control.test/v1/videos',
      body: '{"prompt":"a fox"}',
    })
    await evictDurableObject(object)
    expect(await object.rescue(job, 1000)).toMatchObject({ upstreamId: 'video-second' })
    expect(backend).toHaveBeenCalledOnce()
  })

  it('keeps the body no longer than until the job has ended well', async () => {
    const object = ledger(21)
    const job = entry('fine', { rescue })
    await object.flush({ submitted: [job], seen: [] })
    const kept = () =>
      runInDurableObject(object as DurableObjectStub<never>, (_, { storage }) =>
        storage.sql.exec('SELECT key FROM bodies').toArray(),
      )
    expect(await kept()).toHaveLength(1)
    await object.flush({ submitted: [], seen: [sighting(job, 'ok')] })
    expect(await kept()).toEqual([])
    expect(await object.rescue(job, 1000)).toBeNull()
    expect(backend).not.toHaveBeenCalled()
  })
})

describe('an idempotency key', () => {
  it('is claimed once, by its owner and for its body, and its job is found for a day, also when cold', async () => {
    const object = ledger(30)
    expect(await object.claim('anna', 'k', 'body-1')).toEqual({ status: 'new' })
    expect(await object.claim('anna', 'k', 'body-1')).toEqual({ status: 'in_flight' })
    expect(await object.claim('ben', 'k', 'body-1')).toEqual({ status: 'new' })
    await object.settle('anna', 'k', { job: { clientId: 'slc_1_slc' } })
    await evictDurableObject(object)
    expect(await object.claim('anna', 'k', 'body-1')).toEqual({ status: 'job', clientId: 'slc_1_slc' })
    expect(await object.claim('anna', 'k', 'body-2')).toEqual({ status: 'mismatch' })
    vi.setSystemTime(T0 + 24 * 3_600_000)
    expect(await object.claim('anna', 'k', 'body-1')).toMatchObject({ status: 'job' })
    vi.setSystemTime(T0 + 24 * 3_600_000 + 1)
    expect(await object.claim('anna', 'k', 'body-2')).toEqual({ status: 'new' })
  })

  it('is free again where nothing came of it, and keeps an error that may have made a job', async () => {
    const object = ledger(31)
    await object.claim('anna', 'free', 'b')
    await object.settle('anna', 'free', { release: true })
    expect(await object.claim('anna', 'free', 'b')).toEqual({ status: 'new' })
    await object.claim('anna', 'unsure', 'b')
    await object.settle('anna', 'unsure', { error: { httpStatus: 504, body: '{"error":1}' } })
    await evictDurableObject(object)
    expect(await object.claim('anna', 'unsure', 'b')).toEqual({ status: 'error', httpStatus: 504, body: '{"error":1}' })
  })

  it('is held while a submit may still wait for both arms in turn, and free again after that', async () => {
    const object = ledger(32)
    await object.claim('anna', 'k', 'b')
    vi.setSystemTime(T0 + 200_000)
    expect(await object.claim('anna', 'k', 'b')).toEqual({ status: 'in_flight' })
    vi.setSystemTime(T0 + 300_001)
    expect(await object.claim('anna', 'k', 'b')).toEqual({ status: 'new' })
  })
})

describe('shadow copies', () => {
  it('are admitted up to max_in_flight and max_jobs_per_day, counted in storage and not in memory', async () => {
    const object = ledger(40)
    const admit = async (name: string) => object.admitShadow({ control: entry(name, { arm: 'control' }) })
    const first = [await admit('1'), await admit('2'), await admit('3')]
    expect(first.map(({ admitted }) => admitted)).toEqual([true, true, true])
    await evictDurableObject(object)
    expect(await admit('4')).toEqual({ admitted: false, reason: 'max_in_flight' })
    for (const each of first) if (each.admitted) await object.shadowSubmitted(each.id, { outcome: 'unreachable' })
    expect([(await admit('5')).admitted, (await admit('6')).admitted]).toEqual([true, true])
    await evictDurableObject(object)
    expect(await admit('7')).toEqual({ admitted: false, reason: 'max_jobs_per_day' })
    vi.setSystemTime(T0 + 86_400_000)
    expect(await admit('8')).toMatchObject({ admitted: true })
  })

  it("are followed to their end by the alarm of a cold object, counted as the shadow's", async () => {
    const object = ledger(41)
    const admission = await object.admitShadow({ control: entry('copied', { arm: 'control' }) })
    if (!admission.admitted) throw new Error(admission.reason)
    const { replica } = entry('copied')
    await object.shadowSubmitted(admission.id, { upstreamId: 'video-copy', replica })
    await evictDurableObject(object)
    vi.setSystemTime(T0 + 1000)
    backend.mockImplementation(() => shows('in_progress', { id: 'video-copy' }))
    expect(await runDurableObjectAlarm(object)).toBe(true)
    vi.setSystemTime(T0 + 4000)
    backend.mockImplementation(() => shows('completed', { id: 'video-copy' }))
    expect(await runDurableObjectAlarm(object)).toBe(true)
    const [row] = await object.totals()
    expect(row).toMatchObject({
      series: { arm: 'candidate', operation: 'job', shadow: true },
      counters: { requests: 1 },
    })
  })

  it('count as scored once, however often they are measured and by whom', async () => {
    const object = ledger(43)
    const control = entry('measured', { arm: 'control' })
    expect((await object.admitShadow({ control })).admitted).toBe(true)
    const uncopied = { replica: control.replica, upstreamId: 'video-uncopied' }
    expect(await object.score([control, uncopied, control])).toEqual([true, false, true])
    await evictDurableObject(object)
    expect(await object.score([control])).toEqual([true])
    const { funnel } = await object.report({ fromMs: 0, toMs: 0, recentFromMs: T0, overdue: null })
    expect(funnel).toMatchObject({ admitted: 1, scored: 1 })
  })

  it("are stopped at the backend after a rollback, and counted as nobody's fault", async () => {
    const object = ledger(42)
    const admission = await object.admitShadow({ control: entry('stopped', { arm: 'control' }) })
    if (!admission.admitted) throw new Error(admission.reason)
    await object.shadowSubmitted(admission.id, { upstreamId: 'video-copy', replica: entry('x').replica })
    await object.cancelShadows(1)
    await object.cancelShadows(1)
    expect(await runDurableObjectAlarm(object)).toBe(true)
    expect(backend.mock.calls.map(([{ method, url }]) => [method, url])).toEqual([
      ['DELETE', 'http://candidate.test/v1/videos/video-copy'],
    ])
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: { cancelled: 1 } })
  })

  it('are refused for a run that was rolled back, also by a cold object, and admitted for the next', async () => {
    const object = ledger(43)
    await object.cancelShadows(4)
    await evictDurableObject(object)
    const admit = (name: string, epoch: number) =>
      object.admitShadow({ control: entry(name, { arm: 'control', epoch }) })
    expect(await admit('late', 4)).toEqual({ admitted: false, reason: 'rolled_back' })
    expect(await admit('next', 6)).toMatchObject({ admitted: true })
  })

  it('whose submit was under way at the rollback are stopped once their id is known, after an eviction too', async () => {
    const object = ledger(44)
    const admission = await object.admitShadow({ control: entry('under-way', { arm: 'control' }) })
    if (!admission.admitted) throw new Error(admission.reason)
    await object.cancelShadows(1)
    expect(backend).not.toHaveBeenCalled()
    await object.shadowSubmitted(admission.id, { upstreamId: 'video-late', replica: entry('x').replica })
    await evictDurableObject(object)
    for (let i = 0; i < 3; i++) {
      vi.setSystemTime(T0 + (i + 1) * 10_000)
      await runDurableObjectAlarm(object)
    }
    expect(backend.mock.calls.map(([{ method, url }]) => [method, url])).toEqual([
      ['DELETE', 'http://candidate.test/v1/videos/video-late'],
    ])
    const { funnel, dropped } = await object.report({ fromMs: 0, toMs: 0, recentFromMs: T0, overdue: null })
    expect({ funnel, dropped }).toMatchObject({ funnel: { admitted: 1, submitted: 1 }, dropped: { rolled_back: 1 } })
  })

  it('go by the caps and the deadline that the running configuration has', async () => {
    const object = ledger(45)
    const caps = { maxInFlight: 1, maxJobsPerDay: 100, jobTimeoutMs: 2000 }
    const admit = (name: string) => object.admitShadow({ control: entry(name, { arm: 'control' }), caps })
    expect(await admit('1')).toMatchObject({ admitted: true })
    expect(await admit('2')).toEqual({ admitted: false, reason: 'max_in_flight' })
    vi.setSystemTime(T0 + 2000)
    expect(await runDurableObjectAlarm(object)).toBe(true)
    expect(await admit('3')).toMatchObject({ admitted: true })
  })
})

describe('what the ledger has forgotten', () => {
  it('is not counted anew by a poll of a job older than it keeps', async () => {
    const object = ledger(50)
    const job = entry('ancient', { submittedAt: T0 - 9 * 86_400_000 })
    for (let i = 0; i < 3; i++) await object.flush({ submitted: [], seen: [sighting(job, 'job_failed')] })
    expect((await counted(object, 'job')).requests).toBe(0)
  })
})

describe('a rescue that is asked for too early', () => {
  it('leaves a job that still runs where it is', async () => {
    const object = ledger(51)
    const body = { bytes: new TextEncoder().encode('{}'), contentType: 'application/json', path: '/v1/videos' }
    await object.flush({ submitted: [entry('runs', { rescue: body })], seen: [] })
    backend.mockImplementation(() => shows('in_progress', { id: 'video-runs' }))
    expect(await object.rescue(entry('runs'), 0)).toBeNull()
    expect(backend.mock.calls.map(([{ method }]) => method)).toEqual(['GET'])
  })
})
