/** More ledgers than a release had: nothing is lost, counted twice or submitted again, whichever isolates have heard of them. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Env } from '../../../src/config/env.ts'
import { isPageCursor } from '../../../src/durable/controller/paging.ts'
import { act, good, history, view } from '../../support/workerd/controller-driver.ts'
import { DataPlane, inStillTime, REAL_OBJECTS, releaseTable, TO_CANDIDATE } from '../../support/workerd/data-plane.ts'
import { controller, counted, ledger, RELEASE } from '../../support/workerd/objects.ts'
import type { Objects } from '../../../src/gateway/deps.ts'
import { ScriptedBackends } from '../../support/workerd/scripted-backend.ts'

inStillTime()

const PATH = '/v1/videos'
/** By their hashes they are in one ledger of one, and in three of four. */
const USERS = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay']
const LEDGERS = [0, 1, 2, 3]

let backends: ScriptedBackends
beforeEach(() => {
  backends = new ScriptedBackends()
})

/** An isolate of a deployment with so many ledgers. */
function isolate(shards: number, objects: Objects = REAL_OBJECTS): DataPlane {
  const vars = { RELEASE_OBJECTS: releaseTable(RELEASE, { ledger_shards: shards, rescue: true }) }
  return new DataPlane(vars, (call) => backends.answer(call), objects)
}

/** What a deploy with so many of them does to the controller; it is noticed at its next tick or when it is next asked. */
async function deploy(shards: number): Promise<DataPlane> {
  await runInDurableObject(controller() as unknown as DurableObjectStub<never>, (object) => {
    const { RELEASE_OBJECTS, ...others } = env as unknown as Env & { RELEASE_OBJECTS: object }
    const held = object as unknown as { env: Env }
    held.env = { ...others, RELEASE_OBJECTS: { ...RELEASE_OBJECTS, ledger_shards: shards } } as unknown as Env
  })
  await view()
  return isolate(shards)
}

interface Job {
  as: string
  id: string
  raw: string
}

async function submitted(at: DataPlane, headers: Record<string, string> = {}): Promise<Job[]> {
  const jobs: Job[] = []
  for (const as of USERS) {
    const { id, status } = await at.send('POST', PATH, { as, body: { prompt: 'a red fox' }, headers })
    expect(status).toBe(200)
    jobs.push({ as, id, raw: backends.lastId })
  }
  return jobs
}

async function listOf(at: DataPlane, as: string): Promise<string[]> {
  const { text } = await at.send('GET', PATH, { as })
  return (JSON.parse(text) as { data: { id: string }[] }).data.map(({ id }) => id)
}

/** A second later every isolate that is asked looks for a newer snapshot. */
function aLittleLater(): void {
  vi.setSystemTime(Date.now() + 2000)
}

async function endsCounted(): Promise<number> {
  const each = await Promise.all(LEDGERS.map((index) => counted(ledger(index), 'job')))
  return each.reduce((sum, { requests }) => sum + requests, 0)
}

/** Users that each ledger knows as exposed. */
async function exposed(sinceMs: number, epochs: number[]): Promise<number[]> {
  const question = { epochs, metrics: [], excluded: [], sinceMs }
  const sums = await Promise.all(LEDGERS.map((index) => ledger(index).experiment(question)))
  return sums.map(({ splits }) => splits.reduce((sum, { n }) => sum + n, 0))
}

