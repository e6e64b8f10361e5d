/** Who may do what on the control plane: roles by route, and what strangers, failures and broken credentials get. */
import { hashToken } from '../../../src/auth/tokens.ts'
import * as v from 'valibot'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import { errorSchema } from '../../../src/api/index.ts'
import { ROLES, type Role } from '../../../src/auth/roles.ts'
import { readConfig } from '../../../src/config/load.ts'
import { ROUTES } from '../../../src/control/routes/index.ts'
import { withProposal } from '../../../src/durable/live-config-data.ts'
import { ControlFake, RELEASES, tokenOf, VARS } from '../../support/control-fake.ts'

const [R1] = RELEASES

/** Written by hand: the table that is tried must not be the one that is served. */
const TABLE: Record<string, Role> = {
  'GET /metrics': 'viewer',
  'GET /api/v1/openapi.json': 'viewer',
  'GET /api/v1/releases': 'viewer',
  'GET /api/v1/releases/{name}': 'viewer',
  'POST /api/v1/releases/{name}/actions': 'operator',
  'GET /api/v1/releases/{name}/config': 'viewer',
  'PATCH /api/v1/releases/{name}/config': 'admin',
  'DELETE /api/v1/releases/{name}/config': 'admin',
  'GET /api/v1/releases/{name}/history': 'viewer',
  'GET /api/v1/releases/{name}/counters': 'viewer',
  'GET /api/v1/releases/{name}/jobs': 'viewer',
  'GET /api/v1/releases/{name}/pairs': 'viewer',
  'GET /api/v1/releases/{name}/scores': 'viewer',
  'GET /api/v1/releases/{name}/stream': 'viewer',
  'GET /api/v1/assign': 'viewer',
  'GET /api/v1/releases/{name}/report': 'viewer',
  'GET /api/v1/releases/{name}/report.json': 'viewer',
  'GET /api/v1/releases/{name}/report.html': 'viewer',
  'GET /api/v1/releases/{name}/report.md': 'viewer',
  'POST /api/v1/releases/{name}/report/self-check': 'operator',
  'GET /api/v1/releases/{name}/report.csv': 'viewer',
  'GET /api/v1/releases/{name}/report.ndjson': 'viewer',
  'POST /api/v1/signals': 'operator',
  'POST /api/v1/events': 'operator',
  // What live-config holds, and what was published.
  'GET /api/v1/releases/{name}/config/changes': 'viewer',
  'POST /api/v1/releases/{name}/config/changes': 'operator',
  'GET /api/v1/releases/{name}/config/changes/{id}': 'viewer',
  'PATCH /api/v1/releases/{name}/config/changes/{id}': 'operator',
  'POST /api/v1/releases/{name}/config/changes/{id}/reviews': 'operator',
  'POST /api/v1/releases/{name}/config/changes/{id}/rebase': 'operator',
  'POST /api/v1/releases/{name}/config/changes/{id}/publish': 'admin',
  'POST /api/v1/releases/{name}/config/changes/{id}/discard': 'operator',
  'GET /api/v1/releases/{name}/config/versions': 'viewer',
  'POST /api/v1/releases/{name}/config/versions/{version}/restore': 'admin',
}
const BODIES: Record<string, unknown> = {
  'POST /api/v1/signals': [{ release: R1, arm: 'control', metric: 'fvd', value: 1 }],
  'POST /api/v1/events': [{ release: R1, subject: 'ann', metric: 'play', value: 1 }],
  'POST /api/v1/releases/{name}/actions': { action: 'start' },
  'PATCH /api/v1/releases/{name}/config': { min_jobs: 1 },
  'POST /api/v1/releases/{name}/config/changes': { title: 'fewer jobs', patch: { min_jobs: 3 } },
  'PATCH /api/v1/releases/{name}/config/changes/{id}': { revision: 1, patch: { min_jobs: 4 } },
  'POST /api/v1/releases/{name}/config/changes/{id}/reviews': { revision: 1, verdict: 'comment', comment: 'why?' },
  'POST /api/v1/releases/{name}/config/changes/{id}/rebase': { revision: 1 },
  'POST /api/v1/releases/{name}/config/changes/{id}/publish': { revision: 1 },
  'POST /api/v1/releases/{name}/config/changes/{id}/discard': { revision: 1 },
}
const QUERIES: Record<string, string> = {
  'GET /api/v1/assign': '?release=r1&subject=a',
}

