/** Exposures and events through the Worker's own entry point into the real ledger: each subject and each id counted once. */
import { env, exports } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { hashToken } from '../../src/auth/tokens.ts'
import type { Env } from '../../src/config/env.ts'
import { positionOf } from '../../src/core/assignment.ts'
import { idKeys } from '../../src/core/id-keys.ts'
import { ownerOf } from '../../src/core/job-id.ts'
import type { BatchAnswer } from '../../src/api/experiment.ts'
import type { ReleaseView } from '../../src/api/index.ts'
import type { JobLedger } from '../../src/durable/job-ledger.ts'
import { ledgerAt } from '../../src/durable/stubs.ts'

const RELEASE = 'measured'
const KEY = 'a-key-in-a-page'
const bindings = env as unknown as Env
bindings.SLUICE_EVENT_KEYS = JSON.stringify([{ name: 'player', sha256: hashToken(KEY) }])
const ledger = () => ledgerAt(bindings, RELEASE, 0) as unknown as JobLedger
const entryPoint = () => (exports as unknown as { default: Fetcher }).default

async function api(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  return entryPoint().fetch(`http://127.0.0.1/_sluice/api/v1${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

const operator = { authorization: 'Bearer token-of-operator' }
const play = (subject: string, value: number, id?: string) => ({
  release: RELEASE,
  subject,
  metric: 'play',
  value,
  ...(id ? { id } : {}),
})

/** The backends of this configuration can't be reached: the submit fails, and its subject is exposed all the same. */
async function submit(subject: string): Promise<void> {
  const response = await entryPoint().fetch('http://127.0.0.1/v1/videos', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-user-id': subject },
    body: JSON.stringify({ model: 'measured', prompt: 'a cat', seconds: '4' }),
  })
  await response.body?.cancel()
  expect(response.status).toBe(502)
}

async function until<T>(read: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 150; tries++) {
    const value = await read()
    if (good(value)) return value
    await scheduler.wait(200)
  }
  throw new Error(`never came: ${JSON.stringify(await read())}`)
}

const question = (epoch: number) => ({
  epochs: [epoch],
  metrics: [{ name: 'play', kind: 'proportion' as const }],
  excluded: [],
  sinceMs: 10,
})

/** By what the gateway flushes after a submit. */
async function expose(...subjects: string[]): Promise<void> {
  const traits = { region: null, prompt: null, duration: null, visitor: null }
  const owners = subjects.map((subject) => ownerOf(`header:${subject}`, idKeys([bindings.SLUICE_COOKIE_KEY!]))[0]!)
  const exposed = owners.map((owner) => ({ owner, epoch: 50, arm: 'control' as const, percent: 50, at: 1, traits }))
  await ledger().flush({ submitted: [], seen: [], exposed })
}

beforeAll(() => expose('zoe', 'flood'))

describe('metrics of events', () => {
  const named = (n: number) => ({ ...play('zoe', 1), metric: `own_${n}` })

  it('from a page are those of the release: names made up there are refused, and never crowd out a good one', async () => {
    const rows = [...Array.from({ length: 300 }, (_, n) => named(n)), play('zoe', 0, 'configured')]
    const answer = await api('POST', `/events?key=${KEY}`, rows)
    expect(answer.status).toBe(207)
    const { accepted, details } = await answer.json<BatchAnswer>()
    expect([accepted, details.length, details[0]?.path]).toEqual([1, 300, '0.metric'])
    expect((await api('POST', '/events', [{ ...play('zoe', 1), metric: 'legitimate' }], operator)).status).toBe(200)
  })

  it('from an operator are no more than 200 names beside the configured ones', async () => {
    const rows = [...Array.from({ length: 205 }, (_, n) => named(n)), play('zoe', 0, 'configured-too')]
    const answer = await api('POST', '/events', rows, operator)
    expect(answer.status).toBe(207)
    const { details } = await answer.json<BatchAnswer>()
    // One name was new before.
    expect(details.map(({ path }) => path)).toEqual([199, 200, 201, 202, 203, 204].map((row) => `${row}.metric`))
  })

  it('have values of 1e12 at most in size', async () => {
    const answer = await api(
      'POST',
      '/events',
      [play('zoe', 1.1e12), play('zoe', -1.1e12), play('zoe', 1e12)],
      operator,
    )
    expect(answer.status).toBe(207)
    const { details } = await answer.json<BatchAnswer>()
    expect(details.map(({ path }) => path)).toEqual(['0.value', '1.value'])
  })

  it('that no number holds, or no sum would, are refused one by one', async () => {
    const values = ['1e155', '1e308', '1e400', '-1e400', `1${'0'.repeat(400)}`, '"NaN"', 'null', '1']
    const rows = values.map(
      (value, i) => `{"release":"${RELEASE}","subject":"zoe","metric":"play","value":${value},"id":"odd-${i}"}`,
    )
    const answer = await entryPoint().fetch('http://127.0.0.1/_sluice/api/v1/events', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...operator },
      body: `[${rows.join(',')}]`,
    })
    expect(answer.status).toBe(207)
    const { accepted, details } = await answer.json<BatchAnswer>()
    const paths = [...new Set(details.map(({ path }) => path))]
    expect([accepted, paths]).toEqual([1, [0, 1, 2, 3, 4, 5, 6].map((row) => `${row}.value`)])
  })

  it('count an id once for each metric, not once for all', async () => {
    const one = play('zoe', 1, 'one-id')
    const answer = await api('POST', '/events', [one, { ...one, metric: 'complaints' }, one], operator)
    expect(await answer.json()).toEqual({ accepted: 2, repeated: 1, details: [] })
  })

  it('of somebody who was never exposed are refused one by one', async () => {
    const answer = await api('POST', '/events', [play('zoe', 1), play('a-stranger', 1)], operator)
    expect(answer.status).toBe(207)
    const { accepted, details } = await answer.json<BatchAnswer>()
    expect([accepted, details.map(({ path }) => path)]).toEqual([1, ['1.subject']])
  })
})

describe('a subject', () => {
  it('is exposed by its first submit, and what it does is counted once under its arm', async () => {
    const act = { action: 'start', stage: 'canary-50', reason: 'go' }
    const started = await (await api('POST', `/releases/${RELEASE}/actions`, act, operator)).json<ReleaseView>()
    const subjects = ['ann', 'bob', 'cho', 'dan', '李雷']
    for (const subject of subjects) await submit(subject)
    await submit('ann')
    const splits = await until(
      async () => (await ledger().experiment(question(0))).splits,
      ([split]) => split?.n === 5,
    )
    const candidates = subjects.filter((subject) => positionOf(RELEASE, subject) >= 50)
    expect(splits).toEqual([{ epoch: started.epoch, n: 5, candidate: candidates.length, expected: 2.5 }])

    const rows = [play('ann', 1, 'e1'), play('ann', 1, 'e2'), play('李雷', 0, 'e3'), play('nobody', 1, 'e4')]
    const first = await api('POST', `/events?key=${KEY}`, rows)
    expect(first.headers.get('access-control-allow-origin')).toBe('*')
    expect(await first.json()).toMatchObject({ accepted: 3, repeated: 0, details: [{ path: '3.subject' }] })
    const again = await api('POST', '/events', rows.slice(0, 2), { 'x-sluice-key': KEY })
    expect(await again.json()).toEqual({ accepted: 0, repeated: 2, details: [] })

    const { metrics, crossed, traits } = await ledger().experiment(question(started.epoch))
    expect(crossed).toBe(0)
    const total = metrics.reduce((sum, { moments }) => sum + moments.n, 0)
    const played = metrics.reduce((sum, { moments }) => sum + moments.n * moments.meanY, 0)
    const events = metrics.reduce((sum, { moments }) => sum + moments.n * moments.meanX, 0)
    expect([total, played, events]).toEqual([5, 1, 3])
    const ofAnn = candidates.includes('ann') ? 'candidate' : 'control'
    expect(metrics.find(({ moments }) => moments.meanY > 0)?.arm).toBe(ofAnn)
    expect(traits).toContainEqual({
      trait: 'prompt',
      bucket: 'short',
      control: 5 - candidates.length,
      candidate: candidates.length,
    })
  })

  it('that saw both arms is left out and counted', async () => {
    const exposure = { epoch: 99, percent: 50, traits: { region: null, prompt: null, duration: null, visitor: null } }
    await ledger().flush({
      submitted: [],
      seen: [],
      exposed: [
        { ...exposure, owner: 'a'.repeat(12), arm: 'control', at: 1 },
        { ...exposure, owner: 'a'.repeat(12), arm: 'candidate', at: 2 },
        { ...exposure, owner: 'b'.repeat(12), arm: 'candidate', at: 2 },
      ],
    })
    const { metrics, crossed } = await ledger().experiment(question(99))
    expect(crossed).toBe(1)
    expect(metrics.map(({ arm, moments }) => [arm, moments.n])).toEqual([['candidate', 1]])
  })
})

describe('the entry point for pages', () => {
  it('tells browsers before they post that they may', async () => {
    const preflight = await entryPoint().fetch('http://127.0.0.1/_sluice/api/v1/events', {
      method: 'OPTIONS',
      headers: { origin: 'https://player.example', 'access-control-request-method': 'POST' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
    expect(preflight.headers.get('access-control-allow-headers')).toContain('x-sluice-key')
  })

  it('is shut for unknown keys, and the key opens nothing else', async () => {
    const wrong = await api('POST', '/events?key=guess', [play('ann', 1)])
    expect(wrong.status).toBe(401)
    expect(wrong.headers.get('access-control-allow-origin')).toBe('*')
    await wrong.body?.cancel()
    for (const path of ['/releases', '/signals']) {
      const other = await api(path === '/signals' ? 'POST' : 'GET', `${path}?key=${KEY}`, undefined, {
        'x-sluice-key': KEY,
      })
      expect(other.status).toBe(401)
      expect(other.headers.get('access-control-allow-origin')).toBeNull()
      await other.body?.cancel()
    }
  })

  it('shuts for a while where one address posts without end, and for that address alone', async () => {
    const from = (address: string) => ({ 'cf-connecting-ip': address, 'x-sluice-key': KEY })
    const rows = Array.from({ length: 1000 }, () => play('flood', 1))
    const statuses: number[] = []
    for (let i = 0; i < 4; i++) {
      const answer = await api('POST', '/events', rows, from('192.0.2.1'))
      statuses.push(answer.status)
      if (answer.status === 429) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
      await answer.body?.cancel()
    }
    expect(statuses).toEqual([200, 200, 200, 429])
    expect((await api('POST', '/events', [play('flood', 1)], from('192.0.2.2'))).status).toBe(200)
    expect((await api('POST', '/events', rows, operator)).status).toBe(200)
  })

  it('takes a subject or a job, and only jobs of the release', async () => {
    const rows = [
      { release: RELEASE, metric: 'play', value: 1 },
      { release: RELEASE, metric: 'play', value: 1, subject: 'ann', job_id: 'video_1' },
      { release: RELEASE, metric: 'play', value: 1, job_id: 'video_1' },
      play('zoe', 1, 'kept'),
    ]
    const answer = await api('POST', '/events', rows, operator)
    expect(answer.status).toBe(207)
    const { accepted, details } = await answer.json<BatchAnswer>()
    expect(accepted).toBe(1)
    expect(details.map(({ path }) => path)).toEqual(['0', '1', '2.job_id'])
  })
})
