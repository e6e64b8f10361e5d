/** Pages of other sites: who answers their preflights, and what of an answer they may read. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type BackendCall, codeOf, DataPlane } from '../../support/workerd/data-plane.ts'

const ORIGIN = 'https://app.example'
const arms = { control: { url: 'http://control.test' }, candidate: { url: 'http://candidate.test' } }
const VIDEOS = { RELEASE_A: { name: 'wan22', protocol: 'openai-videos', arms } }
const SITE = { RELEASE_B: { name: 'site', protocol: 'http', match: { paths: ['/site'] }, arms } }
const users = { jwks_url: 'http://issuer.test/jwks', issuer: 'i', audience: 'a' }
const page = { origin: ORIGIN, 'x-user-id': 'ann' }
const PREFLIGHT = {
  origin: ORIGIN,
  'access-control-request-method': 'POST',
  'access-control-request-headers': 'content-type,x-user-id',
}

afterEach(() => vi.restoreAllMocks())

/** As Starlette's CORS middleware in front of a job. */
function corsBackend({ method, headers }: BackendCall): Response {
  const origin = headers.get('origin')
  const allow: Record<string, string> =
    origin === null ? {} : { 'access-control-allow-origin': origin, 'access-control-expose-headers': 'x-cost' }
  if (method === 'OPTIONS') {
    const asked = headers.get('access-control-request-headers') ?? ''
    const more = { 'access-control-allow-methods': 'GET, POST', 'access-control-allow-headers': asked }
    return new Response('OK', { headers: { ...allow, ...more, vary: 'origin' } })
  }
  return Response.json({ id: 'v-1', object: 'video', status: 'queued' }, { headers: { ...allow, vary: 'origin' } })
}

function corsOf({ headers }: Response): Record<string, string> {
  return Object.fromEntries(
    [...headers].filter(([name]) => name.startsWith('access-control-')).map(([name, value]) => [name.slice(15), value]),
  )
}

describe('without cors in the configuration', () => {
  it.each(['/v1/videos', '/v1/videos/slc_abc_slc', '/v1/videos/x/content', '/site/a?b=c'])(
    'a preflight is control’s to answer, needs no credentials and is not counted: %s',
    async (path) => {
      const plane = new DataPlane({ ...SITE, ...VIDEOS, SLUICE: { auth: { users } } }, corsBackend)
      const response = await plane.request('OPTIONS', path, { headers: PREFLIGHT })
      expect([response.status, corsOf(response)]).toEqual([
        200,
        {
          'allow-origin': ORIGIN,
          'expose-headers': 'x-cost',
          'allow-methods': 'GET, POST',
          'allow-headers': 'content-type,x-user-id',
        },
      ])
      expect(response.headers.has('x-request-id')).toBe(true)
      const [call, ...others] = plane.calls
      expect([others, call!.method, call!.url.href]).toEqual([[], 'OPTIONS', `http://control.test${path}`])
      expect(Object.fromEntries(call!.headers)).toMatchObject(PREFLIGHT)
      expect([plane.counted('other'), plane.counted('submit')]).toEqual([{}, {}])
    },
  )

  it('any other OPTIONS needs them', async () => {
    const plane = new DataPlane({ ...VIDEOS, SLUICE: { auth: { users } } }, corsBackend)
    expect((await plane.request('OPTIONS', '/v1/videos', { headers: { origin: ORIGIN } })).status).toBe(401)
  })

  it('what the backend lets a page read, passes', async () => {
    const plane = new DataPlane(VIDEOS, corsBackend)
    const submit = await plane.submit('ann', page)
    const { id } = await submit.json<{ id: string }>()
    const poll = await plane.request('GET', `/v1/videos/${id}`, { headers: page })
    for (const response of [submit, poll]) {
      expect([response.status, corsOf(response)]).toEqual([200, { 'allow-origin': ORIGIN, 'expose-headers': 'x-cost' }])
      expect(response.headers.get('vary')).toBe('origin')
    }
  })

  it('an origin that reads like the backend’s own stays as it is', async () => {
    const plane = new DataPlane(VIDEOS, corsBackend)
    const submit = await plane.submit('ann', { ...page, origin: 'http://control.test' })
    expect(corsOf(submit)['allow-origin']).toBe('http://control.test')
  })

  it('nothing is added to what a backend does not let pages read', async () => {
    const plane = new DataPlane(VIDEOS, () => Response.json({ error: {} }, { status: 400 }))
    const submit = await plane.submit('ann', page)
    expect([submit.status, corsOf(submit)]).toEqual([400, {}])
  })

  it('a list, which no backend answers, is read by the pages that control names', async () => {
    const plane = new DataPlane(VIDEOS, corsBackend)
    const list = () => plane.request('GET', '/v1/videos', { headers: { ...page, 'x-user-id': 'nobody-yet' } })
    const listed = await list()
    expect([listed.status, corsOf(listed)]).toEqual([200, { 'allow-origin': ORIGIN, 'expose-headers': 'x-cost' }])
    plane.answer = () => new Response(null, { status: 405 })
    expect(corsOf(await list())).toEqual({})
    plane.calls.length = 0
    const ownSite = await plane.request('GET', '/v1/videos', { headers: { 'x-user-id': 'nobody-yet' } })
    expect([corsOf(ownSite), plane.calls]).toEqual([{}, []])
  })

  it('a refusal of Sluice’s own is read by every page', async () => {
    const plane = new DataPlane({ ...VIDEOS, SLUICE: { auth: { users } } }, corsBackend)
    const unknown = await plane.submit('ann', page)
    expect([unknown.status, corsOf(unknown)]).toEqual([401, { 'allow-origin': '*' }])
    expect(corsOf(await plane.submit('ann'))).toEqual({})
    const open = new DataPlane(VIDEOS, () => null)
    for (const [method, path, status] of [
      ['GET', '/v1/videos/slc_x_slc', 404],
      ['GET', '/%5fsluice/x', 404],
      ['POST', '/v1/videos', 400],
      ['GET', '/v1/videos/x', 502],
      ['DELETE', '/slc_a_slc/x.mp4', 405],
    ] as const) {
      const body = method === 'POST' ? { body: '{' } : {}
      const headers = { ...page, 'content-type': 'application/json' }
      const response = await open.request(method, path, { ...body, headers })
      expect([path, response.status, corsOf(response)]).toEqual([path, status, { 'allow-origin': '*' }])
    }
    const invalid = new DataPlane({ ...VIDEOS, SLUICE: { nonsense: 1 } }, corsBackend)
    const unserved = await invalid.submit('ann', page)
    expect([await codeOf(unserved), corsOf(unserved)]).toEqual(['config_invalid', { 'allow-origin': '*' }])
  })
})

