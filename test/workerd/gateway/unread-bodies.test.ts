/** What clients still send while they are refused: it is read to its end, on both planes, within bounds. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { afterBody, IDLE_MS, streamedBody } from '../../../src/gateway/request-body.ts'
import { DataPlane } from '../../support/workerd/data-plane.ts'

const arms = { control: { url: 'http://control.test' }, candidate: { url: 'http://candidate.test' } }
const VIDEOS = { RELEASE_A: { name: 'wan22', protocol: 'openai-videos', match: { paths: ['/v1'] }, arms } }
const SLUICE = {
  subject: ['header:x-user-id'],
  max_body_bytes: 100_000,
  auth: { rate_limits: { submit: { limit: 1, period: 60 } } },
}
const users = { jwks_url: 'http://issuer.test/jwks', issuer: 'i', audience: 'a' }
const BLOCK = 64 * 1024

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** A body of so many blocks that tells what was taken of it. */
function sent(blocks: number) {
  const seen = { blocks: 0, ended: false, cancelled: false }
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (seen.blocks < blocks) {
          controller.enqueue(new Uint8Array(BLOCK).fill(++seen.blocks % 256))
          return
        }
        seen.ended = true
        controller.close()
      },
      cancel: () => void (seen.cancelled = true),
    },
    { highWaterMark: 0 },
  )
  return { seen, init: { body, duplex: 'half' } as RequestInit, body }
}

const post = (init: RequestInit) => new Request('http://gateway.test/', { method: 'POST', ...init })

describe('a refused body is read to its end', () => {
  it.each([
    ['413', '/v1/videos', { 'content-type': 'application/json' }],
    ['413', '/v1/videos', { 'content-type': 'application/json', 'content-length': '99999999' }],
    ['415', '/v1/videos', { 'content-encoding': 'gzip' }],
    ['403', '/v1/videos', { 'x-sluice-arm': 'candidate' }],
    ['404', '/nobody', {}],
    ['400', '/v1/videos/slc_x_slc/remix', { 'content-type': 'multipart/form-data' }],
    ['404', '/%5fsluice/api', {}],
    ['404', '/v1/videos/slc_x_slc/thing', {}],
    ['401', '/_sluice/api/v1/releases/wan22/actions', { 'content-type': 'application/json' }],
    [
      '413',
      '/_sluice/api/v1/releases/wan22/actions',
      { 'content-type': 'application/json', authorization: 'Bearer token-of-admin' },
    ],
    ['415', '/_sluice/api/v1/releases/wan22/actions', { authorization: 'Bearer token-of-admin' }],
    ['413', '/_sluice/api/v1/events', { 'content-type': 'application/json', authorization: 'Bearer token-of-admin' }],
    ['404', '/_sluice/api/v1/nothing', { authorization: 'Bearer token-of-admin' }],
    ['413', '/_sluice/releases/wan22/config', { authorization: 'Bearer token-of-admin' }],
    ['403', '/_sluice/login', {}],
    ['405', '/_sluice/healthz', {}],
  ])('by %s at %s %j', async (status, path, headers) => {
    const plane = new DataPlane({ ...VIDEOS, SLUICE }, () => null)
    const { seen, init } = sent(status === '400' ? 1 : 40)
    const own = { 'x-user-id': 'ann', ...headers } as Record<string, string>
    const response = await plane.request('POST', path, { ...init, headers: own })
    expect([String(response.status), seen.ended]).toEqual([status, true])
    expect(plane.calls).toEqual([])
  })

  it('by 401 and 429', async () => {
    const closed = new DataPlane({ ...VIDEOS, SLUICE: { auth: { users } } }, () => null)
    const stranger = sent(40)
    expect((await closed.request('POST', '/v1/videos', stranger.init)).status).toBe(401)
    const limited = new DataPlane({ ...VIDEOS, SLUICE }, () => Response.json({ id: 'v-1', status: 'queued' }))
    await limited.submit('ann')
    const again = sent(40)
    const headers = { 'x-user-id': 'ann' }
    expect((await limited.request('POST', '/v1/videos', { ...again.init, headers })).status).toBe(429)
    expect([stranger.seen.ended, again.seen.ended]).toEqual([true, true])
  })
})

