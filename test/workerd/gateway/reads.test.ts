/** Calls whose connection breaks, and answers that are none: what is asked again, and what the client reads instead. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type BackendCall, codeOf, DataPlane, TO_CANDIDATE } from '../../support/workerd/data-plane.ts'
import { counted, ledger } from '../../support/workerd/objects.ts'

const RELEASE = { RELEASE_A: { name: 'wan22', protocol: 'openai-videos', arms: arms() } }
const SITE = { RELEASE_B: { name: 'site', protocol: 'http', match: { paths: ['/site'] }, arms: arms() } }

function arms() {
  return { control: { url: 'http://control.test' }, candidate: { url: 'http://candidate.test' } }
}

const job = (id: string, more: object = {}) => Response.json({ id, object: 'video', status: 'queued', ...more })

/** Breaks the next `n` calls, and answers those behind them. */
function breaking(n: number, then: () => Response) {
  let left = n
  return () => (left-- > 0 ? null : then())
}

async function submitted(plane: DataPlane): Promise<string> {
  const { id } = await (await plane.submit('ann')).json<{ id: string }>()
  plane.calls.length = 0
  return id
}

const own = { headers: { 'x-user-id': 'ann' } }

afterEach(() => vi.restoreAllMocks())

describe('a connection that breaks before a byte of the answer', () => {
  it.each([
    ['poll', 'GET', ''],
    ['download', 'GET', '/content'],
    ['look at a video’s headers', 'HEAD', '/content'],
  ])('is tried once more at the same place for a %s', async (_, method, below) => {
    const plane = new DataPlane(RELEASE, () => job('v-1'))
    const id = await submitted(plane)
    plane.answer = breaking(1, () => (below === '' ? job('v-1') : new Response('mp4', VIDEO)))
    const response = await plane.request(method, `/v1/videos/${id}${below}`, own)
    expect(response.status).toBe(200)
    expect(plane.calls.map(({ url }) => url.href)).toEqual(Array(2).fill(`http://control.test/v1/videos/v-1${below}`))
  })

  it('twice is told, counted once, and not tried a third time', async () => {
    const plane = new DataPlane(RELEASE, () => job('v-1'))
    const id = await submitted(plane)
    plane.answer = () => null
    const response = await plane.request('GET', `/v1/videos/${id}`, own)
    expect([response.status, await codeOf(response)]).toEqual([502, 'upstream_unreachable'])
    expect(plane.calls).toHaveLength(2)
    expect(plane.counted('poll')).toEqual({ 'control unreachable': 1 })
  })

  it.each(['POST', 'DELETE', 'PUT', 'PATCH', 'OPTIONS'])('is not tried again for %s', async (method) => {
    const plane = new DataPlane({ ...SITE, ...RELEASE }, () => null)
    const body = method === 'DELETE' || method === 'OPTIONS' ? {} : { body: 'x' }
    expect((await plane.request(method, '/site/a', { ...own, ...body })).status).toBe(502)
    expect(plane.calls).toHaveLength(1)
    const submit = await plane.submit('ann')
    expect([submit.status, submit.headers.get('x-should-retry')]).toEqual([502, 'false'])
    expect(plane.calls).toHaveLength(2)
  })

  it('costs a list no job', async () => {
    const plane = new DataPlane(RELEASE, () => job('listed-1'))
    await plane.submit('lisa')
    plane.answer = breaking(1, () => job('listed-1', { status: 'completed' }))
    const list = await plane.request('GET', '/v1/videos', { headers: { 'x-user-id': 'lisa' } })
    const { data } = await list.json<{ data: { status: string }[] }>()
    expect(data.map(({ status }) => status)).toEqual(['completed'])
  })
})

it('a HEAD that a backend does not serve says nothing of the job: it is not lost, and not rescued', async () => {
  const answer = ({ method }: BackendCall) => (method === 'HEAD' ? new Response(null, { status: 404 }) : job('v-1'))
  const plane = new DataPlane({ RELEASE_A: { ...RELEASE.RELEASE_A, name: 'objects', rescue: true } }, answer)
  const { id } = await plane.send('POST', '/v1/videos', { as: 'ann', body: { prompt: 'a' }, headers: TO_CANDIDATE })
  expect((await plane.request('HEAD', `/v1/videos/${id}`, own)).status).toBe(404)
  expect((await plane.send('GET', '/v1/videos', { as: 'ann' })).text).toContain(id)
  expect(await counted(ledger(), 'job')).toEqual({ requests: 0, outcomes: {} })
  expect(plane.callsOf('POST').map(({ url }) => url.host)).toEqual(['candidate.test'])
})

