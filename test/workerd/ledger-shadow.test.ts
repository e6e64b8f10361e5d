/** Shadow copies in the ledger: granted within their caps, followed to their end, stopped after a rollback. */
import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import type { JobLedger } from '../../src/durable/job-ledger.ts'
import { CAPS, copying, copyOf, counted, entry, ledger, sentCopy } from '../support/workerd/objects.ts'
import { backendsOfEachTest, shows, T0 } from '../support/workerd/stub-backends.ts'

const backends = backendsOfEachTest()
const { replica } = entry('copied')
const control = (name: string, over = {}) => entry(name, { arm: 'control', ...over })
const at = (upstreamId: string) => ({ upstreamId, replica })

async function shown(object: Pick<JobLedger, 'report'>) {
  const { funnel, dropped, open } = await object.report({ fromMs: 0, toMs: 0, overdue: null })
  return { funnel, dropped, open: open.shadow }
}

describe('leases of copies', () => {
  it('of several isolates never add up to more than max_in_flight, begun or not, after an eviction too', async () => {
    const object = ledger(48)
    expect(await copying(object, { source: 'a', seq: 1, waiting: 2 })).toMatchObject({ granted: 2, refusal: null })
    expect(await copying(object, { source: 'b', seq: 1, waiting: 2 })).toMatchObject({
      granted: 1,
      refusal: 'max_in_flight',
    })
    await evictDurableObject(object)
    expect(await copying(object, { source: 'c', seq: 1, waiting: 1 })).toMatchObject({ granted: 0 })
    const sent = [sentCopy(control('1'), at('copy-1'))]
    expect(await copying(object, { source: 'a', seq: 2, free: 1, sent, waiting: 1 })).toMatchObject({ granted: 0 })
    // What one gives back is another's.
    expect(await copying(object, { source: 'a', seq: 3 })).toMatchObject({ granted: 0, refusal: null })
    expect(await copying(object, { source: 'c', seq: 2, waiting: 2 })).toMatchObject({ granted: 1 })
    expect((await shown(object)).open).toBe(1)
  })

  it('leave half of what is there to others, where nobody waits for it', async () => {
    const object = ledger(49)
    const caps = { ...CAPS, maxInFlight: 20, maxJobsPerDay: 1000 }
    expect(await copying(object, { source: 'a', seq: 1, caps, waiting: 4, spare: 100 })).toMatchObject({ granted: 12 })
    expect(await copying(object, { source: 'b', seq: 1, caps, waiting: 1, spare: 100 })).toMatchObject({ granted: 4 })
  })

  it('are bounded by max_jobs_per_day, counted in storage and not in memory, until midnight', async () => {
    const object = ledger(40)
    for (const name of ['1', '2', '3', '4', '5'])
      expect(await copyOf(object, control(name), { outcome: 'unreachable' })).toBeNull()
    expect(await copyOf(object, control('6'))).toBe('max_jobs_per_day')
    await evictDurableObject(object)
    expect(await copyOf(object, control('7'))).toBe('max_jobs_per_day')
    vi.setSystemTime(T0 + 86_400_000)
    expect(await copyOf(object, control('8'))).toBeNull()
  })

  it('that end without a word are lost: counted as such, and in flight for as long as such copies may run', async () => {
    const object = ledger(50)
    await copying(object, { source: 'dies', seq: 1, waiting: 2 })
    vi.setSystemTime(T0 + 19_000)
    expect((await shown(object)).dropped).toEqual({})
    vi.setSystemTime(T0 + 20_000)
    expect((await shown(object)).dropped).toEqual({ lease_expired: 2 })
    await evictDurableObject(object)
    expect((await shown(object)).dropped).toEqual({ lease_expired: 2 })
    expect(await copying(object, { source: 'lives', seq: 1, waiting: 2 })).toMatchObject({ granted: 1 })
    vi.setSystemTime(T0 + 10_000 + CAPS.jobTimeoutMs)
    expect(await copying(object, { source: 'lives', seq: 2, free: 1, waiting: 3 })).toMatchObject({ granted: 2 })
  })

  it('are not granted to a flush that a later one has overtaken, whose copies count all the same, once', async () => {
    const object = ledger(51)
    const sent = [sentCopy(control('slow'), at('copy-slow'))]
    expect(await copying(object, { source: 'a', seq: 2, sent, free: 1 })).toMatchObject({ granted: 0 })
    expect(await copying(object, { source: 'a', seq: 1, sent, waiting: 2 })).toBeNull()
    expect(await shown(object)).toMatchObject({ open: 1, funnel: { admitted: 1, submitted: 1 } })
    // The isolate's own word stands: it has one left, so that one is left for others.
    expect(await copying(object, { source: 'b', seq: 1, waiting: 2 })).toMatchObject({ granted: 1 })
  })

  it('are refused for a run that was rolled back, also by a cold object, and granted for the next', async () => {
    const object = ledger(46)
    await object.cancelShadows(4)
    await evictDurableObject(object)
    expect(await copyOf(object, control('late', { epoch: 4 }))).toBe('rolled_back')
    expect(await copyOf(object, control('next', { epoch: 6 }))).toBeNull()
  })

  it('go by the caps and the deadline that the running configuration has', async () => {
    const object = ledger(45)
    const caps = { maxInFlight: 1, maxJobsPerDay: 100, jobTimeoutMs: 2000 }
    expect(await copyOf(object, control('1'), null, caps)).toBeNull()
    expect(await copyOf(object, control('2'), null, caps)).toBe('max_in_flight')
    vi.setSystemTime(T0 + 2000)
    expect(await runDurableObjectAlarm(object)).toBe(true)
    expect(await copyOf(object, control('3'), null, caps)).toBeNull()
  })

  it('are shared by as many ledgers as the isolate knows, whatever the file says', async () => {
    const caps = { ...CAPS, maxInFlight: 8, maxJobsPerDay: 100, ledgers: 4 }
    expect(await copying(ledger(146), { source: 'a', seq: 1, caps, waiting: 8 })).toMatchObject({ granted: 2 })
    expect(await copying(ledger(146), { source: 'b', seq: 1, caps, waiting: 8 })).toMatchObject({
      granted: 0,
      refusal: 'max_in_flight',
    })
  })
})

