/**
 * What the ledger makes of downloads that found no video: the job failed after all, and is counted as one, however often
 * its video is asked for; what its owner did himself counts against nobody.
 */
import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import type { LedgerJob } from '../../src/durable/job-shapes.ts'
import type { MissingVideo } from '../../src/durable/rpc.ts'
import { copyOf, counted, entry, ledger, series, jobUpdate } from '../support/workerd/objects.ts'
import { backendsOfEachTest, named, shows, T0 } from '../support/workerd/stub-backends.ts'

const HOUR_MS = 3_600_000
const CAPS = { maxInFlight: 10, maxJobsPerDay: 1000, jobTimeoutMs: 60_000 }

const backends = backendsOfEachTest()

function missing({ arm, replica, upstreamId, owner, epoch }: LedgerJob, sentAt = Date.now()): MissingVideo {
  const request = series({ operation: 'content', arm, epoch: 7, stage: 'canary-100' })
  return { job: { arm, replica, upstreamId, owner, epoch }, request, seconds: 0.1, sentAt }
}

const NONE = { submitted: [], seen: [] }

describe('a job that said it had succeeded', () => {
  it('has failed where its video is missing: one job, one error, however often and by whomever it is asked for', async () => {
    const object = ledger(60)
    const job = entry('empty')
    await object.flush({ submitted: [job], seen: [jobUpdate(job, 'ok')] })
    for (let i = 0; i < 10; i++) {
      if (i === 4) await evictDurableObject(object)
      await object.flush({ ...NONE, missing: Array.from({ length: 100 }, () => missing(job)) })
    }
    expect(await counted(object, 'content')).toEqual({
      requests: 1000,
      outcomes: { bad_output: 1, client_error: 999 },
    })
    expect((await counted(object, 'job')).outcomes).toEqual({ bad_output: 1 })
    expect((await object.jobs({}, null, 10)).items).toMatchObject([{ status: 'failed', outcome: 'bad_output' }])
  })

  it('counts in its own epoch as a job, and in that of the request as a download', async () => {
    const object = ledger(61)
    const job = entry('late', { epoch: 3, stage: 'canary-5' })
    await object.flush({ submitted: [job], seen: [jobUpdate(job, 'ok')] })
    await object.flush({ ...NONE, missing: [missing(job)] })
    const rows = (await object.windows(0, T0 + 60_000)).map(({ series: of, counters }) => [
      of.operation,
      of.epoch,
      counters.outcomes['bad_output'],
    ])
    expect(rows).toHaveLength(2)
    expect(rows).toEqual(
      expect.arrayContaining([
        ['content', 7, 1],
        ['job', 3, 1],
      ]),
    )
  })

  it('is no two jobs: as many good ends as turned bad are counted without a request, and no window has more errors than requests', async () => {
    const object = ledger(62)
    const jobs = Array.from({ length: 12 }, (_, i) => entry(`n${i}`))
    const turn = async (some: LedgerJob[]) => object.flush({ ...NONE, missing: some.map((job) => missing(job)) })
    const end = async (some: LedgerJob[]) =>
      object.flush({ submitted: some, seen: some.map((job) => jobUpdate(job, 'ok')) })
    await end(jobs.slice(0, 4))
    vi.setSystemTime(T0 + 120_000)
    await turn(jobs.slice(0, 4))
    vi.setSystemTime(T0 + 240_000)
    await end(jobs.slice(4))
    await evictDurableObject(object)
    const rows = (await object.windows(0, T0 + 300_000)).filter(({ series: of }) => of.operation === 'job')
    expect(rows.map(({ counters: { requests, outcomes } }) => [requests, outcomes['bad_output'] ?? 0])).toEqual([
      [4, 0],
      [4, 4],
      [4, 0],
    ])
    expect(rows.map(({ counters }) => counters.sketches.latency?.count ?? 0)).toEqual([4, 0, 8])
    expect(await counted(object, 'job')).toEqual({ requests: 12, outcomes: { bad_output: 4 } })
  })

  it('has failed too where another isolate tells of its end only after the download', async () => {
    const object = ledger(63)
    const job = entry('race')
    await object.flush({ submitted: [job], seen: [] })
    await object.flush({ ...NONE, missing: [missing(job, T0 + 20)] })
    await object.flush({ ...NONE, seen: [jobUpdate(job, 'ok', T0 + 10)] })
    expect((await counted(object, 'job')).outcomes).toEqual({ bad_output: 1 })
    expect(await counted(object, 'content')).toEqual({ requests: 1, outcomes: { client_error: 1 } })
  })

  it('has failed where its backend has lost it altogether, by a poll or not', async () => {
    const object = ledger(64)
    const job = entry('restarted')
    await object.flush({ submitted: [job], seen: [jobUpdate(job, 'ok')] })
    await object.flush({ ...NONE, seen: [jobUpdate(job, 'job_lost')], missing: [missing(job)] })
    expect(await counted(object, 'job')).toEqual({ requests: 2, outcomes: { bad_output: 1 } })
  })
})

