/** Many clients that poll one job, and long lists: what the backends are asked for is bounded, what clients see is right. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ControlClient, eventually } from '../support/control-client.ts'
import { call, inParallel, poll, type Reply, routedBy, submit, subjectsOf } from '../support/data-plane.ts'
import { type Handler, jobOf, OddBackend, sendJson } from '../support/odd-backend.ts'
import { Gateway, release } from '../support/processes.ts'

const RELEASE = 'polled'
const JOBS = 100
/** Calls that a list may cost. */
const MAX_CALLS = 20

let control: OddBackend
let candidate: OddBackend
let gateway: Gateway
let client: ControlClient

/** How each job is shown; `queued` where it is not named. */
const status = new Map<string, string>()

const shows: Handler = ({ method, path }, response, backend) => {
  if (method === 'POST') return sendJson(response, 200, jobOf(backend, backend.newId(), { status: 'queued' }))
  const id = path.split('/').at(-1)!
  if (method === 'DELETE') status.set(id, 'deleted')
  if (!backend.knows(id) || status.get(id) === 'lost') return sendJson(response, 404, { detail: 'not found' })
  sendJson(response, 200, jobOf(backend, id, { status: status.get(id) ?? 'queued', size: '832x480' }))
}

beforeAll(async () => {
  ;[control, candidate] = await Promise.all([OddBackend.start('control'), OddBackend.start('candidate')])
  for (const backend of [control, candidate]) backend.answers(shows)
  const urls = { control: control.url, candidate: candidate.url }
  gateway = new Gateway({
    releases: {
      A: release(RELEASE, urls, { match: { paths: ['/v1'] }, quiet_after: '5m', job_timeout: '1h' }),
      B: release('native', urls, { match: { paths: ['/native'] }, id_mode: 'native', quiet_after: '5m' }),
    },
  })
  await gateway.start()
  client = new ControlClient(gateway, RELEASE)
  await client.act('start', { stage: 'canary-50' })
  await routedBy(gateway, 'canary-50')
})

afterEach(() => {
  for (const backend of [control, candidate]) backend.answers(shows)
  status.clear()
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([control?.close(), candidate?.close()])
})

const polls = (id: string) => control.calls.filter(({ method, path }) => method === 'GET' && path.endsWith(id))
const statusIn = ({ text }: Reply) => (JSON.parse(text) as { status: string }).status
const [owner, lister, other] = subjectsOf(RELEASE, 'control', 50, 3) as [string, string, string]

describe('polls of one job', () => {
  it('by 200 clients cost its backend a tenth at most, and are all answered and counted', async () => {
    const since = Date.now() - 1000
    const { id } = await submit(gateway, owner)
    const raw = control.lastId
    const replies = await inParallel(Array.from({ length: 600 }), 200, () => poll(gateway, id, owner))
    expect(new Set(replies.map((reply) => `${reply.status} ${reply.id} ${statusIn(reply)}`))).toEqual(
      new Set([`200 ${id} queued`]),
    )
    expect(new Set(replies.map((reply) => reply.headers.get('x-request-id'))).size).toBe(600)
    expect(polls(raw).length).toBeLessThanOrEqual(60)
    await eventually(
      'each poll is counted',
      () => client.counters(since),
      (rows) => rows.reduce((n, row) => n + (row.operation === 'poll' ? row.requests : 0), 0) === 600,
    )
  })

  it('are somebody else’s only as 404, also while one is under way', async () => {
    const { id } = await submit(gateway, owner)
    const replies = await Promise.all([poll(gateway, id, owner), poll(gateway, id, other), poll(gateway, id, owner)])
    expect(replies.map((reply) => reply.status)).toEqual([200, 404, 200])
  })

  it('are answered though the client whose poll they wait for has gone', async () => {
    const { id } = await submit(gateway, owner)
    const raw = control.lastId
    control.answers((sent, response, backend) => {
      // The first one is never answered.
      if (polls(raw).length > 1) shows(sent, response, backend)
    })
    const leaves = new AbortController()
    const left = call(gateway, 'GET', `/v1/videos/${id}`, owner, { signal: leaves.signal }).catch(() => 'left')
    await eventually(
      'it is under way',
      () => polls(raw).length,
      (n) => n === 1,
    )
    const others = Array.from({ length: 30 }, () => poll(gateway, id, owner))
    leaves.abort()
    const replies = await Promise.all(others)
    expect(await left).toBe('left')
    expect(new Set(replies.map((reply) => `${reply.status} ${statusIn(reply)}`))).toEqual(new Set(['200 queued']))
    expect(polls(raw).length).toBeLessThanOrEqual(6)
  })

  it('share that their backend is gone, and find it again', async () => {
    const { id } = await submit(gateway, owner)
    const raw = control.lastId
    control.answers((_, response) => response.destroy())
    const replies = await Promise.all(Array.from({ length: 30 }, () => poll(gateway, id, owner)))
    expect(new Set(replies.map((reply) => reply.status))).toEqual(new Set([502]))
    expect(polls(raw).length).toBeLessThanOrEqual(10)
    control.answers(shows)
    expect((await poll(gateway, id, owner)).status).toBe(200)
  })

  it('show at once what a DELETE has made of it', async () => {
    const { id } = await submit(gateway, owner)
    for (const shown of ['queued', 'deleted']) {
      expect(statusIn(await poll(gateway, id, owner))).toBe(shown)
      if (shown === 'queued') expect((await call(gateway, 'DELETE', `/v1/videos/${id}`, owner)).status).toBe(200)
    }
  })
})