/** Where a change request is named, it is one of the caller's own. */
function send(rig: ControlFake, cell: string, as: Role | null) {
  const [method = '', path = ''] = cell.split(' ')
  const proposal = { title: 'fewer jobs', reason: '', patch: { min_jobs: 2 }, baseVersion: 0 }
  const made = withProposal(rig.liveConfig.data, proposal, `token:${as}`, new Date(rig.nowMs).toISOString())
  if (made.ok) rig.liveConfig.data = made.data
  const at = path.replace('{name}', R1).replace('{id}', '1').replace('{version}', '0')
  return rig.request(method, at + (QUERIES[cell] ?? ''), { as, body: BODIES[cell] })
}

async function codeOf(response: Response): Promise<string> {
  const body: { error: { code: string } } = await response.json()
  return body.error.code
}

describe('the table of roles', () => {
  it('holds every route that is served, and no other', () => {
    expect(ROUTES.map(({ method, path }) => `${method.toUpperCase()} ${path}`).sort()).toEqual(
      Object.keys(TABLE).sort(),
    )
  })

  const cells = Object.entries(TABLE).flatMap(([cell, needed]) => ROLES.map((role) => [cell, role, needed] as const))
  it.each(cells)('%s as %s (needs %s)', async (cell, role, needed) => {
    const response = await send(new ControlFake(), cell, role)
    if (ROLES.indexOf(role) >= ROLES.indexOf(needed)) {
      await response.body?.cancel()
      expect(response.status).toBe(200)
    } else {
      expect(response.status).toBe(403)
      expect(await codeOf(response)).toBe('forbidden')
    }
  })

  it.each(Object.keys(TABLE))('%s as nobody is 401', async (cell) => {
    const response = await send(new ControlFake(), cell, null)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toContain('Bearer')
    expect(await codeOf(response)).toBe('unauthenticated')
  })
})

describe('without credentials', () => {
  it('liveness and readiness answer', async () => {
    for (const path of ['/healthz', '/readyz']) {
      expect((await new ControlFake().request('GET', path, { as: null })).status).toBe(200)
    }
  })

  it('unknown paths are 404 and other methods 405', async () => {
    const rig = new ControlFake()
    expect(await codeOf(await rig.request('GET', '/api/v1/nothing', { as: null }))).toBe('not_found')
    const response = await rig.request('PUT', '/api/v1/releases/r1/actions', { body: {} })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST')
  })

  it.each([
    ['POST', '/healthz', 'GET, HEAD'],
    ['DELETE', '/readyz', 'GET, HEAD'],
    ['PUT', '/login', 'GET, HEAD, POST'],
    ['GET', '/logout', 'POST'],
    ['POST', '/', 'GET, HEAD'],
    ['POST', '/releases/r1', 'GET, HEAD'],
    ['DELETE', '/releases/r1/config', 'GET, HEAD, POST'],
    ['POST', '/metrics', 'GET, HEAD'],
    ['GET', '/api/v1/events', 'POST'],
    ['POST', '/api/v1/releases/r1/config', 'GET, HEAD, PATCH, DELETE'],
  ])('%s %s is 405 and told what the path takes, whoever asks', async (method, path, allow) => {
    const response = await new ControlFake().request(method, path, { as: null })
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow])
  })

  it('HEAD is answered where GET is, and a browser may ask which methods events take', async () => {
    const rig = new ControlFake()
    expect((await rig.request('HEAD', '/healthz', { as: null })).status).toBe(200)
    expect((await rig.request('HEAD', '/api/v1/releases')).status).toBe(200)
    expect((await rig.request('OPTIONS', '/api/v1/events', { as: null })).status).toBe(204)
  })
})

