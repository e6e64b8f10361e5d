import { describe, expect, it, vi } from 'vitest'
import { errorSchema, releaseSchema, releasesSchema } from '../../../src/api/index.ts'
import * as v from 'valibot'
import { ControlFake, RELEASES } from '../../support/control-fake.ts'
import { letPass } from '../../support/workerd/data-plane.ts'

const [R1, CHINESE] = RELEASES
const ACTIONS = `/api/v1/releases/${R1}/actions`

async function errorOf(response: Response | Promise<Response>) {
  const { error } = v.parse(errorSchema, await (await response).json())
  return { status: (await response).status, ...error }
}

describe('releases', () => {
  it('are listed in matching order', async () => {
    const response = await new ControlFake().request('GET', '/api/v1/releases', { as: 'viewer' })
    const body: { items: { name: string }[]; next: null } = await response.json()
    expect(response.status).toBe(200)
    expect(body.items.map(({ name }) => name)).toEqual(RELEASES)
    expect(body.next).toBeNull()
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  it('are listed without one that does not answer, which is named with why', async () => {
    const rig = new ControlFake()
    rig.controller(R1).unreachable = true
    const response = await rig.request('GET', '/api/v1/releases')
    expect(response.status).toBe(200)
    const { items, unavailable } = v.parse(releasesSchema, await response.json())
    expect(items.map(({ name }) => name)).toEqual([CHINESE])
    const code = 'control_plane_unavailable'
    expect(unavailable).toEqual([{ name: R1, code, message: expect.stringContaining('does not answer') as string }])
    rig.controller(R1).unreachable = false
    rig.controller(CHINESE).view = () =>
      Promise.resolve({ ok: false, code: 'release_not_found', message: 'there is none yet', details: [] })
    expect(await (await rig.request('GET', '/api/v1/releases')).json()).toMatchObject({
      items: [{ name: R1 }],
      unavailable: [{ name: CHINESE, code: 'release_not_found', message: 'there is none yet' }],
    })
  })

  it('wait two seconds for one that hangs, and no longer', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
    try {
      const rig = new ControlFake()
      rig.controller(R1).view = () => new Promise(() => undefined)
      const began = Date.now()
      const response = await letPass(500, Promise.resolve(rig.request('GET', '/api/v1/releases')))
      expect(Date.now() - began).toBe(2000)
      expect(await response.json()).toMatchObject({ items: [{ name: CHINESE }], unavailable: [{ name: R1 }] })
    } finally {
      vi.useRealTimers()
    }
  })

  it('are 503 where none answers', async () => {
    const rig = new ControlFake()
    for (const controller of rig.controllers.values()) controller.unreachable = true
    expect(await errorOf(rig.request('GET', '/api/v1/releases'))).toMatchObject({
      status: 503,
      code: 'control_plane_unavailable',
    })
  })

  it('are found by any name, and tell their version', async () => {
    const response = await new ControlFake().request('GET', `/api/v1/releases/${encodeURIComponent(CHINESE)}`)
    expect(v.parse(releaseSchema, await response.json()).name).toBe(CHINESE)
    expect(response.headers.get('etag')).toBe('"0"')
  })

  it('that do not exist are 404 release_not_found on each route', async () => {
    const rig = new ControlFake()
    for (const path of ['', '/history', '/config', '/counters', '/jobs', '/pairs', '/stream']) {
      const error = await errorOf(rig.request('GET', `/api/v1/releases/none-such${path}`))
      expect(error).toMatchObject({ status: 404, code: 'release_not_found' })
    }
    expect(await errorOf(rig.request('GET', '/api/v1/assign?release=none-such&subject=a'))).toMatchObject({
      code: 'release_not_found',
    })
  })
})

describe('an action', () => {
  it('answers the new state and stands in the history with who and why', async () => {
    const rig = new ControlFake()
    const body = { action: 'start', stage: 'canary-50', reason: ' time to go ' }
    const response = await rig.request('POST', ACTIONS, { as: 'operator', body })
    expect(await response.json()).toMatchObject({ stage: 'canary-50', percent: 50, version: 1 })
    expect(response.headers.get('etag')).toBe('"1"')
    const history: { items: unknown[] } = await (await rig.request('GET', `/api/v1/releases/${R1}/history`)).json()
    expect(history.items).toMatchObject([
      { who: 'token:operator', action: 'start', reason: 'time to go', from: { stage: 'idle' }, to: { percent: 50 } },
    ])
  })

  it('that is only tried changes nothing and says so', async () => {
    const rig = new ControlFake()
    const response = await rig.request('POST', ACTIONS, {
      body: { action: 'start', stage: 'canary-50', dry_run: true },
    })
    expect(await response.json()).toMatchObject({ stage: 'canary-50', dry_run: true })
    expect(response.headers.get('etag')).toBeNull()
    expect(rig.controller(R1).state.stage).toBe('idle')
  })

  it('with `dry_run` where no action reads it is refused, and not done', async () => {
    const rig = new ControlFake()
    const error = await errorOf(rig.request('POST', `${ACTIONS}?dry_run=true`, { body: { action: 'start' } }))
    expect(error).toMatchObject({ status: 400, code: 'invalid_request', details: [{ path: 'dry_run' }] })
    expect(rig.controller(R1).state.stage).toBe('idle')
  })

  it('that is illegal is 409 with the legal ones', async () => {
    const error = await errorOf(new ControlFake().request('POST', ACTIONS, { body: { action: 'promote' } }))
    expect(error).toMatchObject({
      status: 409,
      code: 'illegal_transition',
      details: [{ message: 'start' }, { message: 'set_shadow' }],
    })
  })

  it('that says where it leads is done once, and is refused where it leads elsewhere', async () => {
    const rig = new ControlFake()
    await rig.request('POST', ACTIONS, { body: { action: 'start', stage: 'canary-1' } })
    const { next } = rig.controller(R1).viewNow()
    const step = { body: { action: 'advance', to: next!.stage, force: true } }
    expect((await rig.request('POST', ACTIONS, step)).status).toBe(200)
    const { version } = rig.controller(R1).state
    expect(await errorOf(rig.request('POST', ACTIONS, step))).toMatchObject({ status: 409, code: 'illegal_transition' })
    expect(rig.controller(R1).state).toMatchObject({ stage: next!.stage, version })
  })

  it.each(['0', '"0"', 'W/"0"', '*'])('goes ahead with If-Match: %s while that is the version', async (ifMatch) => {
    const response = await new ControlFake().request('POST', ACTIONS, {
      body: { action: 'start' },
      headers: { 'if-match': ifMatch },
    })
    expect(response.status).toBe(200)
  })

  it.each(['7', '"7"'])('with a stale If-Match: %s is 412 and changes nothing', async (ifMatch) => {
    const rig = new ControlFake()
    const options = { body: { action: 'start' }, headers: { 'if-match': ifMatch } }
    expect(await errorOf(rig.request('POST', ACTIONS, options))).toMatchObject({
      status: 412,
      code: 'version_mismatch',
    })
    expect(rig.controller(R1).state.version).toBe(0)
  })

  it.each([
    ['an unknown action', { action: 'explode' }, 400, 'invalid_request', 'action'],
    ['an unknown key', { action: 'start', percnt: 5 }, 400, 'invalid_request', 'percnt'],
    ['a percent out of range', { action: 'set_percent', percent: 101 }, 400, 'invalid_request', 'percent'],
    ['a key of another action', { action: 'pause', percent: 10 }, 400, 'invalid_request', 'percent'],
    ['a stage to advance to', { action: 'advance', stage: 'canary-5' }, 400, 'invalid_request', 'stage'],
    ['no percent to set', { action: 'set_percent' }, 400, 'invalid_request', 'percent'],
    ['null', null, 400, 'invalid_request', null],
    ['no object', [], 400, 'invalid_request', 'action'],
    ['no JSON', '{"action":', 400, 'malformed_body', null],
    ['too much', JSON.stringify({ action: 'start', reason: 'x'.repeat(70_000) }), 413, 'body_too_large', null],
  ])('with %s is refused and names the place', async (_, body, status, code, param) => {
    const rig = new ControlFake()
    const error = await errorOf(rig.request('POST', ACTIONS, { body }))
    expect(error).toMatchObject({ status, code, param })
    expect(rig.controller(R1).state.version).toBe(0)
  })

  it('with a key too many says so plainly', async () => {
    const error = await errorOf(
      new ControlFake().request('POST', ACTIONS, { body: { action: 'pause', zz: 1, dry_run: 7 } }),
    )
    expect(error.details).toMatchObject([
      { path: 'dry_run', message: 'true or false is needed, not 7', code: 'wrong_type', params: { given: '7' } },
      { path: 'zz', message: 'unknown key: take it out or correct its spelling' },
    ])
  })

  it('is JSON by name too, so that no form of another site can send one', async () => {
    const headers = { 'content-type': 'text/plain' }
    const error = await errorOf(new ControlFake().request('POST', ACTIONS, { body: '{"action":"start"}', headers }))
    expect(error).toMatchObject({ status: 415, code: 'unsupported_media_type' })
  })

  it('with a broken If-Match is 400', async () => {
    const options = { body: { action: 'start' }, headers: { 'if-match': 'latest' } }
    expect(await errorOf(new ControlFake().request('POST', ACTIONS, options))).toMatchObject({
      status: 400,
      param: 'If-Match',
    })
  })
})

describe('history', () => {
  it('is paged by cursor', async () => {
    const rig = new ControlFake()
    await rig.request('POST', ACTIONS, { body: { action: 'start' } })
    await rig.request('POST', ACTIONS, { body: { action: 'rollback' } })
    const page = async (query: string) =>
      (await rig.request('GET', `/api/v1/releases/${R1}/history?${query}`)).json<{
        items: { action: string }[]
        next: string | null
      }>()
    const first = await page('limit=1')
    expect(first.items.map(({ action }) => action)).toEqual(['rollback'])
    const second = await page(`limit=1&cursor=${first.next}`)
    expect(second).toMatchObject({ items: [{ action: 'start' }], next: null })
  })

  it.each(['limit=0', 'limit=501', 'limit=ten', 'cursor='])('refuses %s', async (query) => {
    const error = await errorOf(new ControlFake().request('GET', `/api/v1/releases/${R1}/history?${query}`))
    expect(error).toMatchObject({ status: 400, code: 'invalid_request', param: query.split('=')[0] })
  })
})

describe('a cursor that no page gave', () => {
  it.each([
    'history?cursor=abc',
    ...['-1', 'zzz', '7', '256~', '0~zzz', '0~x|y', '0.5~', '9999~'].flatMap((cursor) => [
      `jobs?cursor=${encodeURIComponent(cursor)}`,
      `pairs?cursor=${encodeURIComponent(cursor)}`,
    ]),
  ])('is refused: %s', async (path) => {
    const error = await errorOf(new ControlFake().request('GET', `/api/v1/releases/${R1}/${path}`))
    expect(error).toMatchObject({ status: 400, code: 'invalid_request', param: 'cursor' })
  })
})

it('break-glass is told by every release, by an action and by readyz, for as long as it is set', async () => {
  const rig = new ControlFake()
  const json = async (...given: Parameters<ControlFake['request']>) => (await rig.request(...given)).json()
  const RELEASE = `/api/v1/releases/${R1}`
  expect(await json('GET', RELEASE)).not.toHaveProperty('forced_control')
  rig.settings.forceControl = true
  expect(await json('GET', RELEASE)).toMatchObject({ forced_control: true })
  expect(await json('GET', '/api/v1/releases')).toMatchObject({ items: [{ forced_control: true }, {}] })
  expect(await json('POST', ACTIONS, { body: { action: 'start' } })).toMatchObject({ forced_control: true })
  expect(await json('GET', '/readyz', { as: null })).toMatchObject({
    status: 'ready',
    warnings: [{ path: 'SLUICE_FORCE_CONTROL' }],
  })
  for (const path of ['/', `/releases/${R1}`]) {
    const page = await rig.request('GET', path, { as: 'viewer', headers: { accept: 'text/html' } })
    expect(await page.text()).toContain('Break-glass is set')
  }
})

describe('assign', () => {
  it('tells the arm of a subject and why', async () => {
    const rig = new ControlFake()
    const arms = async () => {
      const response = await rig.request('GET', `/api/v1/assign?release=${R1}&subject=user_1`, { as: 'viewer' })
      return response.json()
    }
    expect(await arms()).toMatchObject({ arm: 'control', reason: 'idle', stage: 'idle', percent: 0, subject: 'user_1' })
    await rig.request('POST', ACTIONS, { body: { action: 'start', stage: 'canary-50' } })
    expect(await arms()).toMatchObject({ reason: 'hash', stage: 'canary-50', percent: 50, epoch: 1 })
    const rules = [{ when: { subject: ['user_1'] }, arm: 'candidate' }]
    await rig.request('PATCH', `/api/v1/releases/${R1}/config`, { body: { rules } })
    expect(await arms()).toMatchObject({ arm: 'candidate', reason: 'rule' })
    rig.settings.forceControl = true
    expect(await arms()).toMatchObject({ arm: 'control', reason: 'forced_control' })
  })

  it('needs both names', async () => {
    const error = await errorOf(new ControlFake().request('GET', '/api/v1/assign?release=r1'))
    expect(error).toMatchObject({ status: 400, param: 'subject' })
  })
})
