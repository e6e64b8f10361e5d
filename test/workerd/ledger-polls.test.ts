/** What the ledger polls by itself: hung backends hold up nobody else, what they hold times out, open jobs are evidence. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import type { WindowRow } from '../../src/core/window.ts'
import type { LedgerJob } from '../../src/durable/job-shapes.ts'
import { quantile } from '../../src/core/sketch.ts'
import { counted, entry, ledger } from '../support/workerd/objects.ts'
import { backendsOfEachTest, named, shows, T0 } from '../support/workerd/stub-backends.ts'

const backends = backendsOfEachTest()

function entries(n: number, name: string, over: Partial<LedgerJob> = {}): LedgerJob[] {
  return Array.from({ length: n }, (_, i) => entry(`${name}-${i}`, over))
}

async function jobWindows(object: ReturnType<typeof ledger>): Promise<WindowRow[]> {
  return (await object.windows(0, T0 + 3_600_000)).filter(({ series }) => series.operation === 'job')
}

/** Latencies counted over all windows, the longest of each, in seconds. */
async function latenciesOf(object: ReturnType<typeof ledger>): Promise<number[]> {
  const sketches = (await jobWindows(object)).map(({ counters }) => counters.sketches.latency)
  return sketches.filter((sketch) => sketch !== undefined).map((sketch) => quantile(sketch, 1)!)
}

it('a poll whose connection breaks is taken once more, and only once', async () => {
  const object = ledger(230)
  const broken = new Set<string>()
  backends.answer((call) => {
    const id = named(call)
    if (id === 'video-dead-0' || (id === 'video-stale-0' && !broken.has(id) && broken.add(id)))
      throw new Error('Network connection lost.')
    return shows(id, 'completed')
  })
  const submitted = [...entries(1, 'stale', { arm: 'control' }), ...entries(1, 'dead')]
  await object.flush({ submitted, seen: [] })
  vi.setSystemTime(T0 + 10_000)
  await runDurableObjectAlarm(object)
  expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: {} })
  expect(backends.calls.map(named).toSorted()).toEqual([
    ...['video-dead-0', 'video-dead-0'],
    ...['video-stale-0', 'video-stale-0'],
  ])
})

describe('a candidate that hangs', () => {
  it('is left alone once polls go unanswered, and delays no job of control', async () => {
    const object = ledger(200)
    const ours = entries(40, 'hung')
    const theirs = entries(20, 'fine', { arm: 'control' })
    backends.answer((call) => (call.url.startsWith('http://candidate') ? 'hangs' : shows(named(call), 'completed')))
    await object.flush({ submitted: [...ours, ...theirs], seen: [] })
    vi.setSystemTime(T0 + 10_000)
    await runDurableObjectAlarm(object)
    expect(await counted(object, 'job')).toEqual({ requests: 20, outcomes: {} })
    // None of control's looks has waited for an unanswered one.
    expect(backends.calls.slice(0, 22).filter(({ url }) => url.startsWith('http://control'))).toHaveLength(20)
    const asked = backends.calls.length - 20
    expect(asked).toBeLessThanOrEqual(3)
    vi.setSystemTime(T0 + 20_000)
    await runDurableObjectAlarm(object)
    expect(backends.calls.length - 20).toBeGreaterThan(asked)
  })

  it('is charged with each job past its deadline at once, by a few polls left unanswered since', async () => {
    const object = ledger(201)
    backends.answer(() => 'hangs')
    await object.flush({ submitted: entries(300, 'hung'), seen: [] })
    for (const at of [10_000, 16_000, 30_000, 55_000]) {
      vi.setSystemTime(T0 + at)
      await runDurableObjectAlarm(object)
    }
    expect((await counted(object, 'job')).requests).toBe(0)
    const before = backends.calls.length
    vi.setSystemTime(T0 + 60_000)
    await runDurableObjectAlarm(object)
    expect(await counted(object, 'job')).toEqual({ requests: 300, outcomes: { job_timeout: 300 } })
    expect(backends.calls.length - before).toBeLessThanOrEqual(3)
  })

  it('is not charged with jobs that it ended well before their deadline, though nobody looked until then', async () => {
    const object = ledger(202)
    backends.answer((call) => shows(named(call), 'completed'))
    await object.flush({ submitted: entries(50, 'done'), seen: [] })
    vi.setSystemTime(T0 + 60_000)
    await runDurableObjectAlarm(object)
    expect(await counted(object, 'job')).toEqual({ requests: 50, outcomes: {} })
  })
})

describe('a backend that answers only its users', () => {
  it('is charged with nothing when a job’s time is up', async () => {
    const object = ledger(203)
    backends.answer(() => new Response('{}', { status: 401 }))
    await object.flush({ submitted: entries(5, 'private'), seen: [] })
    for (const at of [10_000, 30_000, 60_000]) {
      vi.setSystemTime(T0 + at)
      await runDurableObjectAlarm(object)
    }
    expect((await object.jobs({}, null, 10)).items.map(({ status }) => status)).toEqual(Array(5).fill('not_observed'))
    expect(await counted(object, 'job')).toEqual({ requests: 5, outcomes: { not_observed: 5 } })
  })
})

