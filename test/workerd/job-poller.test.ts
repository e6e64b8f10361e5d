/** How due jobs become batches: side by side, bounded, half of what is free for any one backend; and what comes of calls that fail. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import { CopyPace } from '../../src/durable/ledger/copy-pace.ts'
import { JobPoller } from '../../src/durable/ledger/job-poller.ts'
import { JobTable } from '../../src/durable/ledger/job-table.ts'
import { releaseConfigOf } from '../../src/durable/stubs.ts'
import type { Backend, PollAnswer } from '../../src/durable/ledger/backend.ts'
import { type PollBatch, pollBatch, type Pollers, pollersOf, type PollResult } from '../../src/durable/poll-runner.ts'
import { WindowStore } from '../../src/durable/window-store.ts'
import { WriteOnce } from '../../src/durable/write-once.ts'
import { entry, ledger, RELEASE } from '../support/workerd/objects.ts'
import { waitFor } from '../support/wait-for.ts'

const T0 = 1_900_000_000_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: T0 })
})

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

interface Run {
  jobs: JobTable
  poller: JobPoller
  ended: string[]
}

/** A poller over an object's own tables, whose batches go where the test says. */
async function withPoller(index: number, pollers: Partial<Pollers>, run: (parts: Run) => Promise<void>): Promise<void> {
  await runInDurableObject(ledger(index) as unknown as DurableObjectStub<never>, async (_, { storage }) => {
    const jobs = new JobTable(storage.sql, new WindowStore(storage.sql, 1000, async () => undefined))
    const ended: string[] = []
    const poller = new JobPoller({
      jobs,
      pollers: { poll: async () => [], batches: 32, width: 6, ...pollers },
      pace: new CopyPace(jobs),
      writes: new WriteOnce(),
      release: releaseConfigOf(env as unknown as Env, RELEASE)!,
      ends: (row, { outcome }, now) => {
        ended.push(outcome)
        jobs.end(row, outcome, { queueSeconds: null, runSeconds: null, totalSeconds: null }, { seenAt: now }, now)
      },
    })
    await run({ jobs, poller, ended })
  })
}

function results(batch: PollBatch, answer: PollAnswer): PollResult[] {
  return batch.jobs.map(({ key }) => ({ key, answer, askedAt: Date.now(), answeredAt: Date.now() }))
}

function add({ jobs }: Run, n: number, name: string, over: Parameters<typeof entry>[1] = {}): void {
  for (let i = 0; i < n; i++) jobs.add(entry(`${name}-${i}`, over), { poll_at: Date.now() })
}

const open: PollAnswer['state'] = 'busy'

it('a thousand due jobs are polled in two wakes, in batches side by side, once the backend is known to answer', async () => {
  const batches: PollBatch[] = []
  let [underWay, most] = [0, 0]
  const poll = async (batch: PollBatch) => {
    batches.push(batch)
    most = Math.max(most, ++underWay)
    await scheduler.wait(5)
    underWay--
    return results(batch, { state: open })
  }
  await withPoller(400, { poll }, async (run) => {
    add(run, 1000, 'many')
    for (const most of [24, 48]) {
      await run.poller.round(T0 + 8000, Promise.resolve())
      await waitFor(() => expect(underWay).toBe(0))
      expect(batches.length).toBeLessThanOrEqual(most)
    }
  })
  const polled = new Set(batches.flatMap(({ jobs }) => jobs.map(({ key }) => key)))
  expect(batches[0]!.jobs).toHaveLength(2)
  expect(batches.every(({ jobs }) => jobs.length <= 24)).toBe(true)
  expect(polled.size).toBe(1000)
  expect(most).toBeGreaterThan(10)
})

