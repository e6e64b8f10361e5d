import { createHmac } from 'node:crypto'
import { exportJWK, exportSPKI, importJWK, SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JwksDeps } from '../../src/auth/jwks.ts'
import { verifyUser } from '../../src/auth/jwt.ts'
import { aKey, base64urlJson, Issuer, NOW, sign } from './issuer.ts'

const rsa = await aKey('rsa-1')
const ec = await aKey('ec-1', 'ES256')
const next = await aKey('rsa-2')
const stranger = await aKey('rsa-1')

let issuer: Issuer
let nowMs: number
const deps: JwksDeps = { fetch: (url, init) => fetch(url, init), now: () => nowMs }

beforeEach(async () => {
  nowMs = NOW * 1000
  issuer = await new Issuer().start(rsa, ec)
})
afterEach(() => issuer.stop())

function verify(token: string, config = issuer.config) {
  return verifyUser(token, config, deps)
}

async function refusal(token: string): Promise<string> {
  const result = await verify(token)
  expect(result.ok).toBe(false)
  return result.ok ? '' : result.code
}

describe('a good token', () => {
  it('gives its claims, whichever of the pinned algorithms signed it', async () => {
    expect(await verify(await sign(rsa, { tier: 'internal' }))).toMatchObject({
      ok: true,
      claims: { sub: 'anna', tier: 'internal' },
    })
    expect(await verify(await sign(ec))).toMatchObject({ ok: true, claims: { sub: 'anna' } })
  })

  it('may name several audiences, ours among them', async () => {
    expect(await verify(await sign(rsa, { aud: ['other', 'sluice'] }))).toMatchObject({ ok: true })
  })

  it('may name no key where the issuer has one that it can be, with a name or without', async () => {
    expect(await verify(await sign(rsa, {}, { kid: undefined }))).toMatchObject({ ok: true })
    const { kid: _, ...withoutKid } = rsa.jwk
    const other = await new Issuer().start({ ...rsa, jwk: withoutKid })
    expect(await verify(await sign(rsa, {}, { kid: undefined }), other.config)).toMatchObject({ ok: true })
    expect(await verify(await sign(stranger, {}, { kid: undefined }), other.config)).toMatchObject({ ok: false })
    expect(other.visits).toBe(1)
    other.stop()
  })

  it('may be off by half a minute, as clocks are', async () => {
    expect(await verify(await sign(rsa, { exp: NOW - 20 }))).toMatchObject({ ok: true })
    expect(await verify(await sign(rsa, { iat: NOW + 20 }))).toMatchObject({ ok: true })
  })

  it('is refused again once it has expired, although it was verified before', async () => {
    const token = await sign(rsa, { exp: NOW + 60 })
    expect(await verify(token)).toMatchObject({ ok: true })
    nowMs += 120_000
    expect(await refusal(token)).toBe('unauthenticated')
  })

  it('is not good for another audience that the same keys serve', async () => {
    const token = await sign(rsa)
    expect(await verify(token)).toMatchObject({ ok: true })
    expect(await verify(token, { ...issuer.config, audience: 'another' })).toMatchObject({ ok: false })
  })
})

const instant = (after: number) => new Date((NOW + after) * 1000).toISOString()

