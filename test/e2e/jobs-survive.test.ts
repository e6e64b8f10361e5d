/** A job is its subject's and its arm's, whatever becomes of the split: polled after a rollback, refused to anybody else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ControlClient } from '../support/control-client.ts'
import { call, download, inParallel, poll, pollToEnd, routedBy, submit, subjectsOf } from '../support/data-plane.ts'
import { type Backends, Gateway, release, startBackends, urlsOf } from '../support/processes.ts'

const RELEASE = 'wan22_t2v_abtest'

let backends: Backends
let gateway: Gateway
let control: ControlClient

beforeAll(async () => {
  backends = await startBackends()
  gateway = new Gateway({ releases: { A: release(RELEASE, urlsOf(backends), { quiet_after: '1s' }) } })
  await gateway.start()
  control = new ControlClient(gateway, RELEASE)
  await control.act('start', { stage: 'canary-20' })
  await routedBy(gateway, 'canary-20')
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([backends?.control.close(), backends?.candidate.close()])
})

describe('an id', () => {
  it('altered in any one character is a job that never was', async () => {
    const [subject] = subjectsOf(RELEASE, 'candidate', 20, 1) as [string]
    const { id } = await submit(gateway, subject)
    const never = refusal((await poll(gateway, 'video_gen_that_never_was', subject)).text)
    expect(never).toMatchObject({ code: 'job_not_found' })

    const altered = id.split('').map((char, i) => `${id.slice(0, i)}${char === 'x' ? 'y' : 'x'}${id.slice(i + 1)}`)
    const replies = await inParallel(altered, 8, (other) => poll(gateway, other, subject))
    expect(replies.map(({ status, text }) => [status, refusal(text)])).toEqual(altered.map(() => [404, never]))
    expect((await poll(gateway, id, subject)).status).toBe(200)
  })

  it('of another subject is a job that never was, for polls, downloads and cancels', async () => {
    const [owner, other] = subjectsOf(RELEASE, 'candidate', 20, 2) as [string, string]
    const { id } = await submit(gateway, owner)
    await pollToEnd(gateway, id, owner)
    const path = `/v1/videos/${id}`
    for (const [method, target, body] of [
      ['GET', path, null],
      ['GET', `${path}/content`, null],
      ['DELETE', path, null],
      ['POST', `${path}/remix`, '{"prompt":"the same by night"}'],
    ] as const) {
      const headers = { 'content-type': 'application/json' }
      const reply = await call(gateway, method, target, other, body === null ? {} : { body, headers })
      expect([method, target, reply.status]).toEqual([method, target, 404])
      expect(JSON.parse(reply.text)).toMatchObject({ error: { code: 'job_not_found' } })
    }
    expect((await download(gateway, id, owner)).status).toBe(200)
  })
})

describe('a caller without a name', () => {
  const cookieOf = (reply: { headers: Headers }) => /sluice_sid=[^;]+/.exec(reply.headers.get('set-cookie') ?? '')?.[0]

  it('is given a cookie that holds its arm and its jobs', async () => {
    const first = await submit(gateway, null)
    const cookie = cookieOf(first)!
    expect(first.headers.get('set-cookie')).toMatch(/HttpOnly; SameSite=Lax$/)
    const again = await inParallel([1, 2, 3, 4], 2, () => submit(gateway, null, { headers: { cookie } }))
    expect(again.map(({ arm }) => arm)).toEqual([first.arm, first.arm, first.arm, first.arm])
    expect(again.map((reply) => reply.headers.get('set-cookie'))).toEqual([null, null, null, null])
    expect((await poll(gateway, again[0]!.id, null, { cookie })).status).toBe(200)
    expect((await poll(gateway, again[0]!.id, null)).status).toBe(404)
  })

  it('gets a new cookie for a tampered one, which is trusted in nothing', async () => {
    const cookie = cookieOf(await submit(gateway, null))!
    const { id } = await submit(gateway, null, { headers: { cookie } })
    const tampered = cookie.replace(/[^.]$/, (char) => (char === 'A' ? 'B' : 'A'))
    const reply = await submit(gateway, null, { headers: { cookie: tampered } })
    expect(reply.status).toBe(200)
    expect(cookieOf(reply)).toBeDefined()
    expect([cookie, tampered]).not.toContain(cookieOf(reply))
    expect((await poll(gateway, id, null, { cookie: tampered })).status).toBe(404)
  })

  it('can poll the job that it was given without a name, though it keeps no cookie', async () => {
    const { id } = await submit(gateway, null)
    expect(await pollToEnd(gateway, id, null)).toMatchObject({ id, status: 'completed' })
    expect((await poll(gateway, id, 'somebody')).status).toBe(404)
  })
})

describe('a job on the candidate', () => {
  it('is polled to its end and downloaded after a rollback, while new submits go to control', async () => {
    const [subject] = subjectsOf(RELEASE, 'candidate', 20, 1) as [string]
    backends.candidate.setFaults({ job_seconds: 12 })
    const before = await submit(gateway, subject)
    expect(before.arm).toBe('candidate')

    expect(await control.act('rollback')).toMatchObject({ state: 'rolled_back', percent: 0 })
    await control.until('the job drains', (view) => (view.draining?.jobs ?? 0) > 0)
    await routedBy(gateway, 'rolled_back')
    const after = await submit(gateway, subject)
    expect([after.arm, after.headers.get('x-sluice-reason')]).toEqual(['control', 'rolled_back'])

    const seen = await poll(gateway, before.id, subject)
    expect([seen.status, seen.arm, seen.headers.get('x-sluice-reason')]).toEqual([200, 'candidate', 'job'])
    expect(JSON.parse(seen.text).status).not.toBe('completed')
    expect(await pollToEnd(gateway, before.id, subject, 40_000)).toMatchObject({ id: before.id, status: 'completed' })

    const whole = await download(gateway, before.id, subject)
    expect([whole.status, whole.headers.get('x-sluice-arm')]).toEqual([200, 'candidate'])
    const part = await download(gateway, before.id, subject, { range: 'bytes=0-99' })
    expect([part.status, part.bytes]).toEqual([206, whole.bytes.subarray(0, 100)])
    await control.until('nothing drains any more', (view) => view.draining === null)
  })
})

/** What an error says, less the request that it answers. */
function refusal(text: string): unknown {
  const { request_id: _, ...rest } = (JSON.parse(text) as { error: Record<string, unknown> }).error
  return rest
}