it('a backend that hangs has one batch under way, and holds up nobody', async () => {
  let hung = 0
  const polled = new Set<string>()
  const poll = async (batch: PollBatch) => {
    if (batch.arm === 'candidate') {
      hung++
      return new Promise<never>(() => {})
    }
    for (const { key } of batch.jobs) polled.add(key)
    return results(batch, { state: open })
  }
  await withPoller(401, { poll }, async (run) => {
    add(run, 700, 'hung')
    add(run, 300, 'fine', { arm: 'control' })
    const round = run.poller.round(T0 + 8000, Promise.resolve())
    await waitFor(() => expect(polled.size).toBe(300))
    vi.setSystemTime(T0 + 9000)
    await round
    expect(hung).toBe(1)
    // The alarm comes again for what it has left under way.
    expect(run.poller.nextAt()).toBeLessThanOrEqual(Date.now())
  })
})

it('a backend that has answered and then hangs never has all batches', async () => {
  let hangs = false
  const underWay: string[] = []
  const poll = async (batch: PollBatch) => {
    if (!hangs) return results(batch, { state: open })
    underWay.push(batch.arm)
    return new Promise<never>(() => {})
  }
  await withPoller(402, { poll, batches: 8 }, async (run) => {
    add(run, 1, 'known')
    add(run, 1, 'known', { arm: 'control' })
    await run.poller.round(T0 + 8000, Promise.resolve())
    hangs = true
    add(run, 600, 'hung')
    const first = run.poller.round(T0 + 8000, Promise.resolve())
    await waitFor(() => expect(underWay).toHaveLength(4))
    add(run, 1, 'late', { arm: 'control' })
    await waitFor(() => expect(underWay).toContain('control'))
    vi.setSystemTime(T0 + 9000)
    await first
  })
})

it('jobs whose calls into the Worker all fail stay open, and end unobserved a minute after their deadline', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const poll = () => Promise.reject(new Error('overloaded'))
  await withPoller(403, { poll }, async (run) => {
    add(run, 5, 'unasked')
    for (let at = 0; at <= 118; at += 2) {
      vi.setSystemTime(T0 + at * 1000)
      await run.poller.round(Date.now() + 8000, Promise.resolve())
      expect(run.ended).toEqual([])
    }
    vi.setSystemTime(T0 + 120_000)
    await run.poller.round(Date.now() + 8000, Promise.resolve())
    expect(run.ended).toEqual(Array(5).fill('not_observed'))
  })
})

describe('copies', () => {
  const times = { queueSeconds: null, runSeconds: null, totalSeconds: null }
  const job = { id: 'x', status: 'running', failure: null, message: null, ...times } as const

  /** How often each of so many copies is polled in half a minute, whose jobs take that long; the first of the runs teaches. */
  async function pollsOf(index: number, n: number, seconds: number, totalSeconds: number | null, runs = 1) {
    let [polls, beganAt] = [0, T0]
    const poll = async (batch: PollBatch) => {
      polls += batch.jobs.length
      const isDone = Date.now() - beganAt >= seconds * 1000
      const shown = { ...job, status: isDone ? 'succeeded' : 'running', totalSeconds } as const
      return results(batch, { state: 'job', job: shown })
    }
    await withPoller(index, { poll }, async ({ jobs, poller }) => {
      for (let run = 0; run < runs; run++) {
        polls = 0
        beganAt = T0 + run * 60_000
        vi.setSystemTime(beganAt)
        const deadline_at = beganAt + 60_000
        for (let i = 0; i < n; i++)
          jobs.add(entry(`${index}-${run}-${i}`), { shadow: 1, poll_at: beganAt + 1000, deadline_at })
        for (let ms = 0; ms <= 30_000; ms += 250) {
          vi.setSystemTime(beganAt + ms)
          await poller.round(Date.now() + 8000, Promise.resolve())
        }
      }
    })
    return polls / n
  }

  it('of which none has ended yet are polled by a hundred of them for all', async () => {
    const few = await pollsOf(408, 50, Infinity, null)
    const many = await pollsOf(409, 1000, Infinity, null)
    expect(few).toBeGreaterThan(10)
    expect(many).toBeLessThan(few / 2)
  })

  it('take fewer polls once it is known when they end, and fewer still where their backend tells it', async () => {
    const cold = await pollsOf(410, 50, 25, null)
    const learnt = await pollsOf(411, 50, 25, null, 2)
    const told = await pollsOf(412, 50, 25, 25, 2)
    expect(learnt).toBeLessThan(cold / 3)
    expect(told).toBeLessThan(learnt)
  })
})