describe('where nobody can be known', () => {
  it.each([undefined, '[]'])('everything but health is 503 auth_not_configured: %s', async (tokens) => {
    const rig = new ControlFake()
    rig.settings.tokens = tokens
    for (const cell of [...Object.keys(TABLE), 'GET /']) {
      const response = await send(rig, cell, 'admin')
      expect(response.status, cell).toBe(503)
      expect(v.parse(errorSchema, await response.json()).error.code, cell).toBe('auth_not_configured')
    }
    expect((await rig.request('GET', '/healthz', { as: null })).status).toBe(200)
    expect((await rig.request('GET', '/readyz', { as: null })).status).toBe(200)
  })

  it('a broken secret is 503 config_invalid that does not quote it', async () => {
    const rig = new ControlFake()
    rig.settings.tokens = '[{"name":"ci","role":"king","sha256":"abc"}]'
    const response = await rig.request('GET', '/api/v1/releases')
    const text = await response.text()
    expect(response.status).toBe(503)
    expect(text).toContain('SLUICE_TOKENS.0.role')
    expect(text).not.toContain('abc')
    for (const tokens of [rig.settings.tokens, 'oops']) {
      rig.settings.tokens = tokens
      const ready = await rig.request('GET', '/readyz', { as: null })
      expect(ready.status).toBe(503)
      expect(await ready.text()).toContain('SLUICE_TOKENS')
    }
  })

  it('one slip among the tokens locks nobody else out, and readiness names it', async () => {
    const rig = new ControlFake()
    expect(await (await rig.request('GET', '/readyz', { as: null })).json()).toEqual({ status: 'ready', releases: 2 })
    const tokens: object[] = JSON.parse(rig.settings.tokens!)
    rig.settings.tokens = JSON.stringify([{ name: 'typo', role: 'Admin', sha256: hashToken('typo') }, ...tokens])
    expect((await rig.request('GET', '/api/v1/releases')).status).toBe(200)
    const slipped = { authorization: 'Bearer typo' }
    expect((await rig.request('GET', '/api/v1/releases', { as: null, headers: slipped })).status).toBe(401)
    const ready = await rig.request('GET', '/readyz', { as: null })
    expect(ready.status).toBe(200)
    expect(await ready.json()).toMatchObject({
      status: 'ready',
      warnings: [{ path: 'SLUICE_TOKENS.0.role', message: expect.stringContaining('"typo"') }],
    })
  })

  it('an invalid configuration is 503 config_invalid with each wrong key, also for readiness, not for liveness', async () => {
    const rig = new ControlFake()
    rig.settings.config = readConfig({ RELEASE_A: { ...VARS.RELEASE_A, ladder: [5, 1], baek: '1s' } }, ['http'])
    for (const path of ['/api/v1/releases', '/readyz', '/metrics', '/']) {
      const response = await rig.request('GET', path)
      const { error }: { error: { code: string; details: { path: string }[] } } = await response.json()
      expect(response.status).toBe(503)
      expect(error.code).toBe('config_invalid')
      expect(error.details.map((detail) => detail.path)).toEqual(
        expect.arrayContaining(['RELEASE_A.ladder', 'RELEASE_A.baek']),
      )
    }
    expect((await rig.request('GET', '/healthz', { as: null })).status).toBe(200)
  })

  it('an issuer that can not be asked is 503 identity_unavailable with retry-after', async () => {
    const rig = new ControlFake()
    const access = { jwks_url: 'https://issuer.example/keys', issuer: 'i', audience: 'a' }
    rig.settings.config = readConfig({ ...VARS, SLUICE: { auth: { control_plane: access } } }, ['http'])
    const part = (value: unknown) => btoa(JSON.stringify(value)).replaceAll('=', '')
    const token = `${part({ alg: 'RS256', kid: 'k' })}.${part({ iss: 'i', sub: 'a' })}.AAAA`
    const response = await rig.request('GET', '/api/v1/releases', {
      as: null,
      headers: { authorization: `Bearer ${token}` },
    })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect(await codeOf(response)).toBe('identity_unavailable')
  })
})