describe('a release that gets four ledgers in place of one', () => {
  it('has jobs reached by their ids and by their backends’ ids as before, and by nobody else', async () => {
    const jobs = await submitted(isolate(1))
    const after = await deploy(4)
    for (const { as, id, raw } of jobs) {
      const other = { as: USERS.find((user) => user !== as)! }
      expect((await after.send('GET', `${PATH}/${id}`, { as })).status).toBe(200)
      expect((await after.send('GET', `${PATH}/${id}/content`, { as })).text).toBe(`film at control.test/${raw}`)
      expect((await after.send('GET', `${PATH}/${id}`, other)).status).toBe(404)
      expect((await after.send('GET', `${PATH}/${raw}`, { as })).status).toBe(200)
      expect((await after.send('GET', `${PATH}/${raw}`, other)).status).toBe(404)
    }
  })

  it('lists each job once, from before and after, in isolates of both deployments', async () => {
    const before = isolate(1)
    const old = await submitted(before)
    const after = await deploy(4)
    aLittleLater()
    const young = [...(await submitted(after)), ...(await submitted(before))]
    for (const as of USERS) {
      const own = [...old, ...young].filter((job) => job.as === as).map(({ id }) => id)
      for (const at of [before, after]) expect((await listOf(at, as)).toSorted()).toEqual(own.toSorted())
    }
    const shown = (await controller().jobs({}, null, 100)).items.map(({ id }) => id)
    expect(shown.toSorted()).toEqual([...old, ...young].map(({ id }) => id).toSorted())
    const held = await Promise.all(LEDGERS.map((index) => ledger(index).jobs({}, null, 100)))
    expect(held.filter(({ items }) => items.length > 0).length).toBeGreaterThan(1)
  })

  it('counts each job’s end once, whichever isolates see it', async () => {
    await act('start', { stage: 'canary-100' })
    const before = isolate(1)
    const old = await submitted(before)
    const after = await deploy(4)
    aLittleLater()
    const jobs = [...old, ...(await submitted(after))]
    for (const at of [after, before, isolate(4), isolate(1)]) {
      for (const { as, id } of jobs) expect((await at.send('GET', `${PATH}/${id}`, { as })).status).toBe(200)
      expect(await endsCounted()).toBe(jobs.length)
    }
  })

  it('counts it once also where an isolate can hear of nothing new', async () => {
    let isDeaf = false
    const deaf = () => (isDeaf ? Promise.reject(new Error('away')) : null)
    const shard: Objects['shard'] = (of, name, index) => {
      const real = REAL_OBJECTS.shard(of, name, index)
      return {
        flush: (batch) => deaf() ?? real.flush(batch),
        post: (batch, letters) => deaf() ?? real.post(batch, letters),
        snapshot: () => deaf() ?? real.snapshot(),
      }
    }
    await act('start', { stage: 'canary-100' })
    const stale = isolate(1, { ...REAL_OBJECTS, shard })
    await submitted(stale)
    isDeaf = true
    const jobs = await submitted(await deploy(4))
    for (const { as, id } of jobs) expect((await stale.send('GET', `${PATH}/${id}`, { as })).status).toBe(200)
    expect(await endsCounted()).toBe(0)
    for (const { as, id } of jobs) await isolate(4).send('GET', `${PATH}/${id}`, { as })
    expect(await endsCounted()).toBe(jobs.length)
  })

  it('submits nothing again for a key that is known, whichever isolate is asked', async () => {
    const before = isolate(1)
    const keyed = (n: number) => ({ 'idempotency-key': `key-${n}` })
    const first = await submitted(before, keyed(1))
    const after = await deploy(4)
    aLittleLater()
    const second = await submitted(after, keyed(2))
    const third = await submitted(before, keyed(3))
    const sent = backends.calls.filter(({ method }) => method === 'POST').length
    expect(sent).toBe(3 * USERS.length)
    for (const at of [before, after, isolate(4), isolate(1)]) {
      for (const [n, jobs] of [first, second, third].entries())
        expect((await submitted(at, keyed(n + 1))).map(({ id }) => id)).toEqual(jobs.map(({ id }) => id))
    }
    expect(backends.calls.filter(({ method }) => method === 'POST').length).toBe(sent)
  })

  it('keeps keys apart where nobody tells an isolate of its ledgers', async () => {
    const first = await submitted(isolate(1), { 'idempotency-key': 'key' })
    await deploy(4)
    const away = () => Promise.reject(new Error('away'))
    const alone = {
      ...REAL_OBJECTS,
      shard: () => ({ flush: away, post: away, snapshot: away }),
      controller: () => ({ snapshot: away }),
    }
    const again = await submitted(isolate(4, alone), { 'idempotency-key': 'key' })
    expect(again.map(({ id }) => id)).toEqual(first.map(({ id }) => id))
  })

  it('asks one ledger for a key once a day has passed', async () => {
    await submitted(isolate(1))
    const after = await deploy(4)
    let claims = 0
    const counting: Objects['ledger'] = (of, name, index) => {
      const real = REAL_OBJECTS.ledger(of, name, index)
      return new Proxy(real, {
        get: (_, method: keyof typeof real) => {
          if (method === 'claim') claims++
          return (...args: never[]) => (real[method] as (...all: never[]) => unknown)(...args)
        },
      })
    }
    const isolates = () => isolate(4, { ...REAL_OBJECTS, ledger: counting })
    await submitted(isolates(), { 'idempotency-key': 'a' })
    expect(claims).toBeGreaterThan(USERS.length)
    claims = 0
    vi.setSystemTime(Date.now() + 25 * 3_600_000)
    await submitted(isolates(), { 'idempotency-key': 'b' })
    expect(claims).toBe(USERS.length)
    expect(after.calls.length).toBe(0)
  })

  it('sends failed jobs from before to control, once each, and shows them completed', async () => {
    const jobs = await submitted(isolate(1), TO_CANDIDATE)
    const after = await deploy(4)
    aLittleLater()
    for (const { raw } of jobs) backends.statusOf.set(raw, 'failed')
    for (const { as, id } of jobs) {
      const { text } = await after.send('GET', `${PATH}/${id}`, { as })
      expect(JSON.parse(text)).toMatchObject({ id, status: 'completed' })
    }
    const resubmits = backends.calls.filter(({ method, url }) => method === 'POST' && url.host === 'control.test')
    expect(resubmits.length).toBe(jobs.length)
    expect(await endsCounted()).toBe(jobs.length)
  })
})

