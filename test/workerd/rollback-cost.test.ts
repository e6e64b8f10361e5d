/** What a rollback cost: shown at once, told when its jobs have ended, and kept in sight until the next start. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import type { ReleaseView } from '../../src/api/index.ts'
import type { JobLedger } from '../../src/durable/job-ledger.ts'
import type { LedgerJob } from '../../src/durable/job-shapes.ts'
import { act, eachTestAnew, history, second, T0, tick, view } from '../support/workerd/controller-driver.ts'
import { batch, controller, copyOf, entry, ledger, shard, jobUpdate } from '../support/workerd/objects.ts'

eachTestAnew()

async function costNow(): Promise<ReleaseView['blast_radius']> {
  return (await view()).blast_radius
}

/** Entries of the ledger's, the oldest first: action and how many jobs had failed. */
async function notified(): Promise<[string, number][]> {
  const own = (await history()).filter(({ who }) => who === 'system:ledger')
  const failures = (evidence: unknown) =>
    (evidence as { blast_radius: { jobs_failed: number } }).blast_radius.jobs_failed
  return own.map(({ action, evidence }) => [action, failures(evidence)])
}

async function at(ms: number): Promise<void> {
  vi.setSystemTime(ms)
  await tick()
}

const submitted = (...jobs: LedgerJob[]) => ledger().flush({ submitted: jobs, seen: [] })
const failed = (job: LedgerJob) => ledger().flush({ submitted: [], seen: [jobUpdate(job, 'job_failed')] })

describe('the cost of a rollback', () => {
  it('is shown from the rollback on, and told once the last of its jobs has ended', async () => {
    const { epoch } = await act('start', { stage: 'canary-50' })
    const jobs = ['a', 'b', 'c'].map((name) => entry(name, { epoch }))
    await submitted(...jobs)
    await act('rollback')
    await failed(jobs[0]!)
    await at(T0 + 7000)
    expect(await costNow()).toMatchObject({ jobs_failed: 1 })
    await at(T0 + 15_000)
    await failed(jobs[1]!)
    await evictDurableObject(controller())
    await at(T0 + 25_000)
    expect(await costNow()).toMatchObject({ jobs_failed: 2 })
    expect(await notified()).toEqual([])
    await failed(jobs[2]!)
    await at(T0 + 30_000)
    await at(T0 + 60_000)
    expect(await notified()).toEqual([['rollback_settled', 3]])
  })

  it('counts jobs that control took over among those that failed', async () => {
    const { epoch } = await act('start', { stage: 'canary-50' })
    vi.spyOn(globalThis, 'fetch').mockImplementation(async () => Response.json({ id: 'second', status: 'queued' }))
    const rescue = {
      bytes: Uint8Array.from(new TextEncoder().encode('{}')),
      contentType: 'application/json',
      path: '/v1/videos',
    }
    const jobs = ['a', 'b', 'c'].map((name) => entry(name, { epoch, rescue: name === 'c' ? null : rescue }))
    await ledger().flush({ submitted: jobs, seen: jobs.map((job) => jobUpdate(job, 'job_failed')) })
    for (const job of jobs) await ledger().rescue(job, 1000)
    await act('rollback')
    await at(T0 + 7000)
    expect((await view()).blast_radius).toMatchObject({ jobs_failed: 3, jobs_rescued: 2 })
    vi.restoreAllMocks()
  })

  it('is told once where no job is open any more, when the rollback has reached every isolate', async () => {
    await act('start', { stage: 'canary-50' })
    await act('rollback')
    await at(T0 + 6900)
    expect(await notified()).toEqual([])
    await at(T0 + 12_000)
    await at(T0 + 60_000)
    expect(await notified()).toEqual([['rollback_settled', 0]])
  })

  it('is final when each of its jobs must have outlasted its time, though one is still open', async () => {
    const { epoch } = await act('start', { stage: 'canary-50' })
    await submitted(entry('endless', { epoch }))
    await act('rollback')
    await at(T0 + 7000)
    await at(T0 + 126_900)
    expect(await notified()).toEqual([])
    await at(T0 + 140_000)
    expect((await notified()).map(([action]) => action)).toEqual(['rollback_settled'])
  })

  it('stays in sight after the reset, without what comes later, until the next start', async () => {
    const { epoch } = await act('start', { stage: 'canary-50' })
    const job = entry('failed', { epoch })
    await submitted(job)
    await failed(job)
    await act('rollback')
    await at(T0 + 7000)
    await act('reset')
    expect(await costNow()).toMatchObject({ jobs_failed: 1, decided_at: new Date(T0).toISOString() })
    await act('start', { stage: 'canary-50' })
    expect(await costNow()).toBeNull()
  })

  it('is told of each run by itself, where the next one was rolled back before the first was final', async () => {
    const first = await act('start', { stage: 'canary-50' })
    const job = entry('of-the-first', { epoch: first.epoch })
    await submitted(job)
    await act('rollback')
    vi.setSystemTime(T0 + 1000)
    await act('reset')
    const second = await act('start', { stage: 'canary-50' })
    const others = ['x', 'y'].map((name) => entry(name, { epoch: second.epoch }))
    await submitted(...others)
    for (const each of others) await failed(each)
    await act('rollback')
    await at(T0 + 9000)
    await failed(job)
    await at(T0 + 20_000)
    expect(await notified()).toEqual([
      ['rollback_settled', 2],
      ['rollback_settled', 1],
    ])
  })

  it('counts submits that failed, and is summed up for the run that was rolled back though a new one has begun', async () => {
    await act('start', { stage: 'canary-50' })
    for (const i of [1, 2, 3]) await second(i, 9)
    expect(await view()).toMatchObject({ state: 'rolled_back', blast_radius: { first_failure_at: expect.any(String) } })
    await act('reset')
    const { epoch } = await act('start', { stage: 'canary-50' })
    await second(4, 1, epoch)
    vi.setSystemTime(T0 + 12_000)
    await tick()
    const settled = (await history()).find(({ action }) => action === 'rollback_settled')
    expect(settled).toMatchObject({ evidence: { epoch: 2, blast_radius: { submits_failed: 27 } } })
  })

  it('is summed up more seldom the longer its jobs are open, since each sum reads all of them', async () => {
    const { epoch } = await act('start', { stage: 'canary-50' })
    await submitted(entry('open', { epoch }))
    await act('rollback')
    const blast = await runInDurableObject(ledger() as DurableObjectStub<never>, (object: object) =>
      vi.spyOn(Object.getPrototypeOf(object) as JobLedger, 'blast'),
    )
    const sums: number[] = []
    for (let seconds = 1; seconds <= 50; seconds++) {
      const before = blast.mock.calls.length
      await at(T0 + seconds * 1000)
      if (blast.mock.calls.length > before) sums.push(seconds)
    }
    blast.mockRestore()
    expect(sums.length).toBeLessThan(16)
    expect(sums.at(-1)).toBeGreaterThan(40)
  })

  it('is read again by those who look, but not at every look', async () => {
    await act('start', { stage: 'canary-50' })
    const { since } = await act('rollback')
    const decided = Date.parse(since)
    const failed = async (name: string) => {
      const job = entry(name, { submittedAt: decided })
      await ledger().flush({ submitted: [job], seen: [jobUpdate(job, 'job_failed')] })
      return (await view()).blast_radius?.jobs_failed
    }
    vi.setSystemTime(decided + 20_000)
    expect(await failed('first')).toBe(1)
    vi.setSystemTime(decided + 21_900)
    expect(await failed('second')).toBe(1)
    vi.setSystemTime(decided + 22_000)
    expect(await failed('third')).toBe(3)
  })
})