describe('a list of 100 jobs', () => {
  interface Job {
    id: string
    status: string
    size?: string
    completed_at?: number | null
    error?: { code: string } | null
  }
  const list = async (path = '/v1/videos', subject = lister, limit = 100) => {
    const before = control.calls.length + candidate.calls.length
    const reply = await call(gateway, 'GET', `${path}?limit=${limit}`, subject)
    expect(reply.status).toBe(200)
    return {
      jobs: (JSON.parse(reply.text) as { data: Job[] }).data,
      calls: control.calls.length + candidate.calls.length - before,
    }
  }
  /** Newest first. */
  const ids: string[] = []
  const raws: string[] = []

  beforeAll(async () => {
    for (let i = 0; i < JOBS; i++) {
      ids.unshift((await submit(gateway, lister)).id)
      raws.unshift(control.lastId)
    }
  })

  it('costs 20 calls, the newest jobs first, and those that nobody has looked at with each next one', async () => {
    for (const raw of raws) status.set(raw, 'in_progress')
    const seen = new Set<string>()
    for (let round = 1; round <= 3; round++) {
      const { jobs, calls } = await list()
      expect(jobs.map(({ id }) => id)).toEqual(ids)
      expect(new Set(jobs.map((job) => job.status))).toEqual(new Set(['in_progress']))
      expect(calls).toBeLessThanOrEqual(MAX_CALLS)
      // What a backend shows has more than the ledger knows.
      const whole = jobs.filter(({ size }) => size !== undefined)
      if (round === 1) expect(whole.map(({ id }) => id)).toEqual(ids.slice(0, MAX_CALLS))
      for (const { id } of whole) seen.add(id)
    }
    expect(seen.size).toBeGreaterThan(MAX_CALLS)
  })

  it('shows how each has ended, whoever has seen it', async () => {
    for (const [i, raw] of raws.entries()) status.set(raw, i % 2 ? 'completed' : 'failed')
    await inParallel(ids, 10, (id) => poll(gateway, id, lister))
    const { jobs, calls } = await list()
    expect(jobs.map((job) => [job.id, job.status])).toEqual(ids.map((id, i) => [id, i % 2 ? 'completed' : 'failed']))
    expect(calls).toBeLessThanOrEqual(MAX_CALLS)
    const byLedger = jobs.filter(({ size }) => size === undefined)
    expect(byLedger.length).toBeGreaterThanOrEqual(JOBS - MAX_CALLS)
    for (const job of byLedger) {
      expect(typeof job.completed_at).toBe(job.status === 'completed' ? 'number' : 'object')
      expect(job.error?.code ?? null).toBe(job.status === 'completed' ? null : 'job_failed')
    }
  })

  it('fills its page past jobs that are gone, and asks for no more of them than that', async () => {
    const own: string[] = []
    for (let i = 0; i < 35; i++) {
      own.unshift((await submit(gateway, other)).id)
      if (i >= 10) status.set(control.lastId, 'lost')
    }
    // The first 20 are found to be gone; the others are shown by the ledger.
    const { jobs, calls } = await list('/v1/videos', other, 10)
    expect([jobs.map(({ id }) => id), calls]).toEqual([own.slice(20, 30), MAX_CALLS])
  })

  it('is the same after a rollback, and with ids of the backend’s own', async () => {
    const native: string[] = []
    for (let i = 0; i < 30; i++) {
      const body = JSON.stringify({ prompt: 'x', model: 'native' })
      const headers = { 'content-type': 'application/json' }
      native.unshift((await call(gateway, 'POST', '/native/v1/videos', lister, { body, headers })).id)
    }
    await client.act('rollback')
    await routedBy(gateway, 'rolled_back')
    const { jobs, calls } = await list('/native/v1/videos')
    expect([jobs.map(({ id }) => id), calls <= MAX_CALLS]).toEqual([native, true])
    const asked = await inParallel(native, 5, (id) => call(gateway, 'GET', `/native/v1/videos/${id}`, lister))
    expect(asked.map(({ id }) => id)).toEqual(native)
    expect((await list()).jobs.map(({ id }) => id)).toEqual(ids)
  })
})
