/** A person with a browser: the log-in, the session that comes of it, and what it may do. */
import { beforeAll, describe, expect, it } from 'vitest'
import { hashToken } from '../../../src/auth/tokens.ts'
import { ControlFake, COOKIE_KEY, ORIGIN, RELEASES, tokenOf } from '../../support/control-fake.ts'

const [R1] = RELEASES
const HTML = { accept: 'text/html' }

async function codeOf(response: Response): Promise<string> {
  const body: { error: { code: string } } = await response.json()
  return body.error.code
}

describe('a browser', () => {
  let rig: ControlFake
  let cookie: string

  async function logIn(
    token: string,
    headers: Record<string, string> = { origin: ORIGIN },
    next = '/_sluice/releases/r1',
  ) {
    return rig.request('POST', '/login', {
      as: null,
      body: new URLSearchParams({ token, next }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    })
  }

  function browse(method: string, path: string, headers: Record<string, string> = {}, body?: unknown) {
    return rig.request(method, path, { as: null, headers: { ...HTML, cookie, ...headers }, body })
  }

  beforeAll(async () => {
    rig = new ControlFake()
    cookie = (await logIn(tokenOf('operator'))).headers.get('set-cookie')!.split(';')[0]!
  })

  it('without a session is sent to the log-in, and from there back', async () => {
    const response = await rig.request('GET', '/releases/r1?x=1', { as: null, headers: HTML })
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe(
      `/_sluice/login?next=${encodeURIComponent('/_sluice/releases/r1?x=1')}`,
    )
    const page = await rig.request('GET', '/login?next=/_sluice/releases/r1', { as: null, headers: HTML })
    expect(await page.text()).toContain('name="token"')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
  })

  it('gets a cookie that no script can read and no other site can use', async () => {
    const response = await logIn(tokenOf('operator'))
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe('/_sluice/releases/r1')
    expect(response.headers.get('set-cookie')).toMatch(
      /^sluice_session=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=28800$/,
    )
    expect(response.headers.get('set-cookie')).not.toContain(tokenOf('operator'))
  })

  it('gets a cookie bound to the host on https', async () => {
    const response = await rig.app.request('https://sluice.example/_sluice/login', {
      method: 'POST',
      body: new URLSearchParams({ token: tokenOf('viewer') }),
      headers: { origin: 'https://sluice.example' },
    })
    expect(response.headers.get('set-cookie')).toMatch(/^__Host-sluice_session=.*; Secure$/)
  })

  it('gets no session over plain http from another machine', async () => {
    const response = await rig.app.request('http://10.0.0.7/_sluice/login', {
      method: 'POST',
      body: new URLSearchParams({ token: tokenOf('viewer') }),
      headers: { origin: 'http://10.0.0.7' },
    })
    expect(response.status).toBe(400)
    expect(response.headers.get('set-cookie')).toBeNull()
  })

  it('with a wrong token sees the log-in again', async () => {
    const response = await logIn('wrong')
    expect(response.status).toBe(401)
    expect(response.headers.get('set-cookie')).toBeNull()
    expect(await response.text()).toContain('name="token"')
  })

  it.each([
    'https://evil.example/',
    '//evil.example',
    '/_sluice/../../evil',
    '/_sluice/\\evil',
    'javascript:alert(1)',
    '/',
  ])('is never sent elsewhere after the log-in: %s', async (next) => {
    const location = (await logIn(tokenOf('viewer'), { origin: ORIGIN }, next)).headers.get('location') ?? ''
    expect(new URL(location, ORIGIN).origin).toBe(ORIGIN)
    expect(new URL(location, ORIGIN).pathname).toMatch(/^\/_sluice\//)
  })

  it('with a session reads pages and the API', async () => {
    const page = await browse('GET', '/')
    expect(page.status).toBe(200)
    expect(await page.text()).toContain('r1')
    expect((await browse('GET', '/api/v1/releases')).status).toBe(200)
  })

  it('with a session has the role of its token, and no more', async () => {
    const response = await browse('PATCH', '/api/v1/releases/r1/config', { origin: ORIGIN }, { min_jobs: 1 })
    expect(response.status).toBe(403)
    expect(await codeOf(response)).toBe('forbidden')
  })

  it.each([undefined, 'null', 'https://evil.example', 'http://127.0.0.1:9999'])(
    'changes nothing from the origin %s',
    async (origin) => {
      const headers: Record<string, string> = origin === undefined ? {} : { origin }
      const response = await browse('POST', '/api/v1/releases/r1/actions', headers, { action: 'start' })
      expect(response.status).toBe(403)
      expect(await codeOf(response)).toBe('origin_mismatch')
      expect(rig.controller(R1).state.stage).toBe('idle')
    },
  )

  it("changes things from this site's own pages, under its token's name", async () => {
    const own = new ControlFake()
    const response = await own.request('POST', '/api/v1/releases/r1/actions', {
      as: null,
      headers: { cookie, origin: ORIGIN },
      body: { action: 'start' },
    })
    expect(response.status).toBe(200)
    expect(own.controller(R1).entries[0]?.who).toBe('token:operator')
  })

  it('logs out from own pages only, and the cookie goes', async () => {
    expect((await browse('POST', '/logout', { origin: 'https://evil.example' })).status).toBe(403)
    const response = await browse('POST', '/logout', { origin: ORIGIN })
    expect(response.headers.get('set-cookie')).toMatch(/^sluice_session=; .*Max-Age=0/)
  })

  it('has no session any more after eight hours', async () => {
    const late = new ControlFake()
    late.nowMs += 8 * 3_600_000
    expect((await late.request('GET', '/api/v1/releases', { as: null, headers: { cookie } })).status).toBe(401)
  })

  it.each([
    ['removed', (token: { name: string }) => token.name !== 'operator'],
    [
      'replaced under its name',
      (token: { name: string; sha256: string }) => {
        if (token.name === 'operator') token.sha256 = hashToken('another')
        return true
      },
    ],
    [
      'given another role',
      (token: { name: string; role: string }) => {
        if (token.name === 'operator') token.role = 'admin'
        return true
      },
    ],
  ])('has no session any more when its token was %s', async (_, keep) => {
    const changed = new ControlFake()
    const tokens: { name: string; role: string; sha256: string }[] = JSON.parse(changed.settings.tokens ?? '[]')
    changed.settings.tokens = JSON.stringify(tokens.filter(keep))
    expect((await changed.request('GET', '/api/v1/releases', { as: null, headers: { cookie } })).status).toBe(401)
  })

  it.each(['before', 'behind'])(
    'keeps its session while its token is rotated, the old one %s the new',
    async (place) => {
      const rotated = new ControlFake()
      const tokens: { name: string; role: string; sha256: string }[] = JSON.parse(rotated.settings.tokens ?? '[]')
      const fresh = tokens
        .filter(({ name }) => name === 'operator')
        .map((token) => ({ ...token, sha256: hashToken('new') }))
      rotated.settings.tokens = JSON.stringify(place === 'behind' ? [...fresh, ...tokens] : [...tokens, ...fresh])
      expect((await rotated.request('GET', '/api/v1/releases', { as: null, headers: { cookie } })).status).toBe(200)
      const explicit = { authorization: 'Bearer new' }
      expect((await rotated.request('GET', '/api/v1/releases', { as: null, headers: explicit })).status).toBe(200)
    },
  )

  it('keeps its session while the cookie key is rotated, and loses it with the old key', async () => {
    const rotated = new ControlFake()
    rotated.settings.cookieKey = `a-newer-key-for-cookies,${COOKIE_KEY}`
    expect((await rotated.request('GET', '/api/v1/releases', { as: null, headers: { cookie } })).status).toBe(200)
    rotated.settings.cookieKey = 'a-newer-key-for-cookies'
    expect((await rotated.request('GET', '/api/v1/releases', { as: null, headers: { cookie } })).status).toBe(401)
  })

  it.each([
    ['another name', (value: string) => value.replace('operator', 'admin')],
    ['a later expiry', (value: string) => value.replace(/~(\d+)~/, (_, expiry) => `~${Number(expiry) + 1}~`)],
    ['a changed signature', (value: string) => value.slice(0, -2) + (value.endsWith('A') ? 'B_' : 'AA')],
    ['no signature', (value: string) => value.replace(/~[^~]*$/, '~')],
    ['more parts', (value: string) => `${value}~x`],
  ])('is nobody with a cookie that has %s', async (_, forge) => {
    const forged = forge(cookie)
    expect(forged).not.toBe(cookie)
    expect((await rig.request('GET', '/api/v1/releases', { as: null, headers: { cookie: forged } })).status).toBe(401)
  })
})