describe('the times of a rollback', () => {
  const failing = (seq: number, epoch: number, firstAt: number, lastSentAt: number) => {
    const { rows, ...rest } = batch(seq, 3, 3, { epoch })
    return shard().flush({ ...rest, rows: rows.map((row) => ({ ...row, failed: { firstAt, lastSentAt } })) })
  }

  it('are those of the first failed submit itself, and of the last one sent to the candidate, though it failed', async () => {
    const { epoch } = await act('start', { stage: 'canary-50' })
    vi.setSystemTime(T0 + 5000)
    await failing(1, epoch, T0 + 4321, T0 + 4300)
    const { since } = await act('rollback')
    vi.setSystemTime(T0 + 7000)
    await submitted(entry('misrouted', { epoch, submittedAt: T0 + 5400 }))
    await failing(2, epoch, T0 + 6000, T0 + 5900)
    vi.setSystemTime(T0 + 8000)
    expect(await costNow()).toMatchObject({
      first_failure_at: new Date(T0 + 4321).toISOString(),
      decided_at: since,
      last_misrouted_submit_at: new Date(T0 + 5900).toISOString(),
    })
  })

  it('know of no misrouted submit where the last one was sent before the decision, or a tester sent one after it', async () => {
    const { epoch } = await act('start', { stage: 'canary-50' })
    vi.setSystemTime(T0 + 5000)
    const after = await act('rollback')
    await failing(1, epoch, T0 + 5500, T0 + 4990)
    await submitted(entry('of-a-tester', { epoch: after.epoch, submittedAt: T0 + 6000 }))
    expect((await costNow())?.last_misrouted_submit_at).toBeNull()
  })

  it('begin with what a user suffered; a copy’s failure counts where no user suffered, and not of an epoch before', async () => {
    const shadowing = await act('start')
    const fails = async (name: string, epoch: number) => {
      const place = { upstreamId: `copy-${name}`, replica: entry('').replica }
      expect(await copyOf(ledger(), entry(name, { arm: 'control', epoch }), place)).toBeNull()
      vi.spyOn(globalThis, 'fetch').mockImplementation(async () =>
        Response.json({ id: `copy-${name}`, object: 'video', status: 'failed' }),
      )
      vi.setSystemTime(Date.now() + 2000)
      await runDurableObjectAlarm(ledger())
      vi.restoreAllMocks()
    }
    await fails('long-ago', shadowing.epoch)
    const canary = await act('advance', { force: true })
    vi.setSystemTime(T0 + 50_000)
    await act('rollback')
    expect((await costNow())?.first_failure_at).toBeNull()
    await act('reset')
    const again = await act('start')
    expect(again.epoch).toBeGreaterThan(canary.epoch)
    await fails('in-shadow', again.epoch)
    await act('rollback')
    expect((await costNow())?.first_failure_at).toBe(new Date(T0 + 52_000).toISOString())
  })
})
