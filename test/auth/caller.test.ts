import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callerOf, type CallerConfig, isOwnCredential } from '../../src/auth/caller.ts'
import { hashToken } from '../../src/auth/tokens.ts'
import { aKey, Issuer, NOW, sign } from './issuer.ts'

const key = await aKey('access-1')
const issuer = new Issuer()
const deps = { fetch: (url: string, init: RequestInit) => fetch(url, init), now: () => NOW * 1000 }
const tokens = [{ name: 'ci', role: 'operator' as const, sha256: hashToken('secret') }]
let config: CallerConfig

beforeAll(async () => {
  await issuer.start(key)
  config = { tokens, controlPlane: { ...issuer.config, roleClaim: 'role' } }
})
afterAll(() => issuer.stop())

function caller(headers: Record<string, string>, other: Partial<CallerConfig> = {}) {
  return callerOf(new Headers(headers), { ...config, ...other }, deps)
}

/** How often any of these tokens was looked for, each time at the price of a hash, and in how many characters. */
class Counted extends Array<(typeof tokens)[number]> {
  lookUps = 0
  override [Symbol.iterator]() {
    this.lookUps++
    return super[Symbol.iterator]()
  }
}

it('of more than 8 KB is no credential, and is not hashed', async () => {
  const counted = new Counted(...tokens, ...tokens)
  const headers = new Headers({ authorization: `Bearer ${'a'.repeat(8200)}` })
  expect(await isOwnCredential(headers, { tokens: counted, controlPlane: null }, deps)).toBe(false)
  expect(counted.lookUps).toBe(0)
})

describe('looking for a credential of Sluice itself', () => {
  const asked = async (authorization: string) => {
    const counted = new Counted(...tokens, ...tokens)
    const own = await isOwnCredential(new Headers({ authorization }), { tokens: counted, controlPlane: null }, deps)
    return { own, lookUps: counted.lookUps }
  }
  const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`

  it.each([
    ['Bearer secret', 1],
    ['secret', 1],
    ['  Token   secret ', 1],
    ['Basic secret', 1],
    [basic('secret:'), 1],
    [basic(':secret'), 1],
    [basic('anna:secret'), 2],
  ])('finds it in one hash, or one for each half of Basic: %s', async (header, lookUps) => {
    expect(await asked(header)).toEqual({ own: true, lookUps })
  })

  it.each(['Bearer of-a-user', basic('anna:pass'), 'x'.repeat(8192), `Bearer ${'a'.repeat(8000)}`])(
    'leaves a user its own in as many (%#)',
    async (header) => {
      expect(await asked(header)).toEqual({ own: false, lookUps: header.startsWith('Basic') ? 2 : 1 })
    },
  )

  it.each([
    'a,'.repeat(4096),
    'a '.repeat(4000),
    `Bearer ${'a, '.repeat(2700)}`,
    'Bearer of-a-user, Bearer secret',
    'Digest username="anna", Bearer secret',
    `Bearer ${'a'.repeat(9000)}, Bearer secret`,
  ])('hashes nothing of several, and takes them for its own (%#)', async (header) => {
    expect(await asked(header)).toEqual({ own: true, lookUps: 0 })
  })

  it.each([
    'Digest username="anna, b", realm="r", uri="/v1", response="c0ffee"',
    'AWS4-HMAC-SHA256 Credential=AKIA/2026/x, SignedHeaders=host;x-date, Signature=c0ffee',
  ])('hashes nothing of parameters, which are the user’s: %s', async (header) => {
    expect(await asked(header)).toEqual({ own: false, lookUps: 0 })
  })
})

describe('a caller', () => {
  it('with a static token has its name and role', async () => {
    expect(await caller({ authorization: 'Bearer secret' })).toEqual({
      ok: true,
      caller: { who: 'token:ci', role: 'operator', credential: 'explicit' },
    })
  })

  it('with a signed token has its subject and the role in the claim', async () => {
    const token = await sign(key, { role: 'admin' })
    expect(await caller({ authorization: `Bearer ${token}` })).toEqual({
      ok: true,
      caller: { who: 'user:anna', role: 'admin', credential: 'explicit' },
    })
  })

  it('that Cloudflare Access vouches for is known by its header or cookie, which the browser sends by itself', async () => {
    const token = await sign(key, { role: 'viewer' })
    const known = { ok: true, caller: { who: 'user:anna', role: 'viewer', credential: 'ambient' } }
    expect(await caller({ 'cf-access-jwt-assertion': token })).toEqual(known)
    expect(await caller({ cookie: `a=b; CF_Authorization=${token}; c=d` })).toEqual(known)
  })

  it('whose claim holds no role of Sluice may do nothing, instead of being a viewer', async () => {
    for (const role of [undefined, 'root', '', ['everyone']]) {
      const token = await sign(key, { role })
      expect(await caller({ authorization: `Bearer ${token}` })).toMatchObject({ ok: false, code: 'forbidden' })
    }
  })

  it('without credentials, or with wrong ones, is nobody', async () => {
    const forged = `${(await sign(key, { role: 'admin' })).slice(0, -4)}AAAA`
    for (const headers of [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: 'Basic c2VjcmV0' },
      { authorization: `Bearer ${forged}` },
      { 'cf-access-jwt-assertion': forged },
      { cookie: `CF_Authorization=${forged}` },
    ]) {
      expect(await caller(headers)).toMatchObject({ ok: false, code: 'unauthenticated' })
    }
  })

  it('with a signed token is nobody where no issuer is configured', async () => {
    const token = await sign(key, { role: 'admin' })
    expect(await caller({ authorization: `Bearer ${token}` }, { controlPlane: null })).toMatchObject({
      ok: false,
      code: 'unauthenticated',
    })
  })

  it('with a wrong bearer token is not helped by a good cookie', async () => {
    const token = await sign(key, { role: 'admin' })
    const headers = { authorization: 'Bearer wrong', cookie: `CF_Authorization=${token}` }
    expect(await caller(headers)).toMatchObject({ ok: false, code: 'unauthenticated' })
  })
})

describe('a credential for Sluice itself', () => {
  const own = (authorization: string, other: Partial<CallerConfig> = {}) =>
    isOwnCredential(new Headers({ authorization }), { ...config, ...other }, deps)

  it("is a static token in whatever form, or a token of the operators' issuer", async () => {
    for (const header of ['Bearer secret', 'Token secret', 'secret', `Basic ${btoa('anna:secret')}`])
      expect(await own(header)).toBe(true)
    expect(await own(`Bearer ${await sign(key)}`)).toBe(true)
    expect(await own('Bearer secret', { tokens: [] })).toBe(false)
  })

  it("is no user's token, and the operators' issuer is not asked for a key that can't be its own", async () => {
    const { visits } = issuer
    const users = await aKey('users-1')
    const cold = { ...config.controlPlane!, jwksUrl: `${config.controlPlane!.jwksUrl}-cold` }
    const token = await sign(users, { iss: 'https://users.example' })
    expect(await own(`Bearer ${token}`, { controlPlane: cold })).toBe(false)
    expect(issuer.visits).toBe(visits)
  })
})