it.each([404, 410])('%i to a poll says that the job is lost', async (status) => {
  const plane = new DataPlane({ RELEASE_A: { ...RELEASE.RELEASE_A, name: 'objects' } }, () => job('v-1'))
  const { id } = await plane.send('POST', '/v1/videos', { as: 'ann', body: { prompt: 'a' } })
  plane.answer = () => Response.json({ detail: 'gone' }, { status })
  expect((await plane.send('GET', `/v1/videos/${id}`, { as: 'ann' })).status).toBe(status)
  expect(await counted(ledger(), 'job')).toEqual({ requests: 1, outcomes: { job_lost: 1 } })
})

describe('an answer about a job that is JSON and does not say so', () => {
  const LINES = JSON.stringify({ id: 'v-1', remixed_from_video_id: 'v-0', seed: 1 }, null, 2)
  const answered = async (below: string, body: string, type: string | null) => {
    const plane = new DataPlane(RELEASE, () => job('v-1'))
    const id = await submitted(plane)
    const bytes = new TextEncoder().encode(body)
    const headers = { 'content-length': `${bytes.length}`, ...(type === null ? {} : { 'content-type': type }) }
    plane.answer = () => new Response(bytes, { headers })
    const response = await plane.request('GET', `/v1/videos/${id}${below}`, own)
    return { id, type: response.headers.get('content-type'), text: await response.text() }
  }

  it.each(['/logs', '/content'])('shows its client’s ids: %s', async (below) => {
    for (const type of [null, 'text/plain; charset=utf-8', 'text/html', 'application/octet-stream']) {
      const { id, text, type: shown } = await answered(below, LINES, type)
      expect(shown).toBe(type ?? 'application/json')
      expect(JSON.parse(text)).toEqual({ id, remixed_from_video_id: expect.stringMatching(/^slc_/) as string, seed: 1 })
    }
  })

  it('is told from all that only begins so, or not at all, which passes', async () => {
    for (const body of ['{"id": "v-2"}\n{"id": "v-2"}', '[ftyp', ' \n', 'film', '{'])
      for (const type of [null, 'text/plain', 'application/octet-stream'])
        for (const below of ['/logs', '/content']) expect((await answered(below, body, type)).text).toBe(body)
  })
})

const VIDEO = { headers: { 'content-type': 'video/mp4' } }

describe('an answer that is none', () => {
  const odd = (status: number) => Object.defineProperty(new Response('{}'), 'status', { value: status })

  it.each([101, 304, 600, 999])('to a submit is a typed 502 that no client repeats: %i', async (status) => {
    const plane = new DataPlane(RELEASE, () => odd(status))
    // What the client asks for on the side must not make it a good one.
    const response = await plane.submit('ann', { 'if-none-match': '"a"', range: 'bytes=0-1' })
    expect([response.status, await codeOf(response)]).toEqual([502, 'upstream_invalid'])
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(plane.calls).toHaveLength(1)
    const { headers } = plane.calls[0]!
    expect([headers.has('range'), headers.has('if-none-match')]).toEqual([false, false])
    expect(plane.counted('submit')).toEqual({ 'control bad_output': 1 })
  })

  it.each([101, 304, 600, 999])('to a poll, a download and any other call is a typed 502: %i', async (status) => {
    const plane = new DataPlane({ ...SITE, ...RELEASE }, () => job('v-1'))
    const id = await submitted(plane)
    plane.answer = () => odd(status)
    for (const path of [`/v1/videos/${id}`, `/v1/videos/${id}/content`, '/site/a', `/v1/videos/${id}/other`]) {
      const response = await plane.request('GET', path, own)
      expect([path, response.status, await codeOf(response)]).toEqual([path, 502, 'upstream_invalid'])
    }
    expect(plane.calls).toHaveLength(4)
    expect(plane.counted('poll')).toEqual({ 'control bad_output': 1 })
  })

  it('304 to who asked whether there is news passes, and so do answers that have no body', async () => {
    const plane = new DataPlane({ ...SITE, ...RELEASE }, () => job('v-1'))
    const id = await submitted(plane)
    plane.answer = () => new Response(null, { status: 304, headers: { etag: '"a"' } })
    const asked = { headers: { ...own.headers, 'if-none-match': '"a"' } }
    for (const path of [`/v1/videos/${id}`, `/v1/videos/${id}/content`, '/site/a'])
      expect((await plane.request('GET', path, asked)).status).toBe(304)
    plane.answer = () => odd(205)
    expect((await plane.request('POST', '/site/a', own)).status).toBe(205)
  })

  it('without a status, to a poll, is passed on under the client’s id', async () => {
    const plane = new DataPlane(RELEASE, () => job('v-1'))
    const id = await submitted(plane)
    plane.answer = () => Response.json({ id: 'v-1', progress: 40, extra: [1, 2] })
    const response = await plane.request('GET', `/v1/videos/${id}`, own)
    expect([response.status, await response.json()]).toEqual([200, { id, progress: 40, extra: [1, 2] }])
    expect(plane.counted('poll')).toEqual({ 'control ok': 1 })
  })
})