it('a poll sent before a deadline and answered after it says nothing of it', async () => {
  const job = { id: 'x', status: 'running', failure: null, message: null } as const
  const times = { queueSeconds: null, runSeconds: null, totalSeconds: null }
  let askedAt = T0 + 59_900
  const poll = async ({ jobs: [first] }: PollBatch): Promise<PollResult[]> => [
    { key: first!.key, answer: { state: 'job', job: { ...job, ...times } }, askedAt, answeredAt: T0 + 60_100 },
  ]
  await withPoller(404, { poll }, async (run) => {
    run.jobs.add(entry('across'), { poll_at: T0 + 59_900 })
    vi.setSystemTime(T0 + 60_100)
    const [row] = run.jobs.polls.due({ arm: 'candidate', shadow: false }, Date.now(), 1, { replicas: [], ids: [] })
    await run.poller.pollNow(row!)
    expect(run.ended).toEqual([])
    askedAt = T0 + 60_100
    await run.poller.pollNow(row!)
    expect(run.ended).toEqual(['job_timeout'])
  })
})

it('jobs whose polls are under way are due at once for the object that comes after this one, and end once', async () => {
  const gone = (batch: PollBatch) => results(batch, { state: 'gone' })
  let answer = () => {}
  const poll = (batch: PollBatch) => new Promise<PollResult[]>((resolve) => void (answer = () => resolve(gone(batch))))
  await withPoller(407, { poll }, async (run) => {
    add(run, 2, 'evicted')
    const round = run.poller.round(T0 + 8000, Promise.resolve())
    // Whatever comes meanwhile need not wake it.
    expect(run.poller.nextAt()).toBeNull()
    await withPoller(407, { poll: async (batch) => gone(batch) }, async (next) => {
      await next.poller.round(T0 + 8000, Promise.resolve())
      expect(next.ended).toEqual(['job_lost', 'job_lost'])
    })
    answer()
    await round
    expect(run.ended).toEqual([])
  })
})

it('a Worker that does not export the entry point polls from the object, within six connections', async () => {
  let [underWay, most] = [0, 0]
  const backend = {
    poll: async (): Promise<PollAnswer> => {
      most = Math.max(most, ++underWay)
      await scheduler.wait(1)
      underWay--
      return { state: open }
    },
  }
  const pollers = pollersOf({}, RELEASE, backend as unknown as Backend)
  await withPoller(405, pollers, async (run) => {
    add(run, 100, 'own')
    add(run, 100, 'own', { arm: 'control' })
    await run.poller.round(T0 + 8000, Promise.resolve())
    await waitFor(() => expect(underWay).toBe(0))
  })
  expect(most).toBeGreaterThan(2)
  expect(most).toBeLessThanOrEqual(6)
})

it('a batch asks no more of a backend that leaves two polls in a row unanswered', async () => {
  const asked: string[] = []
  const backend = { poll: async (_: unknown, id: string) => (asked.push(id), { state: 'unanswered' }) }
  const jobs = Array.from({ length: 40 }, (_, i) => ({ key: `k${i}`, upstreamId: `v${i}`, prefix: '' }))
  const batch = { arm: 'candidate', replica: 1, jobs, width: 6, asksForVideo: false } as const
  const told = await pollBatch(backend as unknown as Backend, batch)
  expect(asked.length).toBeLessThanOrEqual(7)
  expect(told.map(({ answer }) => answer.state)).toEqual(asked.map(() => 'unanswered'))
})

it('the Worker’s own exports are what batches go to', async () => {
  const own = new Map<string, unknown>()
  await runInDurableObject(ledger(406) as unknown as DurableObjectStub<never>, async (_, state) => {
    own.set('runner', (state.exports as unknown as Record<string, unknown>)['PollRunner'])
  })
  expect(own.get('runner')).toBeDefined()
})
