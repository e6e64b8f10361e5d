/** Change requests of the live configuration through the Worker's own entry point: two people, evictions between any two steps. */
import { env, exports } from 'cloudflare:workers'
import { evictAllDurableObjects, reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import type { Env } from '../../../src/config/env.ts'
import type { ConfigView, HistoryEntry } from '../../../src/api/index.ts'
import type { ChangeDetail, ChangeView, VersionView } from '../../../src/api/changes.ts'
import type { ReleaseControllerRpc } from '../../../src/durable/controller-rpc.ts'
import { controllerOf } from '../../../src/durable/stubs.ts'
import { ControlFake, RELEASES } from '../../support/control-fake.ts'

const bindings = env as unknown as Env
type Person = 'viewer' | 'tester' | 'operator' | 'admin' | 'second'

afterEach(() => reset())

interface Answer<T> {
  status: number
  etag: string | null
  body: T & { error?: { code: string; message: string; details: { path: string; message: string }[] } }
}

/** Of a release whose changes take two people, and of one whose changes do not. */
const REVIEWED = '/api/v1/releases/reviewed/config'
const FREE = '/api/v1/releases/wan22/config'
const SPOILT = '/api/v1/releases/spoilt/config'

async function call<T>(as: Person, method: string, path: string, body?: unknown): Promise<Answer<T>> {
  const worker = (exports as unknown as { default: Fetcher }).default
  const response = await worker.fetch(`http://127.0.0.1/_sluice${path}`, {
    method,
    headers: { authorization: `Bearer token-of-${as}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, etag: response.headers.get('etag'), body: await response.json() }
}

async function good<T>(as: Person, method: string, path: string, body?: unknown): Promise<T> {
  const answer = await call<T>(as, method, path, body)
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  return answer.body
}

async function refused(
  as: Person,
  method: string,
  path: string,
  body?: unknown,
): Promise<[number, string | undefined]> {
  const { status, body: answer } = await call(as, method, path, body)
  return [status, answer.error?.code]
}

const propose = (as: Person, config: string, patch: object, title = 'fewer jobs') =>
  good<ChangeDetail>(as, 'POST', `${config}/changes`, { title, reason: 'few at night', patch })
const show = (config: string, id: number) => good<ChangeDetail>('viewer', 'GET', `${config}/changes/${id}`)
const versions = async (config: string) =>
  (await good<{ items: VersionView[] }>('viewer', 'GET', `${config}/versions`)).items

describe('a change request', () => {
  it('goes from a draft over a review into effect, through an eviction after each step', async () => {
    const made = await propose('operator', REVIEWED, { min_jobs: 3, shadow: { sample: 0.5 } })
    expect(made).toMatchObject({
      id: 1,
      author: 'token:operator',
      status: 'open',
      stale: false,
      issues: [],
      diff: [
        { key: 'min_jobs', from: { value: 50, source: 'default' }, to: { value: 3, source: 'live' } },
        { key: 'shadow.sample', to: { value: 0.5, source: 'live' } },
      ],
    })
    await evictAllDurableObjects()
    expect(await good('viewer', 'GET', `${REVIEWED}/changes?status=open`)).toMatchObject({ items: [{ id: 1 }] })
    expect((await good<ConfigView>('viewer', 'GET', REVIEWED)).overlay).toEqual({})
    const review = { revision: 1, verdict: 'approve', comment: 'fine' }
    await good('admin', 'POST', `${REVIEWED}/changes/1/reviews`, review)
    await evictAllDurableObjects()
    expect((await show(REVIEWED, 1)).approved_by).toEqual(['token:admin'])
    const published = await good<ChangeDetail>('second', 'POST', `${REVIEWED}/changes/1/publish`, { revision: 1 })
    expect(published).toMatchObject({ status: 'published', ending: { who: 'token:second', version: 1 } })
    await evictAllDurableObjects()
    expect(await show(REVIEWED, 1)).toMatchObject({ status: 'published', diff: made.diff })
    expect((await good<ConfigView>('viewer', 'GET', REVIEWED)).overlay).toEqual({
      min_jobs: 3,
      shadow: { sample: 0.5 },
    })
    expect(await versions(REVIEWED)).toMatchObject([
      {
        version: 1,
        who: 'token:second',
        reason: 'few at night',
        diff: made.diff,
        change: { id: 1, title: 'fewer jobs', author: 'token:operator', approved_by: ['token:admin'] },
        restored: null,
        break_glass: false,
      },
    ])
    expect(await good('viewer', 'GET', `${REVIEWED}/changes?status=open`)).toEqual({ items: [], next: null })
  })

  it('is published where the controller says so, though nobody came to tell live-config of it', async () => {
    await propose('operator', REVIEWED, { min_jobs: 3 })
    const change = { id: 1, title: 'fewer jobs', author: 'token:operator', approved_by: [] }
    const actor = { who: 'token:second', ifMatch: null }
    const controller = controllerOf(bindings, 'reviewed') as unknown as ReleaseControllerRpc
    expect(await controller.publish({ min_jobs: 3 }, 0, 'why', actor, { change })).toMatchObject({ ok: true })
    await evictAllDurableObjects()
    expect(await refused('admin', 'POST', `${REVIEWED}/changes/1/publish`, { revision: 1 })).toEqual([
      409,
      'change_closed',
    ])
    expect(await show(REVIEWED, 1)).toMatchObject({
      status: 'published',
      ending: { who: 'token:second', version: 1 },
      diff: [{ key: 'min_jobs', to: { value: 3 } }],
    })
    expect(await controller.publish({ min_jobs: 4 }, 1, 'again', actor, { change })).toMatchObject({
      ok: false,
      code: 'change_closed',
    })
    expect(await versions(REVIEWED)).toHaveLength(1)
  })

  it('is published once, whoever else tries at the same time', async () => {
    await propose('operator', REVIEWED, { min_jobs: 3 })
    const tries = await Promise.all(
      (['admin', 'second', 'admin', 'second'] as const).map((as) =>
        call(as, 'POST', `${REVIEWED}/changes/1/publish`, { revision: 1 }),
      ),
    )
    expect(tries.filter(({ status }) => status === 200)).toHaveLength(1)
    const others = tries.filter(({ status }) => status === 409)
    // Whoever comes second is not told to rebase what stands already.
    expect(others.map(({ body }) => body.error!.code)).toEqual(Array(3).fill('change_closed'))
    expect(await versions(REVIEWED)).toHaveLength(1)
  })

  it('of two that are published at the same moment one goes stale, and says by what', async () => {
    await propose('operator', REVIEWED, { min_jobs: 3 })
    await propose('operator', REVIEWED, { bake: '1h' })
    const publish = (as: Person, id: number) => call(as, 'POST', `${REVIEWED}/changes/${id}/publish`, { revision: 1 })
    const tries = await Promise.all([publish('admin', 1), publish('second', 2)])
    const lost = tries.find(({ status }) => status !== 200)!
    expect(tries.filter(({ status }) => status === 200)).toHaveLength(1)
    const [moved] = (await versions(REVIEWED))[0]!.diff
    expect([lost.status, lost.body.error]).toMatchObject([
      409,
      { code: 'change_stale', details: [{ path: moved!.key }] },
    ])
  })

  it('that has nothing left to change once it is rebased makes no version', async () => {
    await propose('operator', REVIEWED, { min_jobs: 3 })
    await propose('operator', REVIEWED, { min_jobs: 3 })
    await good('admin', 'POST', `${REVIEWED}/changes/1/publish`, { revision: 1 })
    const rebased = await good<ChangeDetail>('operator', 'POST', `${REVIEWED}/changes/2/rebase`, { revision: 1 })
    expect(rebased).toMatchObject({ stale: false, diff: [], revision: 2 })
    const { status, body } = await call('admin', 'POST', `${REVIEWED}/changes/2/publish`, { revision: 2 })
    expect([status, body.error]).toMatchObject([
      400,
      { code: 'invalid_request', message: expect.stringContaining('nothing is left to publish') },
    ])
    expect(await versions(REVIEWED)).toHaveLength(1)
    expect(await show(REVIEWED, 2)).toMatchObject({ status: 'open' })
  })

  it('is shown as published where the controller says so, though its author discarded it in that moment', async () => {
    await propose('operator', REVIEWED, { min_jobs: 3 })
    const change = { id: 1, title: 'fewer jobs', author: 'token:operator', approved_by: [] }
    const controller = controllerOf(bindings, 'reviewed') as unknown as ReleaseControllerRpc
    await good('operator', 'POST', `${REVIEWED}/changes/1/discard`, { revision: 1 })
    await controller.publish({ min_jobs: 3 }, 0, 'why', { who: 'token:second', ifMatch: null }, { change })
    const ending = { who: 'token:second', version: 1 }
    expect(await show(REVIEWED, 1)).toMatchObject({ status: 'published', ending })
  })

  it('goes stale when the base moves, says what moved, and goes on once it is rebased', async () => {
    await propose('operator', FREE, { min_jobs: 3 })
    await good('admin', 'POST', `${FREE}/changes/1/reviews`, { revision: 1, verdict: 'approve' })
    await good('admin', 'PATCH', `${FREE}?reason=slower`, { bake: '1h' })
    await evictAllDurableObjects()
    const moved = [
      { key: 'bake', from: { value: '1s', source: 'file' }, to: { value: '1h', source: 'live', file: '1s' } },
    ]
    expect(await show(FREE, 1)).toMatchObject({ stale: true, base_version: 0, version: 1, moved, issues: [] })
    const { status, body } = await call('admin', 'POST', `${FREE}/changes/1/publish`, { revision: 1 })
    expect([status, body.error]).toMatchObject([
      409,
      { code: 'change_stale', details: [{ path: 'bake', message: '"1s" (file) → "1h" (live)' }] },
    ])
    const rebased = await good<ChangeDetail>('operator', 'POST', `${FREE}/changes/1/rebase`, { revision: 1 })
    expect(rebased).toMatchObject({ stale: false, base_version: 1, revision: 2, approved_by: [] })
    await evictAllDurableObjects()
    expect(await refused('admin', 'POST', `${FREE}/changes/1/publish`, { revision: 1 })).toEqual([
      412,
      'version_mismatch',
    ])
    await good('admin', 'POST', `${FREE}/changes/1/publish`, { revision: 2 })
    expect((await good<ConfigView>('viewer', 'GET', FREE)).overlay).toEqual({ bake: '1h', min_jobs: 3 })
  })

  it('is edited by its author alone, and of two edits on one revision the second is refused', async () => {
    await propose('operator', FREE, { min_jobs: 3 })
    const edit = { revision: 1, patch: { min_jobs: 4 } }
    expect(await refused('admin', 'PATCH', `${FREE}/changes/1`, edit)).toEqual([409, 'not_author'])
    const edited = await good<ChangeDetail>('operator', 'PATCH', `${FREE}/changes/1`, edit)
    expect(edited).toMatchObject({ revision: 2, title: 'fewer jobs', patch: { min_jobs: 4 } })
    expect(await refused('operator', 'PATCH', `${FREE}/changes/1`, edit)).toEqual([412, 'version_mismatch'])
    await propose('admin', FREE, { min_jobs: 9 })
    expect(await refused('operator', 'POST', `${FREE}/changes/2/discard`, { revision: 1 })).toEqual([409, 'not_author'])
    expect(await refused('operator', 'POST', `${FREE}/changes/2/rebase`, { revision: 1 })).toEqual([409, 'not_author'])
    await good('admin', 'POST', `${FREE}/changes/1/discard`, { revision: 2, comment: 'not now' })
    expect(await show(FREE, 1)).toMatchObject({
      status: 'discarded',
      ending: { who: 'token:admin', comment: 'not now', version: null },
      diff: [{ key: 'min_jobs', to: { value: 4 } }],
    })
  })

  it('that is not valid, that changes nothing or that is not there is refused with the place', async () => {
    for (const [patch, path] of [
      [{ bake: 'soon' }, 'bake'],
      [{ require_review: false }, 'require_review'],
      [{ arms: {} }, 'arms'],
    ] as const) {
      const { status, body } = await call('operator', 'POST', `${REVIEWED}/changes`, { title: 'x', patch })
      expect([status, body.error?.details[0]?.path]).toEqual([400, path])
    }
    expect(await refused('operator', 'POST', `${FREE}/changes`, { title: 'x', patch: { bake: null } })).toEqual([
      400,
      'invalid_request',
    ])
    expect(await refused('operator', 'POST', `${FREE}/changes`, { title: 'x' })).toEqual([400, 'invalid_request'])
    expect(await refused('viewer', 'GET', `${FREE}/changes/1`)).toEqual([404, 'change_not_found'])
    expect(await refused('viewer', 'GET', `${FREE}/changes/first`)).toEqual([404, 'change_not_found'])
  })
})

describe('where changes take two people', () => {
  it('nobody approves or publishes his own, nor goes around it; a second person may', async () => {
    await propose('admin', REVIEWED, { min_jobs: 3 })
    const own = [409, 'review_required']
    const approval = { revision: 1, verdict: 'approve' }
    expect(await refused('admin', 'POST', `${REVIEWED}/changes/1/reviews`, approval)).toEqual(own)
    expect(await refused('admin', 'POST', `${REVIEWED}/changes/1/publish`, { revision: 1 })).toEqual(own)
    expect(await refused('admin', 'PATCH', REVIEWED, { min_jobs: 3 })).toEqual(own)
    await good('admin', 'POST', `${REVIEWED}/changes/1/reviews`, { revision: 1, verdict: 'comment', comment: 'urgent' })
    expect(await refused('operator', 'POST', `${REVIEWED}/changes/1/publish`, { revision: 1 })).toEqual([
      403,
      'forbidden',
    ])
    await good('second', 'POST', `${REVIEWED}/changes/1/publish`, { revision: 1 })
    expect(await refused('admin', 'DELETE', REVIEWED)).toEqual(own)
    expect(await refused('admin', 'POST', `${REVIEWED}/versions/0/restore`)).toEqual(own)
    expect(await refused('admin', 'PATCH', `${REVIEWED}?dry_run=true`, { min_jobs: 9 })).toEqual(own)
    expect(await refused('admin', 'DELETE', `${REVIEWED}?dry_run=true`)).toEqual(own)
    expect(await refused('admin', 'POST', `${REVIEWED}/versions/0/restore?dry_run=true`)).toEqual(own)
    const alone = `${REVIEWED}?dry_run=true&break_glass=true&reason=urgent`
    expect(await good('admin', 'PATCH', alone, { min_jobs: 9 })).toMatchObject({ version: 1 })
    expect((await good<ConfigView>('viewer', 'GET', REVIEWED)).overlay).toEqual({ min_jobs: 3 })
  })

  it('an earlier version comes back as a change request like any other', async () => {
    await propose('operator', REVIEWED, { min_jobs: 3, shadow: { sample: 0.5, max_in_flight: 3 } })
    await good('admin', 'POST', `${REVIEWED}/changes/1/publish`, { revision: 1 })
    await propose('operator', REVIEWED, { shadow: { sample: 1, max_in_flight: null }, bake: '1h' })
    await good('admin', 'POST', `${REVIEWED}/changes/2/publish`, { revision: 1 })
    const asked = { title: 'back to 1', restore: 1 }
    const back = await good<ChangeDetail>('admin', 'POST', `${REVIEWED}/changes`, asked)
    expect(back.patch).toEqual({ bake: null, shadow: { sample: 0.5, max_in_flight: 3 } })
    await good('second', 'POST', `${REVIEWED}/changes/3/publish`, { revision: 1 })
    const [third, , first] = await versions(REVIEWED)
    expect(third!.overlay).toEqual(first!.overlay)
    expect(await refused('admin', 'POST', `${REVIEWED}/changes`, { title: 'x', restore: 9 })).toEqual([
      400,
      'invalid_request',
    ])
  })

  it('one person may break the glass with a reason, which versions and history tell', async () => {
    expect(await refused('admin', 'PATCH', `${REVIEWED}?break_glass=true`, { min_jobs: 3 })).toEqual([
      400,
      'invalid_request',
    ])
    expect(await refused('operator', 'PATCH', `${REVIEWED}?break_glass=true&reason=x`, { min_jobs: 3 })).toEqual([
      403,
      'forbidden',
    ])
    await good('admin', 'PATCH', `${REVIEWED}?break_glass=true&reason=on%20fire`, { min_jobs: 3 })
    await evictAllDurableObjects()
    expect(await versions(REVIEWED)).toMatchObject([{ who: 'token:admin', reason: 'on fire', break_glass: true }])
    const { items } = await good<{ items: HistoryEntry[] }>('viewer', 'GET', '/api/v1/releases/reviewed/history')
    expect(items[0]).toMatchObject({ action: 'configure', evidence: { break_glass: true, overlay: { min_jobs: 3 } } })
    await good('admin', 'POST', `${REVIEWED}/versions/0/restore?break_glass=true&reason=over`)
    expect(await versions(REVIEWED)).toMatchObject([{ break_glass: true, restored: 0, overlay: {} }, {}])
  })

  it('and may so publish his own request, whose comment then is the reason', async () => {
    await propose('admin', REVIEWED, { min_jobs: 3 })
    const publish = (given: object) => ['POST', `${REVIEWED}/changes/1/publish`, { revision: 1, ...given }] as const
    expect(await refused('admin', ...publish({ comment: 'on fire' }))).toEqual([409, 'review_required'])
    expect(await refused('admin', ...publish({ break_glass: true }))).toEqual([400, 'invalid_request'])
    expect(await refused('operator', ...publish({ break_glass: true, comment: 'on fire' }))).toEqual([403, 'forbidden'])
    await good('admin', ...publish({ break_glass: true, comment: 'on fire' }))
    await evictAllDurableObjects()
    const change = { id: 1, author: 'token:admin', approved_by: [] }
    expect(await versions(REVIEWED)).toMatchObject([
      { who: 'token:admin', reason: 'on fire', break_glass: true, change },
    ])
    expect(await show(REVIEWED, 1)).toMatchObject({ status: 'published', ending: { comment: 'on fire', version: 1 } })
  })

  it('a second person who asks to break the glass breaks none', async () => {
    await propose('operator', REVIEWED, { min_jobs: 3 })
    await good('admin', 'POST', `${REVIEWED}/changes/1/publish`, {
      revision: 1,
      break_glass: true,
      comment: 'to be sure',
    })
    expect(await versions(REVIEWED)).toMatchObject([{ reason: 'to be sure', break_glass: false }])
  })
})

describe('where one person is enough', () => {
  it('an admin publishes his own request, restores by himself, and breaks no glass', async () => {
    await propose('admin', FREE, { min_jobs: 3 })
    await good('admin', 'POST', `${FREE}/changes/1/publish`, { revision: 1 })
    await good('admin', 'PATCH', `${FREE}?break_glass=true&reason=no%20need`, { min_jobs: 4 })
    const dry = await good<ConfigView>('admin', 'POST', `${FREE}/versions/1/restore?dry_run=true`)
    expect([dry.version, dry.overlay]).toEqual([2, { min_jobs: 3 }])
    const back = await good<ConfigView>('admin', 'POST', `${FREE}/versions/1/restore?reason=better`)
    expect([back.version, back.overlay]).toEqual([3, { min_jobs: 3 }])
    expect(await versions(FREE)).toMatchObject([
      { version: 3, restored: 1, reason: 'better', diff: [{ key: 'min_jobs', from: { value: 4 }, to: { value: 3 } }] },
      { version: 2, restored: null, break_glass: false },
      { version: 1, change: { id: 1 } },
    ])
    const again = await call('admin', 'POST', `${FREE}/versions/1/restore`)
    expect(again).toMatchObject({ status: 200, etag: '"3"', body: { version: 3, changed: false } })
  })

  it('versions come in pages, newest first', async () => {
    for (const n of [1, 2, 3]) await good('admin', 'PATCH', FREE, { min_jobs: n })
    const first = await good<{ items: VersionView[]; next: string }>('viewer', 'GET', `${FREE}/versions?limit=2`)
    expect(first.items.map(({ version }) => version)).toEqual([3, 2])
    const rest = await good<typeof first>('viewer', 'GET', `${FREE}/versions?limit=2&cursor=${first.next}`)
    expect([rest.items.map(({ version }) => version), rest.next]).toEqual([[1], null])
  })
})

describe('while live-config is away', () => {
  it('what is published stands and is answered so; the next read tells it what it missed', async () => {
    const rig = new ControlFake()
    const changes = `/api/v1/releases/${RELEASES[0]}/config/changes`
    await rig.request('POST', changes, { body: { title: 'fewer', patch: { min_jobs: 3 } } })
    rig.liveConfig.fails = true
    const response = await rig.request('POST', `${changes}/1/publish`, { body: { revision: 1 } })
    expect([response.status, await response.json<ChangeView>()]).toMatchObject([200, { status: 'published' }])
    expect(rig.logged).toMatchObject([{ event: 'change_not_closed', change: 1 }])
    expect(rig.liveConfig.data.changes[0]!.ending).toBeNull()
    rig.liveConfig.fails = false
    const list = await (await rig.request('GET', changes)).json<{ items: ChangeView[] }>()
    expect(list.items).toMatchObject([{ status: 'published', ending: { who: 'token:admin', version: 1 } }])
    expect(rig.liveConfig.data.changes[0]!.ending).toMatchObject({ status: 'published', version: 1 })
  })

  it('nothing that is asked for is said to be kept', async () => {
    const rig = new ControlFake()
    rig.liveConfig.fails = true
    const path = `/api/v1/releases/${RELEASES[0]}/config/changes`
    const response = await rig.request('POST', path, { body: { title: 'fewer', patch: { min_jobs: 3 } } })
    expect(response.status).toBe(503)
    await response.body?.cancel()
  })
})

describe('what live-config holds', () => {
  it('may be lost: a new change request is not taken for one that was published before', async () => {
    const proposed = (minJobs: number) =>
      good<ChangeDetail>('operator', 'POST', `${FREE}/changes`, {
        title: 'a',
        reason: 'b',
        patch: { min_jobs: minJobs },
      })
    const published = ({ id, revision }: ChangeDetail) =>
      good<ChangeDetail>('admin', 'POST', `${FREE}/changes/${id}/publish`, { revision })
    for (const minJobs of [7, 8]) await published(await proposed(minJobs))
    await spoil('wan22', {})
    const again = await proposed(9)
    expect(again).toMatchObject({ id: 3, status: 'open' })
    expect(await good<ChangeDetail>('viewer', 'GET', `${FREE}/changes/3`)).toMatchObject({ status: 'open' })
    expect(await published(again)).toMatchObject({ status: 'published' })
  })

  const BACK = { action: 'rollback', reason: 'it is night' }
  const spoil = async (release: string, data: unknown) => {
    const stub = bindings.LIVE_CONFIG.get(bindings.LIVE_CONFIG.idFromName(`release:${release}`))
    await runInDurableObject(stub, (_, { storage }) => storage.put('data', data))
    await evictAllDurableObjects()
  }

  it('of a newer schema stops change requests only: direct changes, versions, actions and pages go on', async () => {
    await good('operator', 'POST', `${SPOILT}/changes`, { title: 'a', reason: 'b', patch: { min_jobs: 7 } })
    await spoil('spoilt', { data: { schema: 3 } })
    expect(await call('operator', 'GET', `${SPOILT}/changes`)).toMatchObject({
      status: 503,
      body: { error: { code: 'control_plane_unavailable' } },
    })
    await good<ConfigView>('admin', 'PATCH', `${SPOILT}?reason=night`, { min_jobs: 8 })
    await good<ConfigView>('operator', 'GET', SPOILT)
    await good('operator', 'GET', `${SPOILT}/versions`)
    await good('operator', 'GET', '/api/v1/releases/spoilt/history')
    await good('operator', 'POST', '/api/v1/releases/spoilt/actions', { action: 'start' })
    await good('operator', 'POST', '/api/v1/releases/spoilt/actions', BACK)
    const worker = (exports as unknown as { default: Fetcher }).default
    const page = async (path: string) => {
      const headers = { authorization: 'Bearer token-of-admin', accept: 'text/html' }
      return (await worker.fetch(`http://127.0.0.1/_sluice/releases/spoilt${path}`, { headers })).status
    }
    for (const path of ['', '/config', '/history', '/jobs']) expect(await page(path), path).toBe(200)
    expect(await page('/changes')).toBe(503)
  })
})
