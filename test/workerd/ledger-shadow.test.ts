/** Shadow copies in the ledger: admitted within their caps, followed to their end, stopped after a rollback. */
import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { counted, entry, ledger } from '../support/workerd/objects.ts'
import { backendsOfEachTest, shows, T0 } from '../support/workerd/stub-backends.ts'

const backends = backendsOfEachTest()

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
    expect(backends.calls.map(({ method, url }) => [method, url])).toEqual([
      ['DELETE', 'http://candidate.test/v1/videos/video-copy'],
    ])
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: { cancelled: 1 } })
  })

  it('whose poll is answered without end cost no more than the cap: the answer is cut off, not read', async () => {
    const object = ledger(47)
    const admission = await object.admitShadow({ control: entry('endless', { arm: 'control' }) })
    if (!admission.admitted) throw new Error(admission.reason)
    await object.shadowSubmitted(admission.id, { upstreamId: 'video-copy', replica: entry('x').replica })
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

  it('are refused for a run that was rolled back, also by a cold object, and admitted for the next', async () => {
    const object = ledger(46)
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
    expect(backends.calls).toEqual([])
    await object.shadowSubmitted(admission.id, { upstreamId: 'video-late', replica: entry('x').replica })
    await evictDurableObject(object)
    for (let i = 0; i < 3; i++) {
      vi.setSystemTime(T0 + (i + 1) * 10_000)
      await runDurableObjectAlarm(object)
    }
    expect(backends.calls.map(({ method, url }) => [method, url])).toEqual([
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
