/** Credentials on their way to an arm with `forward_authorization`: the user's pass, those for Sluice itself never do. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Answer, DataPlane, inStillTime, releaseTable } from '../../support/workerd/data-plane.ts'
import { ScriptedBackends } from '../../support/workerd/scripted-backend.ts'

const OPERATORS = { issuer: 'https://issuer.example', audience: 'sluice-operators' }
const arms = {
  control: { url: 'http://control.test', forward_authorization: true },
  candidate: { url: 'http://candidate.test', forward_authorization: true },
}
const VARS = {
  SLUICE: {
    subject: ['header:x-user-id'],
    auth: { control_plane: { jwks_url: 'http://issuer.test/jwks', ...OPERATORS } },
  },
  RELEASE_A: releaseTable('wan22', { arms }),
}
const admin = 'token-of-admin'
const basic = (pair: string) => `Basic ${btoa(pair)}`
let jwks: object
let privateKey: CryptoKey

inStillTime()
beforeAll(async () => {
  const pair = await generateKeyPair('RS256', { extractable: true })
  privateKey = pair.privateKey
  jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }] }
})

function operatorToken(): Promise<string> {
  return new SignJWT({ role: 'admin' })
    .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
    .setSubject('boss')
    .setIssuer(OPERATORS.issuer)
    .setAudience(OPERATORS.audience)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey)
}

function plane(): DataPlane {
  const backends = new ScriptedBackends()
  const answer: Answer = (call) => (call.url.host === 'issuer.test' ? Response.json(jwks) : backends.answer(call))
  return new DataPlane(VARS, answer)
}

describe('an arm with forward_authorization', () => {
  it.each(['Bearer of-a-user', 'Token of-a-user', basic('user:secret')])("sees the user's own %s", async (header) => {
    const at = plane()
    const headers = { authorization: header }
    expect((await at.send('POST', '/v1/videos', { as: 'carol', body: { prompt: 'a' }, headers })).status).toBe(200)
    expect(at.callsOf('POST')[0]!.headers.get('authorization')).toBe(header)
  })

  it.each<[string, () => string | Promise<string>]>([
    ['Bearer', () => `Bearer ${admin}`],
    ['bearer with spaces', () => `bearer   ${admin} `],
    ['Token', () => `Token ${admin}`],
    ['bare', () => admin],
    ['Basic as the password', () => basic(`x:${admin}`)],
    ['Basic as the name', () => basic(`${admin}:`)],
    ['signed for the control plane', async () => `Bearer ${await operatorToken()}`],
  ])('never sees a credential of the control plane: %s', async (_, header) => {
    await expectHeldBack('control', { authorization: await header() })
  })

  it.each<[string, () => string | Promise<string>]>([
    ['a token', () => 'token-of-tester'],
    ['a signed token', operatorToken],
  ])('never sees it where it forces an arm either: %s', async (_, token) => {
    await expectHeldBack('candidate', { authorization: `Bearer ${await token()}`, 'x-sluice-arm': 'candidate' })
  })

  async function expectHeldBack(arm: string, headers: Record<string, string>): Promise<void> {
    const at = plane()
    const job = await at.send('POST', '/v1/videos', { as: 'carol', body: { prompt: 'a' }, headers })
    expect([job.status, job.arm]).toEqual([200, arm])
    expect((await at.send('GET', `/v1/videos/${job.id}`, { as: 'carol', headers })).status).toBe(200)
    const calls = at.calls.filter(({ url }) => url.host === `${arm}.test`)
    expect(calls.map((call) => call.headers.get('authorization'))).toEqual([null, null])
    const seen = at.calls.map((call) => JSON.stringify([...call.headers])).join()
    expect(seen).not.toContain(headers['authorization']!.trim().split(/\s+/).at(-1))
  }
})
