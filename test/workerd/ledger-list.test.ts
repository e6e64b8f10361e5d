/** What the ledger tells a list of each job, so that its backend need not be asked: how it ended, or when it was seen open. */
import { describe, expect, it, vi } from 'vitest'
import type { JobEntry, ListedJob } from '../../src/durable/rpc.ts'
import { entry, ledger, jobUpdate } from '../support/workerd/objects.ts'
import { backendsOfEachTest, T0 } from '../support/workerd/stub-backends.ts'

const backends = backendsOfEachTest()

async function listed(object: ReturnType<typeof ledger>, { owner }: JobEntry): Promise<ListedJob[]> {
  return object.list([owner], null, 100, 'desc')
}

describe('a listed job', () => {
  it('that nobody has looked at tells nothing but itself', async () => {
    const object = ledger(200)
    const job = entry('new')
    await object.flush({ submitted: [job], seen: [] })
    const { work: _, rescue: __, ...itself } = job
    expect(await listed(object, job)).toEqual([{ ...itself, end: null, openAt: null }])
  })

  it('that was seen open tells when', async () => {
    const object = ledger(201)
    const job = entry('open')
    await object.flush({ submitted: [job], seen: [jobUpdate(job, null, T0 + 700)] })
    expect(await listed(object, job)).toMatchObject([{ end: null, openAt: T0 + 700 }])
  })

  it.each(['ok', 'job_failed', 'content_refused'] as const)('that has ended tells how: %s', async (outcome) => {
    const object = ledger(202)
    const job = entry(outcome, { arm: 'control', owner: outcome })
    await object.flush({ submitted: [job], seen: [jobUpdate(job, null)] })
    vi.setSystemTime(T0 + 9000)
    await object.flush({ submitted: [], seen: [jobUpdate(job, outcome)] })
    expect(await listed(object, job)).toMatchObject([{ end: { outcome, at: T0 + 9000 } }])
  })

  it.each(['job_timeout', 'aborted'] as const)('that was given up is for its backend to show: %s', async (outcome) => {
    const object = ledger(203)
    const job = entry(outcome, { arm: 'control', owner: outcome })
    await object.flush({ submitted: [job], seen: [jobUpdate(job, outcome)] })
    expect(await listed(object, job)).toMatchObject([{ end: null }])
  })

  it('that failed at the candidate has not ended for its client while it may yet go on at control', async () => {
    const object = ledger(204)
    const bytes = new TextEncoder().encode('{}')
    const kept = { bytes, contentType: 'application/json', path: '/v1/videos' }
    const [waiting, lone] = [entry('waiting', { rescue: kept }), entry('lone')]
    backends.answer(() => new Response('{}', { status: 503 }))
    await object.flush({
      submitted: [waiting, lone],
      seen: [jobUpdate(waiting, 'job_failed'), jobUpdate(lone, 'job_failed')],
    })
    const ends = async () => new Map((await listed(object, lone)).map(({ clientId, end }) => [clientId, end?.outcome]))
    // The body of the one without may still be on its way from another isolate.
    expect(await ends()).toEqual(new Map([lone, waiting].map(({ clientId }) => [clientId, undefined])))
    vi.setSystemTime(T0 + 5000)
    expect((await ends()).get(lone.clientId)).toBe('job_failed')
    expect((await ends()).get(waiting.clientId)).toBeUndefined()
  })
})
