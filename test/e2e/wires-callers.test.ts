/** Whose a job, a key and a credential is, in front of real processes: native ids, callers without identity, Sluice's own tokens. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ControlClient, eventually } from '../support/control-client.ts'
import { call, type Reply, subjectsOf } from '../support/data-plane.ts'
import { jobOf, OddBackend, sendJson } from '../support/odd-backend.ts'
import { Gateway, release, tokenOf } from '../support/processes.ts'

const FORWARDING = '/forwarding'
const OPERATORS = { issuer: 'https://issuer.example', audience: 'sluice-operators' }
const OTHERS = Array.from({ length: 12 }, (_, i) => `somebody-else-${i}`)

let control: OddBackend
let candidate: OddBackend
let issuer: OddBackend
let gateway: Gateway
let operatorToken: string

beforeAll(async () => {
  ;[control, candidate, issuer] = await Promise.all([
    OddBackend.start('control'),
    OddBackend.start('candidate'),
    OddBackend.start('issuer'),
  ])
  operatorToken = await operatorTokenOf(issuer)
  const urls = { control: control.url, candidate: candidate.url }
  const native = (shards: number) =>
    release(`native_${shards}`, urls, {
      match: { paths: [`/native-${shards}`] },
      id_mode: 'native',
      ledger_shards: shards,
    })
  const seesUsers = { forward_authorization: true }
  gateway = new Gateway({
    sluice: { auth: { control_plane: { jwks_url: `${issuer.url}/jwks`, ...OPERATORS } } },
    releases: {
      A: native(1),
      B: native(8),
      C: release('forwarding', urls, {
        match: { paths: [FORWARDING] },
        arms: { control: seesUsers, candidate: seesUsers },
      }),
      D: release('plain', urls),
    },
  })
  await gateway.start()
})

afterEach(() => {
  for (const backend of [control, candidate]) backend.asUsual()
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([control, candidate, issuer].map((backend) => backend?.close()))
})

/** Lets this backend publish a key, and answers with a token that it signed for an admin. */
async function operatorTokenOf(backend: OddBackend): Promise<string> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const key = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }
  backend.answers((_, response) => sendJson(response, 200, { keys: [key] }))
  return new SignJWT({ role: 'admin' })
    .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
    .setSubject('boss')
    .setIssuer(OPERATORS.issuer)
    .setAudience(OPERATORS.audience)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey)
}

function send(path: string, subject: string | null, headers: Record<string, string> = {}): Promise<Reply> {
  const body = JSON.stringify({ prompt: 'a red fox' })
  return call(gateway, 'POST', path, subject, { body, headers: { 'content-type': 'application/json', ...headers } })
}

const codeOf = ({ text }: Reply) => (JSON.parse(text) as { error: { code: string } }).error.code
const submits = () => control.submits.length + candidate.submits.length

describe.each([1, 8])('with native ids, ledger shards: %i', (shards) => {
  const path = `/native-${shards}/v1/videos`
  const [subject] = subjectsOf(`native_${shards}`, 'candidate', 50, 1) as [string]
  const settled = (stage: string) =>
    eventually(
      `the data plane is in ${stage}`,
      () => send(path, subject),
      (reply) => reply.stage === stage,
    )

  beforeAll(async () => {
    await new ControlClient(gateway, `native_${shards}`).act('start', { stage: 'canary-50' })
    await settled('canary-50')
  })

  /** A job of the candidate's, under the id that the candidate gave it. */
  async function made(as: string | null = subject): Promise<string> {
    const job = await send(path, as)
    expect([job.status, job.id]).toEqual([200, (job.arm === 'candidate' ? candidate : control).lastId])
    if (as !== null) expect(job.arm).toBe('candidate')
    return job.id
  }

  it('a job is its owner’s at once, and nobody else’s, whichever shard the other’s jobs are in', async () => {
    const id = await made()
    const own = await call(gateway, 'GET', `${path}/${id}`, subject)
    expect([own.status, own.arm, own.id]).toEqual([200, 'candidate', id])
    const asked = control.calls.length + candidate.calls.length
    for (const other of [...OTHERS, null]) {
      const reply = await call(gateway, 'GET', `${path}/${id}`, other)
      expect([other, reply.status, codeOf(reply)]).toEqual([other, 404, 'job_not_found'])
    }
    expect(control.calls.length + candidate.calls.length).toBe(asked)
  })

  it('DELETE right behind the submit reaches the candidate', async () => {
    const id = await made()
    const reply = await call(gateway, 'DELETE', `${path}/${id}`, subject)
    expect([reply.status, reply.arm]).toEqual([200, 'candidate'])
    expect(candidate.calls.at(-1)).toMatchObject({ method: 'DELETE', path: `${path}/${id}` })
  })

  it('a caller without identity polls its own job', async () => {
    const id = await made(null)
    const reply = await call(gateway, 'GET', `${path}/${id}`, null)
    expect([reply.status, reply.id]).toEqual([200, id])
  })

  it('after a rollback, remix goes to the candidate’s job and a repeated key to the job that it made', async () => {
    const key = { 'idempotency-key': 'once' }
    const first = await send(path, subject, key)
    expect([first.status, first.arm]).toEqual([200, 'candidate'])
    await new ControlClient(gateway, `native_${shards}`).act('rollback')
    await settled('rolled_back')
    const before = submits()
    const again = await send(path, subject, key)
    expect([again.status, again.arm, again.id]).toEqual([200, 'candidate', first.id])
    expect(submits()).toBe(before)
    const remix = await send(`${path}/${first.id}/remix`, subject)
    expect([remix.status, remix.arm]).toEqual([200, 'candidate'])
    expect(candidate.calls.at(-1)!.path).toBe(`${path}/${first.id}/remix`)
  })
})