describe('a release that gets four ledgers during an experiment', () => {
  it('keeps its subjects where they were exposed until the split changes', async () => {
    const begun = Date.now()
    await act('start', { stage: 'canary-50' })
    aLittleLater()
    const before = isolate(1)
    await submitted(before)
    const after = await deploy(4)
    aLittleLater()
    expect(await view()).toMatchObject({ stage: 'canary-50', epoch: 1 })
    await submitted(after)
    expect(await exposed(begun, [1])).toEqual([USERS.length, 0, 0, 0])
    expect((await history()).at(-1)!.reason).toContain('4 ledgers in place of 1 from the next stage or split on')

    await act('set_percent', { percent: 40 })
    aLittleLater()
    for (const at of [after, before]) await submitted(at)
    const second = await exposed(begun, [2])
    expect(second.filter((n) => n > 0).length).toBeGreaterThan(1)
    // The run's split goes by what was counted since: each subject at most once.
    const { srm } = good(await controller().report())
    expect(srm.epochs.map(({ epoch }) => epoch)).toEqual([2])
    expect(srm.observed.control + srm.observed.candidate).toBeLessThanOrEqual(USERS.length)
  })

  it('takes each event of its subjects once, wherever they are exposed now', async () => {
    await act('start', { stage: 'canary-50' })
    aLittleLater()
    await submitted(isolate(1))
    const after = await deploy(4)
    await act('set_percent', { percent: 40 })
    aLittleLater()
    await submitted(after)
    const played = (subject: string) => ({ release: RELEASE, subject, metric: 'play', value: 2, id: `play-${subject}` })
    const headers = { authorization: 'Bearer token-of-operator', 'content-type': 'application/json' }
    const body = JSON.stringify(USERS.map(played))
    const post = async () => (await after.request('POST', '/_sluice/api/v1/events', { headers, body })).json()
    expect(await post()).toMatchObject({ accepted: USERS.length, details: [] })
    await post()
    const question = { epochs: [2], metrics: [{ name: 'play', kind: 'mean' as const }], excluded: [], sinceMs: 0 }
    const sums = await Promise.all(LEDGERS.map((index) => ledger(index).experiment(question)))
    const all = sums.flatMap(({ metrics }) => metrics).reduce((sum, { moments: { n, meanY } }) => sum + n * meanY, 0)
    expect(all).toBe(2 * USERS.length)
  })

  it('knows a key from before the split changed, and lists all jobs', async () => {
    await act('start', { stage: 'canary-50' })
    aLittleLater()
    const before = isolate(1)
    const after = await deploy(4)
    const key = { 'idempotency-key': 'key' }
    const jobs = await submitted(after, key)
    expect((await submitted(before, key)).map(({ id }) => id)).toEqual(jobs.map(({ id }) => id))
    await act('set_percent', { percent: 40 })
    aLittleLater()
    for (const at of [before, after, isolate(4)]) {
      expect((await submitted(at, key)).map(({ id }) => id)).toEqual(jobs.map(({ id }) => id))
      for (const { as, id } of jobs) expect(await listOf(at, as)).toEqual([id])
    }
  })
})

it('a release that is given fewer ledgers keeps those that it has', async () => {
  const jobs = await submitted(await deploy(4))
  const after = await deploy(1)
  aLittleLater()
  for (const { as, id } of jobs) expect(await listOf(after, as)).toEqual([id])
  const shown: string[] = []
  for (let cursor: string | null = null, pages = 0; pages === 0 || cursor !== null; pages++) {
    expect(isPageCursor(cursor)).toBe(true)
    const page = await controller().jobs({}, cursor, 1)
    shown.push(...page.items.map(({ id }) => id))
    cursor = page.next
  }
  expect(shown.toSorted()).toEqual(jobs.map(({ id }) => id).toSorted())
  for (const { as, id } of jobs) await after.send('GET', `${PATH}/${id}`, { as })
  expect(await endsCounted()).toBe(jobs.length)
  expect((await history()).at(-1)!.reason).toContain('its 4 ledgers stay')
})

it('a job is in its owner’s list right after its submit, however many ledgers wait to be told', async () => {
  const plane = await deploy(64)
  const users = Array.from({ length: 12 }, (_, i) => `user-${i}`)
  await plane.send('POST', '/v1/videos', { as: 'first', body: { prompt: 'a red fox' } })
  // Within a flush's second.
  plane.isSlowToFlush = true
  const ids: string[] = []
  for (const as of users) ids.push((await plane.send('POST', '/v1/videos', { as, body: { prompt: 'a red fox' } })).id)
  for (const [i, as] of users.entries()) {
    expect((await plane.send('GET', `/v1/videos/${ids[i]}`, { as })).status).toBe(200)
    const { data } = JSON.parse((await plane.send('GET', '/v1/videos', { as })).text) as { data: { id: string }[] }
    expect(data.map(({ id }) => id)).toEqual([ids[i]])
  }
})
