import { env } from 'cloudflare:workers'
import { evictDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { type ChangeResult, type LiveConfigFacade, liveConfig } from '../../src/durable/live-config-client.ts'
import {
  type ChangeRequest,
  emptyLiveConfig,
  type LiveConfigData,
  type Review,
  migrateLiveConfig,
  withEnding,
  withProposal,
} from '../../src/durable/live-config-data.ts'

const { LIVE_CONFIG } = env as unknown as { LIVE_CONFIG: DurableObjectNamespace }
const ANNA = 'token:anna'
const BEN = 'user:ben'
const AT = '2026-11-24T08:00:00.000Z'
const LATER = '2026-11-24T09:00:00.000Z'
const PROPOSAL = { title: 'fewer jobs', reason: 'few at night', patch: { min_jobs: 7 }, baseVersion: 3 }
const APPROVAL: Review = { who: BEN, at: LATER, verdict: 'approve', comment: 'fine', revision: 1 }
const DISCARDED = { status: 'discarded', who: ANNA, at: LATER, comment: '', version: null } as const
const PUBLISHED = { status: 'published', who: BEN, at: LATER, comment: '', version: 4 } as const

function stubOf(release: string): DurableObjectStub {
  return LIVE_CONFIG.get(LIVE_CONFIG.idFromName(`release:${encodeURIComponent(release)}`))
}

function kept(answer: ChangeResult): ChangeRequest {
  if (!answer.ok) throw new Error(answer.why)
  return answer.request
}

describe('change requests', () => {
  it('are numbered, carry who made them and why, and are given back newest first', async () => {
    const config = liveConfig(LIVE_CONFIG, 'numbered')
    expect(kept(await config.propose(PROPOSAL, ANNA, AT))).toEqual({
      ...PROPOSAL,
      id: 1,
      author: ANNA,
      createdAt: AT,
      updatedAt: AT,
      revision: 1,
      reviews: [],
      ending: null,
    })
    await config.propose({ ...PROPOSAL, title: 'another' }, BEN, LATER)
    expect((await config.changes()).map(({ id, author }) => [id, author])).toEqual([
      [2, BEN],
      [1, ANNA],
    ])
  })

  it('of the largest overlay, in any script, fit the header that arguments travel in', async () => {
    const config = liveConfig(LIVE_CONFIG, '视频模型_灰度_2025')
    const patch = { rules: [{ when: { subject: `Ünïcode 🦊 \n "quoted" ${'视'.repeat(5900)}` }, arm: 'candidate' }] }
    await config.propose({ ...PROPOSAL, reason: '"'.repeat(500), patch }, 'user:安娜', AT)
    expect((await config.changes())[0]).toMatchObject({ author: 'user:安娜', patch })
  })

  it('are refused above 64 KB before anything is sent', async () => {
    const config = liveConfig(LIVE_CONFIG, 'too-large')
    const large = { ...PROPOSAL, patch: { note: 'x'.repeat(65_600) } }
    await expect(config.propose(large, ANNA, AT)).rejects.toMatchObject({ code: 'body_too_large' })
    expect(await config.changes()).toEqual([])
  })

  it('are edited by whoever has seen their last revision, and by nobody else', async () => {
    const config = liveConfig(LIVE_CONFIG, 'edited')
    await config.propose(PROPOSAL, ANNA, AT)
    const both = await Promise.all([
      config.edit(1, 1, { patch: { bake: '1h' }, baseVersion: 4 }, LATER),
      config.edit(1, 1, { title: 'other' }, LATER),
    ])
    expect(both.map((each) => (each.ok ? each.request.revision : each.why))).toEqual([2, 'other_revision'])
    expect((await config.changes())[0]).toMatchObject({
      title: 'fewer jobs',
      patch: { bake: '1h' },
      baseVersion: 4,
      updatedAt: LATER,
    })
  })

  it('are reviewed at a revision: one that was edited meanwhile was not the one that was read', async () => {
    const config = liveConfig(LIVE_CONFIG, 'reviewed')
    await config.propose(PROPOSAL, ANNA, AT)
    await config.edit(1, 1, { title: 'other' }, LATER)
    expect(await config.review(1, APPROVAL)).toEqual({ ok: false, why: 'other_revision' })
    expect(kept(await config.review(1, { ...APPROVAL, revision: 2 })).reviews).toEqual([{ ...APPROVAL, revision: 2 }])
  })

  it('end once, and take nothing any more; what is published ends whatever its revision', async () => {
    const config = liveConfig(LIVE_CONFIG, 'ended')
    await config.propose(PROPOSAL, ANNA, AT)
    await config.edit(1, 1, { title: 'other' }, LATER)
    expect(await config.end(1, 1, DISCARDED)).toEqual({ ok: false, why: 'other_revision' })
    expect(kept(await config.end(1, null, PUBLISHED)).ending).toEqual(PUBLISHED)
    const closed = { ok: false, why: 'closed' }
    expect(await config.end(1, 2, DISCARDED)).toEqual(closed)
    expect(await config.edit(1, 2, { title: 'more' }, LATER)).toEqual(closed)
    expect(await config.review(1, { ...APPROVAL, revision: 2 })).toEqual(closed)
    expect(await config.end(2, null, DISCARDED)).toEqual({ ok: false, why: 'not_found' })
  })

  it('are published though somebody discarded them in that moment', async () => {
    const config = liveConfig(LIVE_CONFIG, 'both')
    await config.propose(PROPOSAL, ANNA, AT)
    await config.end(1, 1, DISCARDED)
    expect(kept(await config.end(1, null, PUBLISHED)).ending).toEqual(PUBLISHED)
    expect(await config.end(1, null, DISCARDED)).toEqual({ ok: false, why: 'closed' })
  })
})

describe('what is kept', () => {
  const proposed = (data: LiveConfigData, patch: Record<string, unknown> = {}) => {
    const change = withProposal(data, { ...PROPOSAL, patch }, ANNA, AT)
    if (!change.ok) throw new Error(change.why)
    return change.data
  }
  const filled = (n: number, from = emptyLiveConfig()) =>
    Array.from({ length: n }).reduce<LiveConfigData>((data) => proposed(data), from)

  it('has at most 50 open requests, and numbers go on where one has ended', () => {
    const full = filled(50)
    expect(withProposal(full, PROPOSAL, ANNA, AT)).toEqual({ ok: false, why: 'too_many' })
    const freed = withEnding(full, 7, 1, DISCARDED)
    if (!freed.ok) throw new Error(freed.why)
    expect(withProposal(freed.data, PROPOSAL, ANNA, AT)).toMatchObject({ ok: true, request: { id: 51 } })
  })

  it('forgets the oldest of those that have ended, never one that is open', () => {
    let data = filled(1)
    for (let id = 2; id <= 61; id++) {
      const ended = withEnding(proposed(data), id, 1, DISCARDED)
      if (!ended.ok) throw new Error(ended.why)
      data = ended.data
    }
    const ids = data.changes.map(({ id }) => id)
    expect(ids).toEqual([...Array.from({ length: 50 }, (_, i) => 61 - i), 1])
  })

  it('stays within what one stored value holds: the ended make room, then nothing more is taken', () => {
    const large = { note: 'x'.repeat(100_000) }
    const ended = withEnding(proposed(emptyLiveConfig(), large), 1, 1, DISCARDED)
    if (!ended.ok) throw new Error(ended.why)
    let data = ended.data
    for (let i = 0; i < 6; i++) data = proposed(data, large)
    expect(data.changes.map(({ id }) => id)).toEqual([7, 6, 5, 4, 3, 2])
    expect(withProposal(data, { ...PROPOSAL, patch: large }, ANNA, AT)).toEqual({ ok: false, why: 'too_many' })
  })

  it('has at most twenty reviews of a request', async () => {
    const config = liveConfig(LIVE_CONFIG, 'many-reviews')
    await config.propose(PROPOSAL, ANNA, AT)
    for (let i = 0; i < 20; i++) expect(await config.review(1, APPROVAL)).toMatchObject({ ok: true })
    expect(await config.review(1, APPROVAL)).toEqual({ ok: false, why: 'too_many' })
  })
})

describe('after an eviction', () => {
  it('between any two steps nothing is lost', async () => {
    const config = liveConfig(LIVE_CONFIG, 'evicted')
    const evicted = () => evictDurableObject(stubOf('evicted'))
    await config.propose(PROPOSAL, ANNA, AT)
    await evicted()
    await config.edit(1, 1, { title: 'other' }, LATER)
    await evicted()
    await config.review(1, { ...APPROVAL, revision: 2 })
    await evicted()
    await config.end(1, 2, PUBLISHED)
    await evicted()
    const [request] = await config.changes()
    expect(request).toMatchObject({ title: 'other', revision: 2, reviews: [{ who: BEN }], ending: PUBLISHED })
    expect(kept(await config.propose(PROPOSAL, ANNA, AT)).id).toBe(2)
  })
})

describe('stored data', () => {
  it('of a newer schema is refused, so that an older build overwrites nothing', () => {
    expect(() => migrateLiveConfig({ schema: 2 })).toThrow('schema 2')
  })

  it('without a schema, or with keys missing, becomes complete', () => {
    expect(migrateLiveConfig({})).toEqual(emptyLiveConfig())
  })
})

describe('what must not be callable', () => {
  const forbidden = [
    ...['destroy', 'persist', 'reset', 'constructor', '__proto__', 'then', 'state', 'alarm', 'setAlarm', 'fetch'].map(
      (name) => `call/${name}`,
    ),
    ...['getPersistable', 'upgrade', 'loadFromStorage', 'toJSON', 'hasOwnProperty', 'valueOf', 'block', 'onLoad'].map(
      (name) => `call/${name}`,
    ),
    ...['state', 'data', 'id', 'changes'].map((name) => `get-prop/${name}`),
    ...['__proto__', 'data', 'state', 'changes'].map((name) => `set/${name}`),
    'call/changes/extra',
    'call/',
    'else/changes',
  ]

  it.each(forbidden)('%s is answered with 403 and changes nothing', async (path) => {
    const release = `forbidden-${path}`
    const stub = stubOf(release)
    const config = liveConfig(LIVE_CONFIG, release)
    await config.propose(PROPOSAL, ANNA, AT)
    const response = await stub.fetch(`https://itty-durable/do/${path}`, {
      headers: { 'do-content': '{"reset":true}' },
    })
    await response.body?.cancel()
    expect(response.status).toBe(403)
    expect(await config.changes()).toMatchObject([PROPOSAL])
    await evictDurableObject(stub)
    expect(await config.changes()).toMatchObject([PROPOSAL])
  })

  it('a body of another method is not callable either', async () => {
    const response = await stubOf('post').fetch('https://itty-durable/do/call/changes', { method: 'POST', body: '[]' })
    await response.body?.cancel()
    expect(response.status).toBe(403)
  })

  it('an argument that is no JSON is answered without internals', async () => {
    const response = await stubOf('garbage').fetch('https://itty-durable/do/call/propose', {
      headers: { 'do-content': '["not packed"]' },
    })
    expect(response.status).toBe(500)
    expect(await response.json()).toEqual({ status: 500, error: 'live-config failed' })
  })
})

describe('the facade', () => {
  it('has the named methods and nothing else, so awaiting it is safe', async () => {
    const facade = await Promise.resolve(liveConfig(LIVE_CONFIG, 'facade'))
    expect(Object.keys(facade).sort()).toEqual([
      'changes',
      'edit',
      'end',
      'propose',
      'review',
    ] satisfies (keyof LiveConfigFacade)[])
    expect('then' in facade).toBe(false)
  })
})