describe('a signed token that is good but for the time', () => {
  it('is 401 and told when it is good, by a code for programs', async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256')
    const rig = new ControlFake()
    const access = { jwks_url: 'https://issuer.example/times', issuer: 'i', audience: 'a' }
    rig.settings.config = readConfig({ ...VARS, SLUICE: { auth: { control_plane: access } } }, ['http'])
    const keys = [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256', use: 'sig' }]
    rig.fetch = () => Promise.resolve(Response.json({ keys }))
    const now = Math.floor(rig.nowMs / 1000)
    const good = { iss: 'i', aud: 'a', sub: 'anna', role: 'viewer', iat: now, exp: now + 600 }
    const ask = async (claims: object) => {
      const token = await new SignJWT({ ...good, ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: 'k' })
        .sign(privateKey)
      return rig.request('GET', '/api/v1/releases', { as: null, headers: { authorization: `Bearer ${token}` } })
    }
    expect((await ask({})).status).toBe(200)
    for (const [claims, code] of [
      [{ iat: now - 900, exp: now - 60 }, 'token_expired'],
      [{ nbf: now + 600 }, 'token_not_yet_valid'],
    ] as const) {
      const response = await ask(claims)
      expect(response.status).toBe(401)
      expect(await response.json()).toMatchObject({
        error: { code: 'unauthenticated', param: null, details: [{ path: '', code }] },
      })
    }
  })
})

describe('failures', () => {
  it('of an object are 503 control_plane_unavailable, logged with their cause', async () => {
    const rig = new ControlFake()
    rig.controller(R1).view = () => Promise.reject(new Error('Worker not found'))
    const response = await rig.request('GET', `/api/v1/releases/${R1}`)
    const text = await response.text()
    expect(response.status).toBe(503)
    expect(text).toContain('control_plane_unavailable')
    expect(text).not.toContain('Worker not found')
    expect(rig.logged).toMatchObject([{ level: 'error', code: 'control_plane_unavailable', cause: 'Worker not found' }])
  })

  it('to answer are 503 after five seconds, not a request that hangs', async () => {
    vi.useFakeTimers()
    try {
      const rig = new ControlFake()
      rig.controller(R1).view = () => new Promise(() => {})
      const pending = rig.request('GET', `/api/v1/releases/${R1}`)
      await vi.advanceTimersByTimeAsync(5000)
      const response = await pending
      expect(response.status).toBe(503)
      expect(response.headers.get('retry-after')).toBe('2')
      expect(await codeOf(response)).toBe('control_plane_unavailable')
    } finally {
      vi.useRealTimers()
    }
  })

  it('that nobody expected are 500 without a word of what they were, which stands in the log', async () => {
    const rig = new ControlFake()
    rig.controller(R1).view = () => {
      throw new TypeError('secret internals')
    }
    const response = await rig.request('GET', `/api/v1/releases/${R1}`, { headers: { 'x-request-id': 'mine-1' } })
    const text = await response.text()
    expect(response.status).toBe(500)
    expect(response.headers.get('x-request-id')).toBe('mine-1')
    expect(text).toContain('"request_id":"mine-1"')
    expect(text).not.toContain('secret internals')
    expect(rig.logged).toMatchObject([{ code: 'internal', cause: 'secret internals', request_id: 'mine-1' }])
  })

  it('never log credentials', async () => {
    const rig = new ControlFake()
    rig.controller(R1).view = () => Promise.reject(new Error('down'))
    await rig.request('GET', `/api/v1/releases/${R1}`)
    expect(JSON.stringify(rig.logged)).not.toContain(tokenOf('admin'))
  })

  it('get a request id of their own where the given one is no id', async () => {
    const response = await new ControlFake().request('GET', '/nothing', { headers: { 'x-request-id': 'a b<script>' } })
    expect(response.headers.get('x-request-id')).toBe('new-id')
  })
})