describe('an Idempotency-Key', () => {
  it('of a caller without identity makes one job', async () => {
    const before = submits()
    const [first, again] = [
      await send('/v1/videos', null, { 'idempotency-key': 'nameless' }),
      await send('/v1/videos', null, { 'idempotency-key': 'nameless' }),
    ]
    expect([first.status, again.status]).toEqual([200, 200])
    expect(again.id).toBe(first.id)
    expect(submits()).toBe(before + 1)
  })

  it('whose answer was a whole video is not repeatable, and generates nothing anew', async () => {
    const video = 'A'.repeat(9_000_000)
    control.answers((_, response, backend) =>
      sendJson(response, 200, jobOf(backend, backend.newId(), { data: [{ b64_json: video }] })),
    )
    const before = submits()
    const first = await send('/v1/videos', 'dynamo', { 'idempotency-key': 'big' })
    expect([first.status, first.text.includes(video)]).toEqual([200, true])
    const again = await send('/v1/videos', 'dynamo', { 'idempotency-key': 'big' })
    expect([again.status, codeOf(again)]).toEqual([409, 'idempotency_not_repeatable'])
    expect(again.headers.get('x-should-retry')).toBe('false')
    expect(submits()).toBe(before + 1)
  })
})

describe('an arm with forward_authorization', () => {
  const path = `${FORWARDING}/v1/videos`
  const admin = tokenOf('admin')
  const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`

  it.each(['Bearer of-a-user', 'Token of-a-user', basic('user:secret')])("sees the user's own %s", async (header) => {
    expect((await send(path, 'carol', { authorization: header })).status).toBe(200)
    expect(control.submits.at(-1)!.headers.authorization).toBe(header)
  })

  it.each([
    ['Bearer', () => `Bearer ${admin}`],
    ['bearer with spaces', () => `bearer   ${admin} `],
    ['Token', () => `Token ${admin}`],
    ['bare', () => admin],
    ['Basic as the password', () => basic(`x:${admin}`)],
    ['Basic as the name', () => basic(`${admin}:`)],
    ['signed for the control plane', () => `Bearer ${operatorToken}`],
  ])('never sees a credential of the control plane: %s', async (_, header) => {
    await expectHeldBack({ authorization: header() })
  })

  it.each([
    ['a token', () => tokenOf('tester')],
    ['a signed token', () => operatorToken],
  ])('never sees it where it forces an arm either: %s', async (_, token) => {
    await expectHeldBack({ authorization: `Bearer ${token()}`, 'x-sluice-arm': 'candidate' })
  })

  async function expectHeldBack(headers: Record<string, string>): Promise<void> {
    const backend = 'x-sluice-arm' in headers ? candidate : control
    const job = await send(path, 'carol', headers)
    expect([job.status, job.arm]).toEqual([200, backend.name])
    const polled = await call(gateway, 'GET', `${path}/${job.id}`, 'carol', { headers })
    expect(polled.status).toBe(200)
    const seen = [...control.calls, ...candidate.calls].map((each) => JSON.stringify(each.headers))
    for (const secret of [admin, tokenOf('tester'), operatorToken]) expect(seen.join()).not.toContain(secret)
    expect(backend.calls.slice(-2).map((each) => each.headers.authorization)).toEqual([undefined, undefined])
  }
})