describe('what is read of a refused body', () => {
  const answer = () => new Response('no', { status: 413 })

  it('ends at 128 MiB', async () => {
    const { seen, init } = sent(10_000)
    expect((await afterBody(post(init), answer())).status).toBe(413)
    expect([seen.blocks, seen.cancelled]).toEqual([2049, true])
  })

  it('ends after ten seconds', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const body = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) })
    let ended = false
    const answered = afterBody(post({ body, duplex: 'half' } as RequestInit), answer()).then(() => (ended = true))
    await vi.advanceTimersByTimeAsync(9_999)
    expect(ended).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    await answered
  })

  it('is nothing where the client went away, the body is gone, or is being read', async () => {
    const broken = new ReadableStream<Uint8Array>({ start: (controller) => controller.error(new Error('gone')) })
    expect((await afterBody(post({ body: broken, duplex: 'half' } as RequestInit), answer())).status).toBe(413)
    const whole = post({ body: 'a' })
    await whole.text()
    expect((await afterBody(whole, answer())).status).toBe(413)
    const locked = post(sent(1).init)
    const reader = locked.body!.getReader()
    expect((await afterBody(locked, answer())).status).toBe(413)
    expect((await reader.read()).value).toHaveLength(BLOCK)
  })
})

describe('a body that streams to a backend', () => {
  it.each([{}, { 'content-length': String(40 * BLOCK) }])('arrives as it was sent: %j', async (headers) => {
    const { init } = sent(40)
    const streamed = streamedBody(post({ ...init, headers: headers as Record<string, string> }), Date.now)!
    const bytes = new Uint8Array(await new Response(streamed.stream).arrayBuffer())
    expect(bytes.length).toBe(40 * BLOCK)
    for (let i = 0; i < 40; i++) expect(bytes[i * BLOCK + 17]).toBe(i + 1)
  })

  it('that the backend takes no further is left to be drained', async () => {
    const { seen, init } = sent(40)
    const request = post(init)
    const streamed = streamedBody(request, Date.now)!
    const reader = streamed.stream.getReader()
    await reader.read()
    await streamed.giveUp()
    expect([seen.ended, request.body!.locked]).toEqual([false, false])
    await afterBody(request, new Response())
    expect(seen.ended).toBe(true)
  })

  it('that breaks off is not taken for whole', async () => {
    let blocks = 0
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      if (++blocks < 3) controller.enqueue(new Uint8Array(BLOCK))
      else controller.error(new Error('the client went away'))
    }
    const body = new ReadableStream({ pull }, { highWaterMark: 0 })
    const streamed = streamedBody(post({ body, duplex: 'half' } as RequestInit), Date.now)!
    await expect(new Response(streamed.stream).arrayBuffer()).rejects.toThrow()
    expect(streamed.broken.aborted).toBe(true)
  })

  it('is given up where its client stalls, unless its backend has answered', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const stalled = () => {
      const body = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) })
      return streamedBody(post({ body, duplex: 'half' } as RequestInit), Date.now)!
    }
    const [unanswered, answered] = [stalled(), stalled()]
    answered.answered()
    await vi.advanceTimersByTimeAsync(IDLE_MS - 1)
    expect([unanswered.broken.aborted, unanswered.isAwaited()]).toEqual([false, true])
    await vi.advanceTimersByTimeAsync(1)
    expect([unanswered.broken.aborted, unanswered.isAwaited(), answered.broken.aborted]).toEqual([true, false, false])
  })

  it.each([
    ['http', '/upload'],
    ['openai-videos', '/v1/videos/video_1/notes'],
  ])('and breaks off is no fault of the arm, whose call ends with it: %s', async (protocol, path) => {
    const plane = new DataPlane({ RELEASE_A: { name: 'wan22', protocol, arms } }, () => null)
    let isAborted = false
    plane.fetch = async (_, { body, signal }) => {
      signal!.addEventListener('abort', () => (isAborted = true))
      await new Response(body).arrayBuffer()
      return new Response('taken for whole')
    }
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) =>
      controller.error(new Error('the client went away'))
    const response = await plane.request('POST', path, {
      body: new ReadableStream({ pull }),
      duplex: 'half',
    } as RequestInit)
    const { error } = await response.json<{ error: { code: string } }>()
    expect([response.status, error.code, response.headers.get('x-should-retry'), isAborted]).toEqual([
      ...[408, 'request_timeout', 'false', true],
    ])
    expect(plane.counted('other')).toEqual({ 'control aborted': 1 })
  })

  it('is drained where its backend refuses it half-way', async () => {
    const site = { RELEASE_A: { name: 'wan22', protocol: 'http', arms } }
    const plane = new DataPlane(site, () => null)
    plane.fetch = async (_, init) => {
      await (init.body as ReadableStream<Uint8Array>).getReader().read()
      return new Response('too much', { status: 413 })
    }
    const { seen, init } = sent(40)
    const response = await plane.request('POST', '/upload', init)
    expect([response.status, await response.text(), seen.ended]).toEqual([413, 'too much', true])
  })
})