describe('a backend whose polls are refused', () => {
  const wakes = async (object: ReturnType<typeof ledger>, status: number) => {
    backends.answer(() => new Response('{}', { status }))
    await object.flush({ submitted: entries(2, `refused-${status}`), seen: [] })
    for (const at of [10_000, 30_000, 60_000, 61_000]) {
      vi.setSystemTime(T0 + at)
      await runDurableObjectAlarm(object)
    }
    return counted(object, 'job')
  }

  it.each([302, 400, 405, 409, 422])('with %i is charged when their time is up', async (status) => {
    expect(await wakes(ledger(1000 + status), status)).toEqual({ requests: 2, outcomes: { job_timeout: 2 } })
  })

  it('with 410 has lost them', async () => {
    expect(await wakes(ledger(1410), 410)).toEqual({ requests: 2, outcomes: { job_lost: 2 } })
  })
})

describe('the latency of a job that nobody polls', () => {
  it('is at most what a poll on time says, and a second more than its backend tells', async () => {
    const object = ledger(210)
    backends.answer((call) => shows(named(call), 'completed', { created_at: 100, completed_at: 109 }))
    await object.flush({ submitted: [entry('on-time')], seen: [] })
    vi.setSystemTime(T0 + 10_500)
    await runDurableObjectAlarm(object)
    const [longest] = await latenciesOf(object)
    expect(longest).toBeCloseTo(10, 1)
  })

  it('is not counted where it may as well have ended at once, though its end is', async () => {
    const object = ledger(213)
    backends.answer((call) => shows(named(call), 'completed'))
    await object.flush({ submitted: [entry('unseen')], seen: [] })
    vi.setSystemTime(T0 + 10_500)
    await runDurableObjectAlarm(object)
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: {} })
    expect(await latenciesOf(object)).toEqual([])
  })

  it('is not counted where the poll came late, though its end is', async () => {
    const object = ledger(211)
    backends.answer((call) => shows(named(call), 'completed'))
    await object.flush({ submitted: [entry('late')], seen: [] })
    vi.setSystemTime(T0 + 40_000)
    await runDurableObjectAlarm(object)
    expect(await counted(object, 'job')).toEqual({ requests: 1, outcomes: {} })
    expect(await latenciesOf(object)).toEqual([])
  })

  it('is not counted where the poll had waited for its backend to answer again', async () => {
    const object = ledger(212)
    backends.answer(() => 'hangs')
    await object.flush({ submitted: entries(2, 'waited'), seen: [] })
    vi.setSystemTime(T0 + 10_000)
    await runDurableObjectAlarm(object)
    backends.answer((call) => shows(named(call), 'completed'))
    vi.setSystemTime(T0 + 20_000)
    await runDurableObjectAlarm(object)
    expect(await counted(object, 'job')).toEqual({ requests: 2, outcomes: {} })
    expect(await latenciesOf(object)).toEqual([])
  })

  it('is what its backend tells of it, however late the poll', async () => {
    const object = ledger(213)
    const times = { created_at: T0 / 1000, completed_at: T0 / 1000 + 7 }
    backends.answer((call) => shows(named(call), 'completed', times))
    await object.flush({ submitted: [entry('told')], seen: [] })
    vi.setSystemTime(T0 + 40_000)
    await runDurableObjectAlarm(object)
    const [longest] = await latenciesOf(object)
    expect(longest).toBeCloseTo(8, 1)
  })
})

