/** What a request costs before anybody has taken it: which paths are served, and what the rate limit saves. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { codeOf, DataPlane } from '../../support/workerd/data-plane.ts'

const arms = { control: { url: 'http://control.test' }, candidate: { url: 'http://candidate.test' } }
const VIDEOS = {
  RELEASE_A: { name: 'wan22', protocol: 'openai-videos', match: { models: ['a'] }, arms },
  RELEASE_AX: { name: 'measured', protocol: 'openai-videos', match: { models: ['b'] }, arms },
  RELEASE_B: { name: 'objects', protocol: 'openai-videos', arms },
}
const ONE = { limit: 1, period: 60 }
const LIMITED = {
  ...VIDEOS,
  SLUICE: {
    subject: ['header:x-user-id'],
    auth: { rate_limits: { submit: ONE, poll: ONE, content: ONE, list: ONE, other: ONE } },
  },
}
const good = () => Response.json({ id: 'v-1', object: 'video', status: 'queued' })
const own = { headers: { 'x-user-id': 'ann', 'content-type': 'application/json' } }

afterEach(() => vi.restoreAllMocks())

/** A body that tells whether anybody has asked for any of it. */
function watched(text: string) {
  const seen = { reads: 0 }
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    seen.reads++
    controller.enqueue(new TextEncoder().encode(text))
    controller.close()
  }
  return { seen, body: new ReadableStream({ pull }, { highWaterMark: 0 }) }
}

describe('the rate limit', () => {
  it.each(['', '/sync'])('is asked before a submit’s body is parsed, and charged once: %s', async (below) => {
    const plane = new DataPlane(LIMITED, good)
    const submit = (model: string) =>
      plane.request('POST', `/v1/videos${below}`, { ...own, body: JSON.stringify({ prompt: 'a', model }) })
    // The third of three releases takes it, which is one submit.
    expect((await submit('c')).status).toBe(200)
    expect(plane.logged.at(-1)).toMatchObject({ operation: below === '' ? 'submit' : 'sync', status: 200 })
    // What would be refused once it was read is refused for its number.
    const refused = await plane.request('POST', `/v1/videos${below}`, { ...own, body: '{"prompt":' })
    expect([refused.status, await codeOf(refused)]).toEqual([429, 'rate_limited'])
    expect(plane.logged.at(-1)).toMatchObject({ operation: below === '' ? 'submit' : 'sync', status: 429 })
    expect(plane.calls).toHaveLength(1)
  })

  it('is asked before anything of the body is read', async () => {
    const { seen, body } = watched('{"prompt":"a"}')
    const readBefore: number[] = []
    const limit = async () => ({ success: readBefore.push(seen.reads) > 1 })
    const plane = new DataPlane({ ...LIMITED, RATE_LIMIT_SUBMIT: { limit } }, good)
    const response = await plane.request('POST', '/v1/videos', { ...own, body, duplex: 'half' } as RequestInit)
    expect([response.status, await codeOf(response)]).toEqual([429, 'rate_limited'])
    expect(readBefore).toEqual([0])
    // Read all the same, so that the client sees the answer.
    expect(seen.reads).toBe(1)
  })

  it('charges each other operation once, before the job is looked up', async () => {
    const plane = new DataPlane(LIMITED, good)
    for (const path of ['/v1/videos/x', '/v1/videos/x/content', '/v1/videos', '/v1/other']) {
      expect([path, (await plane.request('GET', path, own)).status]).toEqual([path, 200])
      const calls = plane.calls.length
      expect([path, (await plane.request('GET', path, own)).status]).toEqual([path, 429])
      expect(plane.calls.length).toBe(calls)
    }
  })
})

describe('the control plane', () => {
  it.each([
    ...['/%5fsluice/healthz', '/_%73luice/healthz', '//_sluice/healthz', '/_SLUICE/healthz', '/_sluice%2fhealthz'],
    ...[
      '/x%2f..%2f_sluice/healthz',
      '/_sluice;a/healthz',
      '/%5c_sluice/healthz',
      '/_sluice/%68ealthz',
      '/%255fsluice/healthz',
    ],
  ])('is not reached, nor any backend, as %s', async (path) => {
    const plane = new DataPlane(VIDEOS, good)
    const response = await plane.request('GET', path, { headers: { authorization: 'Bearer token-of-admin' } })
    expect([response.status, await codeOf(response)]).toEqual([404, 'not_found'])
    expect(plane.calls).toEqual([])
  })

  it('is reached by its own spelling, and by names that need a code', async () => {
    const plane = new DataPlane(VIDEOS, good)
    expect((await plane.request('GET', '/_sluice/healthz')).status).toBe(200)
    const admin = { headers: { authorization: 'Bearer token-of-admin' } }
    expect((await plane.request('GET', '/_sluice/api/v1/releases/wan22/history', admin)).status).toBe(200)
    const unknown = await plane.request('GET', `/_sluice/api/v1/releases/${encodeURIComponent('视频')}`, admin)
    expect(await codeOf(unknown)).toBe('release_not_found')
  })
})