describe('a token is refused', () => {
  it.each([
    ['that has expired', { exp: NOW - 60 }],
    ['without an expiry', { exp: undefined }],
    ['without a time of issue', { iat: undefined }],
    ['without a subject', { sub: undefined }],
    ['with an empty subject', { sub: '' }],
    ['for another audience', { aud: 'another' }],
    ['without an audience', { aud: undefined }],
    ['of another issuer', { iss: 'https://evil.example' }],
    ['without an issuer', { iss: undefined }],
    ['issued an hour from now', { iat: NOW + 3600, exp: NOW + 7200 }],
    ['issued two days ago, whatever its expiry', { iat: NOW - 2 * 86_400, exp: NOW + 10 * 365 * 86_400 }],
    ['that is not valid yet', { nbf: NOW + 600 }],
  ])('%s', async (_, claims) => {
    expect(await refusal(await sign(rsa, claims))).toBe('unauthenticated')
  })

  it.each([
    ['token_expired', { exp: NOW - 60 }, `the token expired at ${instant(-60)}`],
    ['token_expired', { exp: -1e20 }, 'the token expired at -100000000000000000000'],
    [
      'token_too_old',
      { iat: NOW - 2 * 86_400, exp: NOW + 60 },
      `the token is of ${instant(-2 * 86_400)}: none is taken for more than 24 h`,
    ],
    ['token_not_yet_valid', { nbf: NOW + 600 }, `the token is not valid before ${instant(600)}`],
    [
      'token_not_yet_valid',
      { iat: NOW + 3600, exp: NOW + 7200 },
      `the token is of ${instant(3600)}, which is still to come`,
    ],
  ])('and told when it is good, where that is all: %s %j', async (code, claims, message) => {
    const fault = { path: '', code, message, params: {} }
    expect(await verify(await sign(rsa, claims))).toEqual({ ok: false, code: 'unauthenticated', message, fault })
  })

  it('without a word of its times, where a claim is missing or is another’s', async () => {
    for (const claims of [{ exp: undefined }, { iat: undefined }, { aud: 'another', exp: NOW - 60 }])
      expect(await verify(await sign(rsa, claims))).not.toHaveProperty('fault')
  })

  it('that says it needs no signature', async () => {
    const [, payload] = (await sign(rsa)).split('.')
    for (const alg of ['none', 'None', '']) {
      expect(await refusal(`${base64urlJson({ alg, kid: 'rsa-1' })}.${payload}.`)).toBe('unauthenticated')
    }
  })

  it('that is signed with the public key as if it were a shared secret', async () => {
    const [, payload] = (await sign(rsa)).split('.')
    const pem = await exportSPKI((await importJWK(rsa.jwk, 'RS256', { extractable: true })) as CryptoKey)
    for (const secret of [pem, JSON.stringify(rsa.jwk)]) {
      const signed = `${base64urlJson({ alg: 'HS256', kid: 'rsa-1' })}.${payload}`
      const mac = createHmac('sha256', secret).update(signed).digest('base64url')
      expect(await refusal(`${signed}.${mac}`)).toBe('unauthenticated')
    }
  })

  it('that is signed with an algorithm not pinned, by the right key', async () => {
    const pss = (await importJWK({ ...(await exportJWK(rsa.privateKey)), alg: 'RS512' }, 'RS512')) as CryptoKey
    const token = await new SignJWT({
      iss: 'https://issuer.example',
      aud: 'sluice',
      sub: 'anna',
      iat: NOW,
      exp: NOW + 60,
    })
      .setProtectedHeader({ alg: 'RS512', kid: 'rsa-1' })
      .sign(pss)
    expect(await refusal(token)).toBe('unauthenticated')
  })

  it("that a stranger's key signed under the name of ours", async () => {
    expect(await refusal(await sign(stranger))).toBe('unauthenticated')
  })

  it('that brings its own key along', async () => {
    const { jwk } = stranger
    expect(await refusal(await sign(stranger, {}, { jwk }))).toBe('unauthenticated')
    expect(await refusal(await sign(stranger, {}, { jku: 'http://127.0.0.1:1/keys' }))).toBe('unauthenticated')
  })

  it('that names no key, a foreign key, or a path', async () => {
    issuer.keys = [rsa, next]
    expect(await verify(await sign(rsa, {}, { kid: undefined }))).toMatchObject({
      ok: false,
      code: 'unauthenticated',
      message: expect.stringContaining('lists several'),
    })
    expect(await refusal(await sign(rsa, {}, { kid: 'nobody' }))).toBe('unauthenticated')
    expect(await refusal(await sign(rsa, {}, { kid: '../../dev/null' }))).toBe('unauthenticated')
  })

  it('that was changed in any part', async () => {
    const token = await sign(rsa)
    const [header, , signature] = token.split('.')
    const forged = base64urlJson({ iss: 'https://issuer.example', aud: 'sluice', sub: 'root', iat: NOW, exp: NOW + 60 })
    expect(await refusal(`${header}.${forged}.${signature}`)).toBe('unauthenticated')
    expect(await refusal(token.slice(0, -3))).toBe('unauthenticated')
  })

  it('that is no token at all, or longer than 8 KB, without asking the issuer', async () => {
    for (const token of ['', 'a', 'a.b.c', '..', await sign(rsa, { filler: 'x'.repeat(8192) })]) {
      expect(await refusal(token)).toBe('unauthenticated')
    }
    expect(issuer.visits).toBe(0)
  })
})