describe('shadow copies', () => {
  it("are followed to their end by the alarm of a cold object, counted as the shadow's", async () => {
    const object = ledger(41)
    await copyOf(object, control('copied'), at('video-copy'))
    await evictDurableObject(object)
    vi.setSystemTime(T0 + 1000)
    backends.answer(() => shows('video-copy', 'in_progress'))
    expect(await runDurableObjectAlarm(object)).toBe(true)
    vi.setSystemTime(T0 + 4000)
    backends.answer(() => shows('video-copy', 'completed'))
    expect(await runDurableObjectAlarm(object)).toBe(true)
    const [row] = await object.totals()
    expect(row).toMatchObject({
      series: { arm: 'candidate', operation: 'job', shadow: true },
      counters: { requests: 1 },
    })
  })

  it('are the same whether told of at once or in two flushes, and however often', async () => {
    const told = async (index: number, results: (ReturnType<typeof at> | { outcome: 'unreachable' } | null)[]) => {
      const object = ledger(index)
      for (const [i, result] of results.entries())
        await copying(object, { source: 'a', seq: i + 1, sent: [sentCopy(control('x'), result)] })
      return shown(object)
    }
    const arrived = { open: 1, funnel: { admitted: 1, submitted: 1 }, dropped: {} }
    expect(await told(52, [at('v')])).toMatchObject(arrived)
    expect(await told(53, [null, at('v'), at('v'), null])).toMatchObject(arrived)
    const failed = { outcome: 'unreachable' } as const
    const gone = { open: 0, funnel: { admitted: 1, submitted: 0 }, dropped: { submit_unreachable: 1 } }
    expect(await told(54, [failed])).toMatchObject(gone)
    expect(await told(55, [null, failed, failed])).toMatchObject(gone)
  })

  it('count as scored once, however often they are measured and by whom', async () => {
    const object = ledger(43)
    const measured = control('measured')
    await copyOf(object, measured)
    const uncopied = { replica: measured.replica, upstreamId: 'video-uncopied' }
    expect(await object.score([measured, uncopied, measured])).toEqual([true, false, true])
    await evictDurableObject(object)
    expect(await object.score([measured])).toEqual([true])
    expect((await shown(object)).funnel).toMatchObject({ admitted: 1, scored: 1 })
  })

  it("are stopped at the backend after a rollback, and counted as nobody's fault", async () => {
    const object = ledger(42)
    await copyOf(object, control('stopped'), at('video-copy'))
    await object.cancelShadows(1)
    await object.cancelShadows(1)
    expect(await runDurableObjectAlarm(object)).toBe(true)
    expect(backends.calls.map(({ method, url }) => [method, url])).toEqual([
      ['DELETE', 'http://candidate.test/v1/videos/video-copy'],
    ])
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: { cancelled: 1 } })
  })

  it('are stopped at once though another replica of the arm is gone, which is asked again later', async () => {
    const object = ledger(57)
    // Of a replica that is configured no more, and stands first.
    for (const name of ['a', 'b']) await copyOf(object, control(name), { upstreamId: `gone-${name}`, replica: 1 })
    await copyOf(object, control('here'), at('video-here'))
    await object.cancelShadows(1)
    expect(await runDurableObjectAlarm(object)).toBe(true)
    expect(backends.calls.map(({ method, url }) => [method, url])).toEqual([
      ['DELETE', 'http://candidate.test/v1/videos/video-here'],
    ])
  })

  it.each([
    [58, 429, 2],
    [59, 503, 3],
    [60, 500, Infinity],
  ])(
    'are asked to stop again by ledger %i after %i, which ends at the call %d, though five times at most',
    async (index, status, endsAt) => {
      const object = ledger(index)
      await copyOf(object, control('busy'), at('video-copy'))
      backends.answer(() => new Response('<h1>busy</h1>', { status: backends.calls.length < endsAt ? status : 200 }))
      await object.cancelShadows(1)
      for (let i = 0; i < 8; i++) {
        await runDurableObjectAlarm(object)
        vi.setSystemTime(Date.now() + 60_000)
      }
      const asked = backends.calls.map(({ method, url }) => `${method} ${url}`)
      expect(asked).toEqual(Array(Math.min(5, endsAt)).fill('DELETE http://candidate.test/v1/videos/video-copy'))
    },
  )

  it('whose poll is answered without end cost no more than the cap: the answer is cut off, not read', async () => {
    const object = ledger(47)
    await copyOf(object, control('endless'), at('video-copy'))
    const seen = { bytes: 0, isCutOff: false }
    const pull = (stream: ReadableStreamDefaultController<Uint8Array>) => {
      seen.bytes += 64 * 1024
      stream.enqueue(new Uint8Array(64 * 1024).fill(32))
    }
    const cancel = () => void (seen.isCutOff = true)
    backends.answer(() => new Response(new ReadableStream({ pull, cancel }, { highWaterMark: 0 })))
    vi.setSystemTime(T0 + 1000)
    expect(await runDurableObjectAlarm(object)).toBe(true)
    expect(seen.isCutOff).toBe(true)
    expect(seen.bytes).toBeLessThan(2 * 1024 * 1024)
  })

  it.each([
    ['under way at the rollback', 44, true],
    ['begun by an isolate that had not heard of it yet', 56, false],
  ])('%s are stopped once their id is known, after an eviction too', async (_, index, isToldBefore) => {
    const object = ledger(index)
    const copied = control('under-way')
    if (isToldBefore) await copying(object, { source: 'a', seq: 1, sent: [sentCopy(copied)] })
    await object.cancelShadows(1)
    expect(backends.calls).toEqual([])
    const lease = await copying(object, { source: 'a', seq: 2, sent: [sentCopy(copied, at('video-late'))], spare: 9 })
    expect(lease).toEqual({ granted: 0, forMs: 0, refusal: 'rolled_back' })
    await evictDurableObject(object)
    for (let i = 0; i < 3; i++) {
      vi.setSystemTime(T0 + (i + 1) * 10_000)
      await runDurableObjectAlarm(object)
    }
    expect(backends.calls.map(({ method, url }) => [method, url])).toEqual([
      ['DELETE', 'http://candidate.test/v1/videos/video-late'],
    ])
    expect(await shown(object)).toMatchObject({
      open: 0,
      funnel: { admitted: 1, submitted: 1 },
      dropped: { rolled_back: 1 },
    })
  })
})
