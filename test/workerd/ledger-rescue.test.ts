/** A candidate's job that failed goes on at control: whose it is, whatever ended it, and whatever goes wrong on the way. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import type { LedgerJob } from '../../src/durable/job-shapes.ts'
import { counted, entry, ledger, jobUpdate } from '../support/workerd/objects.ts'
import { backendsOfEachTest, shows } from '../support/workerd/stub-backends.ts'
import { waitFor } from '../support/wait-for.ts'

const WAIT_MS = 2000

const backends = backendsOfEachTest()

function rescuable(name: string, over: Partial<LedgerJob> = {}): LedgerJob {
  const bytes = Uint8Array.from(new TextEncoder().encode(JSON.stringify({ prompt: name })))
  return entry(name, { rescue: { bytes, contentType: 'application/json', path: '/v1/videos' }, ...over })
}

function failedIn(object: ReturnType<typeof ledger>, job: LedgerJob) {
  return object.flush({ submitted: [job], seen: [jobUpdate(job, 'job_failed')] })
}

function bodies(object: ReturnType<typeof ledger>): Promise<unknown[]> {
  return runInDurableObject(object as DurableObjectStub<never>, (_, { storage }) =>
    storage.sql.exec('SELECT key FROM bodies').toArray(),
  )
}

/** Lets the alarm come round after so many seconds more. */
async function later(object: ReturnType<typeof ledger>, seconds: number): Promise<void> {
  vi.setSystemTime(Date.now() + seconds * 1000)
  await runDurableObjectAlarm(object)
}

describe('jobs that two backends number alike', () => {
  it('go on each as its own owner has it, under a key of its own', async () => {
    const object = ledger(100)
    const same = { upstreamId: 'v_1', clientId: 'v_1' }
    const anna = rescuable('of-anna', { ...same, owner: 'aaaaaaaaaaaa', replica: 1 })
    const ben = rescuable('of-ben', { ...same, owner: 'bbbbbbbbbbbb', replica: 2 })
    backends.answer(({ body }) => shows(`second-${JSON.parse(body).prompt}`, 'queued'))
    await object.flush({ submitted: [anna, ben], seen: [jobUpdate(anna, 'job_failed'), jobUpdate(ben, 'job_failed')] })
    expect(await object.rescue(anna, WAIT_MS)).toMatchObject({ upstreamId: 'second-of-anna' })
    expect(await object.rescue(ben, WAIT_MS)).toMatchObject({ upstreamId: 'second-of-ben' })
    expect(new Set(backends.of('POST').map(({ idempotencyKey }) => idempotencyKey)).size).toBe(2)
  })

  it('are nobody else’s to ask for', async () => {
    const object = ledger(101)
    const anna = rescuable('private', { owner: 'aaaaaaaaaaaa' })
    backends.answer(() => shows('second', 'queued'))
    await failedIn(object, anna)
    await object.rescue(anna, WAIT_MS)
    expect(await object.rescue({ ...anna, owner: 'bbbbbbbbbbbb' }, WAIT_MS)).toBeNull()
    expect(await object.jobLocation({ ...anna, owner: 'bbbbbbbbbbbb' })).toBeNull()
    expect(await object.jobLocation({ ...anna, replica: anna.replica + 1 })).toBeNull()
  })

  it('are found by the backend that has them', async () => {
    const object = ledger(102)
    const same = { upstreamId: 'v_1', owner: 'aaaaaaaaaaaa' }
    await object.flush({
      submitted: [entry('first', { ...same, replica: 1 }), entry('second', { ...same, replica: 2 })],
      seen: [],
    })
    const caller = { owners: ['aaaaaaaaaaaa'], anonymous: false, copiesAt: [] }
    expect(await object.find('v_1', caller, 1)).toMatchObject({ clientId: 'slc_first_slc' })
  })
})

