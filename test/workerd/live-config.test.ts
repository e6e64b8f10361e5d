import { env } from 'cloudflare:workers'
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { type LiveConfigFacade, liveConfig } from '../../src/durable/live-config-client.ts'
import type { LiveConfig } from '../../src/durable/live-config.ts'
import { upgradeLiveConfig } from '../../src/durable/live-config-data.ts'

const { LIVE_CONFIG } = env as unknown as { LIVE_CONFIG: DurableObjectNamespace }
const WHO = 'token:anna'

function stubOf(release: string): DurableObjectStub {
  return LIVE_CONFIG.get(LIVE_CONFIG.idFromName(`release:${encodeURIComponent(release)}`))
}

function published(version: number) {
  return { version, overlay: { min_jobs: version }, who: WHO, reason: 'try', at: '2026-11-24T08:00:00.000Z' }
}

describe('drafts', () => {
  it('are kept for each operator by themselves and given back as they were saved', async () => {
    const config = liveConfig(LIVE_CONFIG, 'drafts-each')
    await config.saveDraft(WHO, { min_jobs: 7 }, 3)
    await config.saveDraft('user:ben', { bake: '1h' }, 4)
    expect(await config.draft(WHO)).toMatchObject({ overlay: { min_jobs: 7 }, baseVersion: 3 })
    expect(await config.draft('user:ben')).toMatchObject({ overlay: { bake: '1h' }, baseVersion: 4 })
    expect(await config.draft('user:nobody')).toBeNull()
  })

  it('carry text beyond ASCII through the header that arguments travel in', async () => {
    const config = liveConfig(LIVE_CONFIG, '视频模型_灰度_2025')
    const overlay = { rules: [{ when: { subject: 'Ünïcode 🦊 视频 \n "quoted"' }, arm: 'candidate' }] }
    await config.saveDraft('user:安娜', overlay, 1)
    expect((await config.draft('user:安娜'))?.overlay).toEqual(overlay)
  })

  it('can be discarded, and discarding twice is no error', async () => {
    const config = liveConfig(LIVE_CONFIG, 'drafts-discarded')
    await config.saveDraft(WHO, { min_jobs: 7 }, 3)
    expect(await config.discardDraft(WHO)).toEqual({ ok: true })
    expect(await config.discardDraft(WHO)).toEqual({ ok: true })
    expect(await config.draft(WHO)).toBeNull()
  })

  it('are refused above 8 KB before anything is sent', async () => {
    const config = liveConfig(LIVE_CONFIG, 'drafts-large')
    await expect(config.saveDraft(WHO, { note: 'x'.repeat(8200) }, 1)).rejects.toMatchObject({ code: 'body_too_large' })
    expect(await config.draft(WHO)).toBeNull()
  })

  it('are limited in number, and a refusal changes nothing', async () => {
    const config = liveConfig(LIVE_CONFIG, 'drafts-many')
    for (let i = 0; i < 50; i++) await config.saveDraft(`user:${i}`, {}, 1)
    expect(await config.saveDraft('user:50', {}, 1)).toEqual({ ok: false, why: 'too_many' })
    expect(await config.saveDraft('user:49', { min_jobs: 1 }, 2)).toEqual({ ok: true })
    expect(await config.draft('user:50')).toBeNull()
  })
})

describe('published versions', () => {
  it('are listed newest first and recorded once each', async () => {
    const config = liveConfig(LIVE_CONFIG, 'published-list')
    await config.recordPublished(published(1))
    await config.recordPublished(published(2))
    await config.recordPublished(published(2))
    expect((await config.published(10)).map(({ version }) => version)).toEqual([2, 1])
    expect(await config.published(1)).toHaveLength(1)
  })

  it('do not go back behind a newer one', async () => {
    const config = liveConfig(LIVE_CONFIG, 'published-late')
    await config.recordPublished(published(5))
    expect(await config.recordPublished(published(4))).toEqual({ ok: false, why: 'older_than_known' })
  })
})

describe('saved views', () => {
  it('are replaced by name and removed by name', async () => {
    const config = liveConfig(LIVE_CONFIG, 'views')
    await config.saveView(WHO, { name: 'night', query: 'range=6h' })
    await config.saveView(WHO, { name: 'night', query: 'range=12h' })
    await config.saveView(WHO, { name: 'day', query: 'range=1h' })
    expect(await config.views(WHO)).toEqual([
      { name: 'night', query: 'range=12h' },
      { name: 'day', query: 'range=1h' },
    ])
    await config.removeView(WHO, 'night')
    expect(await config.views(WHO)).toEqual([{ name: 'day', query: 'range=1h' }])
  })
})