describe('a missing video counts against nobody', () => {
  const silent = async (object: ReturnType<typeof ledger>) => {
    expect((await counted(object, 'job')).outcomes['bad_output']).toBeUndefined()
    expect(await counted(object, 'content')).toEqual({ requests: 1, outcomes: { client_error: 1 } })
  }

  it('while its job is under way, also where the answer came after the end', async () => {
    const object = ledger(70)
    const job = entry('eager')
    await object.flush({ submitted: [job], seen: [] })
    await object.flush({ ...NONE, seen: [jobUpdate(job, 'ok', T0 + 10)], missing: [missing(job, T0 + 9)] })
    await silent(object)
  })

  it('where its job has failed', async () => {
    const object = ledger(71)
    const job = entry('failed')
    await object.flush({ submitted: [job], seen: [jobUpdate(job, 'job_failed')], missing: [missing(job)] })
    await silent(object)
  })

  it('where its owner has deleted it', async () => {
    const object = ledger(72)
    const job = entry('deleted')
    await object.flush({ submitted: [job], seen: [jobUpdate(job, 'ok')] })
    await object.flush({ ...NONE, seen: [jobUpdate(job, 'cancelled'), jobUpdate(job, 'job_lost')] })
    await object.flush({ ...NONE, missing: [missing(job)] })
    await silent(object)
  })

  it('where another isolate tells of end and deletion after the download', async () => {
    const object = ledger(73)
    const job = entry('deleted-early')
    await object.flush({ submitted: [job], seen: [], missing: [missing(job, T0 + 20)] })
    await object.flush({ ...NONE, seen: [jobUpdate(job, 'ok', T0 + 10), jobUpdate(job, 'cancelled', T0 + 15)] })
    await silent(object)
  })

  it('for somebody else, for a job that nobody knows, and long after the end', async () => {
    const object = ledger(74)
    const job = entry('mine')
    await object.flush({ submitted: [job], seen: [jobUpdate(job, 'ok')] })
    const others = [missing({ ...job, owner: 'ffffffffffff' }), missing(entry('unheard-of'))]
    await object.flush({ ...NONE, missing: [...others, missing(job, T0 + HOUR_MS + 1)] })
    expect((await counted(object, 'content')).outcomes).toEqual({ client_error: 3 })
    expect((await counted(object, 'job')).outcomes).toEqual({})
    await object.flush({ ...NONE, missing: [missing(job, T0 + HOUR_MS)] })
    expect((await counted(object, 'job')).outcomes).toEqual({ bad_output: 1 })
  })
})

describe('the video of a copy, which nobody downloads', () => {
  async function finishedCopies(index: number, names: string[]) {
    const object = ledger(index)
    for (const name of names) {
      const place = { upstreamId: `copy-${name}`, replica: entry(name).replica }
      expect(await copyOf(object, entry(name, { arm: 'control' }), place, CAPS)).toBeNull()
    }
    backends.answer((call) => shows(named(call), 'completed'))
    vi.setSystemTime(T0 + 5000)
    await runDurableObjectAlarm(object)
    return object
  }

  it('is asked for once, a byte of it, when the copy has succeeded', async () => {
    const object = await finishedCopies(80, ['good'])
    expect(backends.downloads.map(({ method, url }) => [method, url])).toEqual([
      ['GET', 'http://candidate.test/v1/videos/copy-good/content'],
    ])
    await runDurableObjectAlarm(object)
    expect(backends.downloads).toHaveLength(1)
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: {} })
  })

  it.each<[string, () => Response, object]>([
    ['missing', () => new Response('{}', { status: 404 }), { bad_output: 1 }],
    ['empty', () => new Response('', { headers: { 'content-type': 'video/mp4' } }), { bad_output: 1 }],
    ['a page', () => new Response('<html>', { headers: { 'content-type': 'text/html' } }), { bad_output: 1 }],
    ['elsewhere', () => new Response(null, { status: 302, headers: { location: 'http://store.test/a' } }), {}],
    ['for users only', () => new Response('{}', { status: 401 }), {}],
    ['behind an error', () => new Response('{}', { status: 503 }), {}],
    ['whole, for want of ranges', () => new Response('xxxx', { headers: { 'content-type': 'video/mp4' } }), {}],
  ])('%s', async (name, content, outcomes) => {
    backends.content(content)
    const object = await finishedCopies(90 + name.length, [name])
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes })
  })

  it('is not waited for copy by copy where the backend does not answer', async () => {
    backends.content(() => 'hangs')
    const object = await finishedCopies(81, ['a', 'b', 'c', 'd'])
    expect(backends.downloads).toHaveLength(1)
    expect(await counted(object, 'job')).toEqual({ requests: 4, outcomes: {} })
  })
})