describe("the issuer's keys", () => {
  it('are fetched once for many tokens at the same time', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, i) => sign(rsa, { sub: `user-${i}` })))
    const results = await Promise.all(tokens.map((token) => verify(token)))
    expect(results.every(({ ok }) => ok)).toBe(true)
    expect(issuer.visits).toBe(1)
  })

  it('may be rotated: a new key is found, and the old one loses its effect', async () => {
    expect(await verify(await sign(rsa))).toMatchObject({ ok: true })
    issuer.keys = [next]
    nowMs += 31_000
    expect(await verify(await sign(next))).toMatchObject({ ok: true })
    expect(await refusal(await sign(rsa, { sub: 'ben' }))).toBe('unauthenticated')
  })

  it('that were withdrawn end the tokens verified before, five minutes later at most', async () => {
    const token = await sign(rsa, { exp: NOW + 3600 })
    expect(await verify(token)).toMatchObject({ ok: true })
    issuer.keys = [next]
    nowMs += 31_000
    expect(await verify(await sign(next))).toMatchObject({ ok: true })
    nowMs += 300_000
    expect(await refusal(token)).toBe('unauthenticated')
  })

  it('are not fetched for each of a flood of unknown key names', async () => {
    for (let i = 0; i < 50; i++)
      expect(await refusal(await sign(rsa, {}, { kid: `made-up-${i}` }))).toBe('unauthenticated')
    expect(issuer.visits).toBe(1)
  })

  it('serve on through an outage of the issuer for a day, and not longer', async () => {
    const far = { exp: NOW + 40 * 3600 }
    expect(await verify(await sign(rsa, far))).toMatchObject({ ok: true })
    issuer.mode = 'down'
    nowMs += 23 * 3_600_000
    expect(await verify(await sign(rsa, { ...far, iat: nowMs / 1000 }))).toMatchObject({ ok: true })
    nowMs += 2 * 3_600_000
    expect(await refusal(await sign(rsa, { ...far, iat: nowMs / 1000 }))).toBe('identity_unavailable')
  })

  it('that were never seen because the issuer is down make it 503 and not 401, and are asked for every five seconds', async () => {
    issuer.mode = 'down'
    for (let i = 0; i < 20; i++) expect(await refusal(await sign(rsa, { sub: `${i}` }))).toBe('identity_unavailable')
    expect(issuer.visits).toBe(1)
    issuer.mode = 'ok'
    nowMs += 5001
    expect(await verify(await sign(rsa))).toMatchObject({ ok: true })
  })

  it('are given up after a second and a half when the issuer hangs', async () => {
    issuer.mode = 'hang'
    const results = await Promise.all([verify(await sign(rsa)), verify(await sign(ec))])
    expect(results).toMatchObject([{ code: 'identity_unavailable' }, { code: 'identity_unavailable' }])
    expect(issuer.visits).toBe(1)
  })

  it('are not replaced by garbage', async () => {
    expect(await verify(await sign(rsa))).toMatchObject({ ok: true })
    issuer.mode = 'garbage'
    nowMs += 3_600_000
    expect(await verify(await sign(rsa, { exp: NOW + 7200 }))).toMatchObject({ ok: true })
  })
})