describe('with cors in the configuration', () => {
  const SLUICE = {
    subject: ['header:x-user-id'],
    cors: { origins: [ORIGIN, 'capacitor://localhost'], credentials: true },
  }

  it('a preflight is answered for both arms, and no backend is asked', async () => {
    const plane = new DataPlane({ ...VIDEOS, SLUICE }, corsBackend)
    const response = await plane.request('OPTIONS', '/v1/videos', { headers: PREFLIGHT })
    expect([response.status, corsOf(response), plane.calls]).toEqual([
      204,
      {
        'allow-origin': ORIGIN,
        'allow-credentials': 'true',
        'allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
        'allow-headers': 'content-type,x-user-id',
        'max-age': '600',
      },
      [],
    ])
    expect(response.headers.get('vary')).toBe('origin, access-control-request-headers')
  })

  it('each answer names the page’s origin and shows it our headers, whatever its backend says', async () => {
    const plane = new DataPlane({ ...VIDEOS, SLUICE }, corsBackend)
    const submit = await plane.submit('ann', page)
    const refusal = await plane.request('GET', '/v1/videos/slc_x_slc', { headers: page })
    const list = await plane.request('GET', '/v1/videos', { headers: page })
    for (const response of [submit, refusal, list]) {
      const { 'expose-headers': exposed, ...more } = corsOf(response)
      expect(more).toEqual({ 'allow-origin': ORIGIN, 'allow-credentials': 'true' })
      expect(exposed!.split(', ')).toEqual(
        expect.arrayContaining([
          'x-request-id',
          ...[...submit.headers.keys()].filter((n) => n.startsWith('x-sluice-')),
        ]),
      )
      expect(response.headers.get('vary')).toContain('origin')
    }
    for (const { headers, method } of plane.calls) expect([method, headers.has('origin')]).toEqual([method, false])
  })

  it('a page of another origin reads nothing, not even a refusal, and caches know why', async () => {
    const plane = new DataPlane({ ...VIDEOS, SLUICE }, corsBackend)
    const other = { ...page, origin: 'https://app.example.evil.example' }
    const responses = [
      await plane.submit('ann', other),
      await plane.request('GET', '/v1/videos/slc_x_slc', { headers: other }),
      await plane.request('OPTIONS', '/v1/videos', { headers: { ...PREFLIGHT, origin: other.origin } }),
      await plane.submit('ann'),
    ]
    for (const response of responses) {
      expect(corsOf(response)).toEqual({})
      expect(response.headers.get('vary')).toContain('origin')
    }
  })

  it('"*" is every page, without credentials', async () => {
    const plane = new DataPlane({ ...VIDEOS, SLUICE: { ...SLUICE, cors: { origins: ['*'] } } }, corsBackend)
    const { 'expose-headers': _, ...more } = corsOf(await plane.submit('ann', page))
    expect(more).toEqual({ 'allow-origin': '*' })
  })
})