describe('a rescue', () => {
  it('begins with the end of the job, whoever saw it and whether or not anybody asks', async () => {
    const object = ledger(110)
    const job = rescuable('unasked')
    backends.answer(() => shows('second', 'queued'))
    await failedIn(object, job)
    await waitFor(async () => expect(await object.jobLocation(job)).toMatchObject({ state: 'at_control' }))
    const listed = await object.list([job.owner], null, 10, 'desc')
    expect(listed).toMatchObject([{ clientId: job.clientId, arm: 'control', upstreamId: 'second' }])
    expect(await bodies(object)).toEqual([])
  })

  it('submits to control once however many ask at the same time, and still knows of it when cold', async () => {
    const object = ledger(118)
    const job = rescuable('rescued')
    backends.answer(async () => {
      await scheduler.wait(20)
      return shows('second', 'queued')
    })
    await object.flush({ submitted: [job], seen: [] })
    await evictDurableObject(object)
    await object.flush({ submitted: [], seen: [jobUpdate(job, 'job_failed')] })
    const all = await Promise.all(Array.from({ length: 20 }, () => object.rescue(job, WAIT_MS)))
    expect(new Set(all.map((each) => JSON.stringify(each))).size).toBe(1)
    expect(all[0]).toMatchObject({ state: 'at_control', upstreamId: 'second' })
    expect(backends.calls).toMatchObject([
      { method: 'POST', url: 'http://control.test/v1/videos', body: '{"prompt":"rescued"}' },
    ])
    await evictDurableObject(object)
    expect(await object.rescue(job, WAIT_MS)).toMatchObject({ upstreamId: 'second' })
    expect(backends.calls).toHaveLength(1)
  })

  it('leaves a job that still runs where it is', async () => {
    const object = ledger(119)
    await object.flush({ submitted: [rescuable('runs')], seen: [] })
    backends.answer(() => shows('video-runs', 'in_progress'))
    expect(await object.rescue(entry('runs'), 0)).toBeNull()
    expect(backends.calls.map(({ method }) => method)).toEqual(['GET'])
  })

  it('keeps the body no longer than until the job has ended well', async () => {
    const object = ledger(120)
    const job = rescuable('fine')
    await object.flush({ submitted: [job], seen: [] })
    expect(await bodies(object)).toHaveLength(1)
    await object.flush({ submitted: [], seen: [jobUpdate(job, 'ok')] })
    expect(await bodies(object)).toEqual([])
    expect(await object.rescue(job, WAIT_MS)).toBeNull()
    expect(backends.calls).toEqual([])
  })

  it('waits for a body that another isolate tells of after the end', async () => {
    const object = ledger(111)
    const job = rescuable('late-body')
    backends.answer(() => shows('second', 'queued'))
    await object.flush({ submitted: [], seen: [jobUpdate(job, 'job_failed')] })
    expect(await object.rescue(job, WAIT_MS)).toEqual({ state: 'pending' })
    await object.flush({ submitted: [job], seen: [] })
    expect(await object.rescue(job, WAIT_MS)).toMatchObject({ state: 'at_control' })
  })

  it('takes over what outlasts job_timeout, or is lost', async () => {
    const object = ledger(112)
    const [hung, lost] = [rescuable('hung'), rescuable('lost')]
    backends.answer(({ method, body }) => (method === 'GET' ? 'hangs' : shows(`second-${body}`, 'queued')))
    await object.flush({ submitted: [hung, lost], seen: [jobUpdate(lost, 'job_lost')] })
    for (const seconds of [10, 20, 25, 5]) await later(object, seconds)
    for (const job of [hung, lost]) expect(await object.rescue(job, WAIT_MS)).toMatchObject({ state: 'at_control' })
    expect(await counted(object, 'job')).toEqual({ requests: 2, outcomes: { job_timeout: 1, job_lost: 1 } })
  })

  it('gives control its own job_timeout, however long the candidate took', async () => {
    const object = ledger(122)
    const job = rescuable('slow')
    backends.answer(({ method, url }) =>
      method === 'POST' ? shows('second', 'queued') : shows(url.split('/').at(-1)!, 'in_progress'),
    )
    await object.flush({ submitted: [job], seen: [] })
    for (const seconds of [10, 20, 25, 5]) await later(object, seconds)
    await waitFor(async () => expect(await object.jobLocation(job)).toMatchObject({ state: 'at_control' }))
    const atControl = async () =>
      (await object.jobs({}, null, 10)).items.filter(({ arm }) => arm === 'control').map(({ status }) => status)
    for (const seconds of [10, 10, 20]) {
      await later(object, seconds)
      expect(await atControl()).toEqual(['open'])
    }
    for (const seconds of [15, 5]) await later(object, seconds)
    expect(await atControl()).toEqual(['timeout'])
  })

  it('that control puts off is tried again under the same key, and its job stays in the list, until it is taken', async () => {
    const object = ledger(113)
    const job = rescuable('put-off')
    const answers = [503, 429, 500]
    backends.answer(() => {
      const status = answers.shift()
      return status ? new Response('{}', { status }) : shows('second', 'queued')
    })
    await object.flush({ submitted: [job], seen: [jobUpdate(job, 'job_lost')] })
    expect(await object.rescue(job, WAIT_MS)).toEqual({ state: 'pending' })
    expect(await object.list([job.owner], null, 10, 'desc')).toMatchObject([{ clientId: job.clientId }])
    for (const pause of [1, 2, 4]) {
      await later(object, pause)
      await object.rescue(job, WAIT_MS)
    }
    expect(await object.jobLocation(job)).toMatchObject({ state: 'at_control' })
    expect(backends.calls).toHaveLength(4)
    expect(new Set(backends.calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1)
  })

  it('that control never takes ends after six tries, and its body with it', async () => {
    const object = ledger(114)
    const job = rescuable('never')
    backends.answer(() => new Response('{}', { status: 503 }))
    await failedIn(object, job)
    for (let i = 0; i < 10; i++) {
      await object.rescue(job, WAIT_MS)
      await later(object, 60)
    }
    expect(backends.calls).toHaveLength(6)
    expect([await object.rescue(job, WAIT_MS), await bodies(object)]).toEqual([null, []])
  })

  it('that control refuses for good is not tried again', async () => {
    const object = ledger(115)
    const job = rescuable('refused')
    backends.answer(() => new Response('{}', { status: 400 }))
    await failedIn(object, job)
    await waitFor(async () => expect(await bodies(object)).toEqual([]))
    await later(object, 60)
    expect([await object.rescue(job, WAIT_MS), backends.calls.length]).toEqual([null, 1])
  })

  it('that dies with its object is made again by the next one, under the same key', async () => {
    const object = ledger(116)
    const job = rescuable('interrupted')
    backends.answer(() => new Promise(() => {}))
    await failedIn(object, job)
    await waitFor(() => expect(backends.calls).toHaveLength(1))
    await evictDurableObject(object)
    backends.answer(() => shows('second', 'queued'))
    expect(await object.rescue(job, WAIT_MS)).toEqual({ state: 'pending' })
    await later(object, 1)
    expect(await object.rescue(job, WAIT_MS)).toMatchObject({ state: 'at_control' })
    expect(backends.calls[1]!.idempotencyKey).toBe(backends.calls[0]!.idempotencyKey)
  })

  it('is stopped at control where its client has given the job up meanwhile', async () => {
    const object = ledger(117)
    const job = rescuable('given-up')
    let accept = (_: Response) => {}
    const accepted = new Promise<Response>((resolve) => (accept = resolve))
    backends.answer(({ method }) => (method === 'POST' ? accepted : new Response('{}')))
    await failedIn(object, job)
    await waitFor(() => expect(backends.of('POST')).toHaveLength(1))
    await object.flush({ submitted: [], seen: [jobUpdate(job, 'cancelled')] })
    await runInDurableObject(object as DurableObjectStub<never>, () => accept(shows('second', 'queued')))
    await waitFor(() =>
      expect(backends.of('DELETE').map(({ url }) => url)).toEqual(['http://control.test/v1/videos/second']),
    )
    expect(await object.list([job.owner], null, 10, 'desc')).toEqual([])
  })

  it('goes on below the path prefix that its client used', async () => {
    const object = ledger(121)
    const job = rescuable('prefixed', { prefix: '/n' })
    backends.answer(({ method }) => shows('second', method === 'POST' ? 'queued' : 'in_progress'))
    await failedIn(object, job)
    await object.rescue(job, WAIT_MS)
    await later(object, 11)
    expect(backends.of('GET').map(({ url }) => url)).toContain('http://control.test/n/v1/videos/second')
    expect(await object.list([job.owner], null, 10, 'desc')).toMatchObject([{ upstreamId: 'second', prefix: '/n' }])
    await object.flush({ submitted: [], seen: [jobUpdate(job, 'cancelled')] })
    await waitFor(() =>
      expect(backends.of('DELETE').map(({ url }) => url)).toEqual(['http://control.test/n/v1/videos/second']),
    )
  })
})