describe('after an eviction', () => {
  it('a call finds what was stored', async () => {
    const config = liveConfig(LIVE_CONFIG, 'evicted-call')
    await config.saveDraft(WHO, { min_jobs: 7 }, 3)
    await config.recordPublished(published(9))
    await evictDurableObject(stubOf('evicted-call'))
    expect(await config.draft(WHO)).toMatchObject({ overlay: { min_jobs: 7 }, baseVersion: 3 })
    expect(await config.published(5)).toEqual([published(9)])
  })

  it('an alarm works on what was stored instead of overwriting it with the defaults', async () => {
    const stub = stubOf('evicted-alarm')
    const config = liveConfig(LIVE_CONFIG, 'evicted-alarm')
    await config.saveDraft(WHO, { min_jobs: 7 }, 3)
    await config.recordPublished(published(9))
    await evictDurableObject(stub)
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    await evictDurableObject(stub)
    expect(await config.draft(WHO)).toMatchObject({ overlay: { min_jobs: 7 } })
    expect(await config.published(5)).toEqual([published(9)])
  })

  it('the alarm drops drafts that are older than a month, and only those', async () => {
    const stub = stubOf('old-drafts')
    const config = liveConfig(LIVE_CONFIG, 'old-drafts')
    await config.saveDraft('user:new', {}, 1)
    await runInDurableObject(stub as DurableObjectStub<never>, async (_object, state) => {
      const stored = (await state.storage.get<{ data: LiveConfig['data'] }>('data'))!
      stored.data.drafts['user:old'] = { overlay: {}, baseVersion: 1, savedAt: '2020-01-01T00:00:00.000Z' }
      await state.storage.put('data', stored)
    })
    await evictDurableObject(stub)
    expect(await config.draft('user:old')).not.toBeNull()
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    expect(await config.draft('user:old')).toBeNull()
    expect(await config.draft('user:new')).not.toBeNull()
  })
})

describe('stored data', () => {
  it('of a newer schema is refused, so that an older build overwrites nothing', () => {
    expect(() => upgradeLiveConfig({ schema: 2 })).toThrow('schema 2')
  })

  it('without a schema, or with keys missing, becomes complete', () => {
    expect(upgradeLiveConfig({})).toEqual({ schema: 1, drafts: {}, published: [], views: {} })
    expect(upgradeLiveConfig({ published: [published(1)] }).published).toEqual([published(1)])
  })
})

describe('what must not be callable', () => {
  const forbidden = [
    ...['destroy', 'persist', 'reset', 'constructor', '__proto__', 'then', 'state', 'alarm', 'setAlarm', 'fetch'].map(
      (name) => `call/${name}`,
    ),
    ...['getPersistable', 'loadFromStorage', 'toJSON', 'hasOwnProperty', 'valueOf', 'block', 'onLoad'].map(
      (name) => `call/${name}`,
    ),
    ...['state', 'data', 'id', 'draft'].map((name) => `get-prop/${name}`),
    ...['__proto__', 'data', 'state', 'draft'].map((name) => `set/${name}`),
    'call/draft/extra',
    'call/',
    'else/draft',
  ]

  it.each(forbidden)('%s is answered with 403 and changes nothing', async (path) => {
    const release = `forbidden-${path}`
    const stub = stubOf(release)
    const config = liveConfig(LIVE_CONFIG, release)
    await config.saveDraft(WHO, { min_jobs: 7 }, 3)
    const response = await stub.fetch(`https://itty-durable/do/${path}`, {
      headers: { 'do-content': '{"reset":true}' },
    })
    await response.body?.cancel()
    expect(response.status).toBe(403)
    expect(await config.draft(WHO)).toMatchObject({ overlay: { min_jobs: 7 } })
    await evictDurableObject(stub)
    expect(await config.draft(WHO)).toMatchObject({ overlay: { min_jobs: 7 } })
  })

  it('a body of another method is not callable either', async () => {
    const response = await stubOf('post').fetch('https://itty-durable/do/call/draft', { method: 'POST', body: '[]' })
    await response.body?.cancel()
    expect(response.status).toBe(403)
  })

  it('an argument that is no JSON is answered without internals', async () => {
    const response = await stubOf('garbage').fetch('https://itty-durable/do/call/draft', {
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
      'discardDraft',
      'draft',
      'published',
      'recordPublished',
      'removeView',
      'saveDraft',
      'saveView',
      'views',
    ] satisfies (keyof LiveConfigFacade)[])
    expect('then' in facade).toBe(false)
  })
})