describe('open jobs beyond the age that counts as slow', () => {
  const overdue = { epoch: 1, sinceMs: T0, shadow: false, seconds: 5, perClipSeconds: null }
  const ask = (object: ReturnType<typeof ledger>) => object.report({ fromMs: 0, toMs: T0 + 3_600_000, overdue })

  async function slow(object: ReturnType<typeof ledger>): Promise<{ requests: number; latencies: number }> {
    let [requests, latencies] = [0, 0]
    for (const { counters } of await jobWindows(object)) {
      requests += counters.requests
      latencies += (counters.sketches.latency?.count ?? 0) + (counters.sketches.open?.count ?? 0)
    }
    return { requests, latencies }
  }

  it('are latencies of the candidate, and ages at control, before they end, each once, and no requests yet', async () => {
    const object = ledger(220)
    backends.answer((call) => shows(named(call), 'in_progress'))
    const control = ['a', 'b'].map((name) => entry(`of-control-${name}`, { arm: 'control' }))
    await object.flush({ submitted: [...entries(3, 'open'), entry('old', { epoch: 0 }), ...control], seen: [] })
    vi.setSystemTime(T0 + 4900)
    await ask(object)
    expect(await slow(object)).toEqual({ requests: 0, latencies: 0 })
    vi.setSystemTime(T0 + 5500)
    await ask(object)
    // They may have ended long ago: nobody has looked since.
    expect(await slow(object)).toEqual({ requests: 0, latencies: 0 })
    await runDurableObjectAlarm(object)
    expect(backends.calls).toHaveLength(5)
    vi.setSystemTime(T0 + 6000)
    const { windows } = await ask(object)
    expect(await slow(object)).toEqual({ requests: 0, latencies: 5 })
    const seen = windows.filter(({ counters }) => Object.keys(counters.sketches).length > 0)
    const byArm = Object.fromEntries(seen.map(({ series, counters }) => [series.arm, counters.sketches]))
    expect(byArm).toEqual({
      candidate: { latency: expect.objectContaining({ count: 3 }) },
      control: { open: expect.objectContaining({ count: 2 }) },
    })
    for (const { series } of seen) expect(series).toMatchObject({ epoch: 1, shadow: false })
    const sketches = [byArm['candidate']!.latency!, byArm['control']!.open!]
    for (const sketch of sketches) expect(quantile(sketch, 1)).toBeCloseTo(6, 1)
    vi.setSystemTime(T0 + 9000)
    await ask(object)
    expect(await slow(object)).toEqual({ requests: 0, latencies: 5 })
  })

  it('are in shadow those of control, and none of the candidate’s users', async () => {
    const object = ledger(224)
    backends.answer((call) => shows(named(call), 'in_progress'))
    await object.flush({ submitted: [...entries(2, 'users'), entry('of-control', { arm: 'control' })], seen: [] })
    vi.setSystemTime(T0 + 6000)
    const question = { fromMs: 0, toMs: T0 + 3_600_000, overdue: { ...overdue, shadow: true } }
    await object.report(question)
    await runDurableObjectAlarm(object)
    const { windows } = await object.report(question)
    const marked = windows.filter(({ counters }) => Object.keys(counters.sketches).length > 0)
    expect(marked.map(({ series, counters }) => [series.arm, Object.keys(counters.sketches)])).toEqual([
      ['control', ['open']],
    ])
  })

  it('of control tell their latency when they end, those of the candidate no second one', async () => {
    const object = ledger(225)
    backends.answer((call) => shows(named(call), 'in_progress'))
    await object.flush({ submitted: [...entries(1, 'open'), entry('of-control', { arm: 'control' })], seen: [] })
    vi.setSystemTime(T0 + 6000)
    await ask(object)
    await runDurableObjectAlarm(object)
    vi.setSystemTime(T0 + 7000)
    await ask(object)
    const times = { created_at: T0 / 1000, completed_at: T0 / 1000 + 7 }
    backends.answer((call) => shows(named(call), 'completed', times))
    vi.setSystemTime(T0 + 60_000)
    await runDurableObjectAlarm(object)
    const { windows } = await ask(object)
    const of = (arm: string) => windows.filter(({ series }) => series.arm === arm).map(({ counters }) => counters)
    const count = (arm: string, measure: 'latency' | 'open') =>
      of(arm).reduce((sum, { sketches }) => sum + (sketches[measure]?.count ?? 0), 0)
    expect([count('candidate', 'latency'), count('candidate', 'open')]).toEqual([1, 0])
    expect([count('control', 'latency'), count('control', 'open')]).toEqual([1, 1])
    expect(await counted(object, 'job')).toEqual({ requests: 2, outcomes: {} })
  })

  it('that had ended unseen are found ended, and are not slow', async () => {
    const object = ledger(222)
    backends.answer((call) => shows(named(call), 'completed'))
    await object.flush({ submitted: entries(3, 'ended'), seen: [] })
    vi.setSystemTime(T0 + 6000)
    await ask(object)
    await runDurableObjectAlarm(object)
    await ask(object)
    expect(await slow(object)).toEqual({ requests: 3, latencies: 0 })
  })

  it('count by their whole age, queue and all, however short their run per clip may be', async () => {
    const object = ledger(223)
    const job = entry('queued', { work: 81 * 832 * 480 })
    const open = {
      job,
      outcome: null,
      reported: { queueSeconds: null, runSeconds: null, totalSeconds: null },
      at: T0 + 4900,
    }
    await object.flush({ submitted: [job], seen: [] })
    vi.setSystemTime(T0 + 4900)
    await object.flush({ submitted: [], seen: [open] })
    const span = { fromMs: 0, toMs: T0 + 3_600_000 }
    await object.report({ ...span, overdue: { ...overdue, perClipSeconds: 1 } })
    expect(await slow(object)).toEqual({ requests: 0, latencies: 0 })
  })

  it('are not counted as latencies again when they end', async () => {
    const object = ledger(221)
    backends.answer((call) => shows(named(call), 'in_progress'))
    await object.flush({ submitted: entries(3, 'ending'), seen: [] })
    vi.setSystemTime(T0 + 6000)
    await ask(object)
    await runDurableObjectAlarm(object)
    await ask(object)
    backends.answer((call) => shows(named(call), 'completed'))
    vi.setSystemTime(T0 + 25_000)
    await runDurableObjectAlarm(object)
    expect(await slow(object)).toEqual({ requests: 3, latencies: 3 })
  })
})
