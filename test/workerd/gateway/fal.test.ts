/** fal's wire end to end: submit, polls, result, download and cancel at both arms, with the URLs in each answer. */
import { describe, expect, it, vi } from 'vitest'
import { HEALTHY } from '../../../demo/faults.ts'
import { createFalQueue } from '../../../demo/fal-queue.ts'
import { DataPlane, GATEWAY, inStillTime, TO_CANDIDATE } from '../../support/workerd/data-plane.ts'
import { demoBackend } from '../../support/workerd/demo-backend.ts'

const APP = '/fal-ai/wan'
const MODEL = `${APP}/v2.2-a14b/text-to-video`

interface Queued {
  status: string
  request_id: string
  response_url: string
  status_url: string
  cancel_url: string
}

const backend = (app: string) => demoBackend((common) => createFalQueue({ apps: [app], ...common }))

/** Control runs the client's own app; the candidate's model is another app's. */
function setup(more: object = {}) {
  const control = backend('fal-ai/wan')
  const candidate = backend('acme/fast-wan')
  const plane = new DataPlane(
    {
      RELEASE_A: {
        name: 'objects',
        protocol: 'fal',
        arms: {
          control: { url: 'http://control.test', auth: 'FAL_KEY' },
          candidate: { url: 'http://candidate.test', model: 'acme/fast-wan/turbo' },
        },
        ...more,
      },
      FAL_KEY: 'key-of-control',
    },
    (call) => (call.url.host === 'control.test' ? control : candidate).answer(call),
  )
  return { plane, control, candidate }
}

const as = (arm: 'control' | 'candidate') => ({ 'x-user-id': 'ann', ...(arm === 'candidate' ? TO_CANDIDATE : {}) })

async function submit(plane: DataPlane, arm: 'control' | 'candidate', input: object = {}, search = '') {
  const response = await plane.request('POST', MODEL + search, {
    headers: { 'content-type': 'application/json', ...as(arm) },
    body: JSON.stringify({ prompt: 'a red fox', ...input }),
  })
  expect(response.status).toBe(200)
  return response.json<Queued>()
}

const get = async (plane: DataPlane, url: string) => {
  const response = await plane.request('GET', url, { headers: as('control') })
  return { status: response.status, headers: response.headers, body: await response.json<Record<string, unknown>>() }
}

const pass = (seconds: number) => vi.setSystemTime(Date.now() + 1000 * seconds)

inStillTime()

it('events of a job hold the client’s id and the gateway’s addresses', async () => {
  const { plane } = setup()
  const { request_id: id, status_url: statusUrl } = await submit(plane, 'candidate')
  await get(plane, statusUrl)
  const raw = /requests\/([^/]+)/.exec(plane.calls.at(-1)!.url.pathname)![1]!
  const event = (job: string, at: string) =>
    `event: status\ndata: {"status":"IN_QUEUE","request_id":"${job}","status_url":"${at}/requests/${job}/status"}\n\n`
  const told = event(raw, 'http://candidate.test/acme/fast-wan')
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'content-length': `${told.length}` }
  plane.answer = () => new Response(told, { headers })
  const response = await plane.request('GET', `${statusUrl}/stream`, { headers: as('control') })
  expect([response.status, response.headers.get('content-length')]).toEqual([200, null])
  expect(await response.text()).toBe(event(id, GATEWAY + APP))
})

it.each([
  ['text/plain', 200],
  ['text/html; charset=utf-8', 502],
  [null, 404],
])(
  'words about a job under %s and status %i hold the client’s id and no address of the backend’s',
  async (type, status) => {
    const { plane } = setup()
    const { request_id: id, status_url: statusUrl } = await submit(plane, 'candidate')
    await get(plane, statusUrl)
    const raw = /requests\/([^/]+)/.exec(plane.calls.at(-1)!.url.pathname)![1]!
    const words = (job: string, at: string) => `{"request_id":"${job}"}\nsee ${at}/requests/${job}/status, ${job}`
    const bytes = new TextEncoder().encode(words(raw, 'http://candidate.test/acme/fast-wan'))
    plane.answer = () => new Response(bytes, { status, headers: type === null ? {} : { 'content-type': type } })
    const response = await plane.request('GET', statusUrl.replace(/status$/, 'logs'), { headers: as('control') })
    expect([response.status, response.headers.get('content-length')]).toEqual([status, null])
    expect(await response.text()).toBe(words(id, GATEWAY + APP))
  },
)

describe.each(['control', 'candidate'] as const)('a job at the %s', (arm) => {
  const app = arm === 'control' ? APP : '/acme/fast-wan'
  const host = `http://${arm}.test`

  it('is submitted, polled, read and downloaded under the client’s own app and id', async () => {
    const { plane } = setup()
    const queued = await submit(plane, arm, {}, '?x=1')
    const sent = plane.calls[0]!
    expect(sent.url.href).toBe(`${host}${arm === 'control' ? MODEL : '/acme/fast-wan/turbo'}?x=1`)
    expect(sent.headers.get('authorization')).toBe(arm === 'control' ? 'Key key-of-control' : null)
    const own = `${GATEWAY}${APP}/requests/${queued.request_id}`
    expect(queued).toMatchObject({
      status: 'IN_QUEUE',
      request_id: expect.stringMatching(/^slc_.*_slc$/) as unknown,
      response_url: own,
      status_url: `${own}/status`,
      cancel_url: `${own}/cancel`,
    })
    pass(5)
    expect((await get(plane, queued.status_url)).body).toMatchObject({
      status: 'IN_PROGRESS',
      request_id: queued.request_id,
      response_url: own,
    })
    const early = await get(plane, queued.response_url)
    expect([early.status, early.body]).toEqual([400, { detail: 'Request is still in progress' }])
    pass(10)
    expect((await get(plane, queued.status_url)).body).toMatchObject({ status: 'COMPLETED' })
    const result = await get(plane, queued.response_url)
    expect([result.status, result.headers.get('x-fal-request-id')]).toEqual([200, queued.request_id])
    const { url } = (result.body as { video: { url: string } }).video
    expect(url.startsWith(`${GATEWAY}/slc_`)).toBe(true)
    const film = await plane.request('GET', url, { headers: as('control') })
    expect(await film.text()).toMatch(/^film of [\w-]{36}$/)
    const paths = plane.calls.slice(1).map((call) => call.url.origin + call.url.pathname.replace(/[\w-]{36}/, 'ID'))
    expect([...new Set(paths)]).toEqual([
      `${host}${app}/requests/ID/status`,
      `${host}${app}/requests/ID`,
      `${host}/files/ID.mp4`,
    ])
    expect(plane.counted('poll')).toEqual({ [`${arm} ok`]: 4 })
  })

  it('is nobody else’s, by its status, its result, its cancel or its file', async () => {
    const { plane } = setup()
    const queued = await submit(plane, arm)
    const others = { headers: { 'x-user-id': 'bob' } }
    for (const [method, url] of [
      ['GET', queued.status_url],
      ['GET', queued.response_url],
      ['PUT', queued.cancel_url],
      ['GET', `${queued.status_url}/stream`],
    ] as const)
      expect((await plane.request(method, url, others)).status, url).toBe(404)
    expect(plane.calls).toHaveLength(1)
  })

  it('is cancelled by its own URL, and its cancel is no failure', async () => {
    const { plane } = setup()
    const queued = await submit(plane, arm)
    const cancelled = await plane.request('PUT', queued.cancel_url, { headers: as('control') })
    expect([cancelled.status, await cancelled.json()]).toEqual([202, { status: 'CANCELLATION_REQUESTED' }])
    const last = plane.calls.at(-1)!
    expect([last.method, last.url.pathname.replace(/[\w-]{36}/, 'ID')]).toEqual(['PUT', `${app}/requests/ID/cancel`])
    expect(plane.counted('cancel')).toEqual({ [`${arm} ok`]: 1 })
  })
})

describe('a job that fails', () => {
  it('shows its client fal’s own error, with its status', async () => {
    const { plane, control } = setup()
    control.state.faults = { ...HEALTHY, job_failure_rate: 1 }
    const queued = await submit(plane, 'control')
    pass(20)
    expect((await get(plane, queued.status_url)).body).toMatchObject({ status: 'COMPLETED' })
    const result = await get(plane, queued.response_url)
    expect([result.status, result.body]).toEqual([500, { detail: 'CUDA out of memory. Tried to allocate 2.50 GiB' }])
    expect(plane.counted('poll')).toEqual({ 'control ok': 2 })
  })

  it('goes on at control with `rescue`, before its client has seen that it had ended', async () => {
    const { plane, candidate } = setup({ rescue: true })
    candidate.state.faults = { ...HEALTHY, job_failure_rate: 1 }
    const queued = await submit(plane, 'candidate')
    pass(20)
    const shown = await get(plane, queued.status_url)
    expect(shown.body).toMatchObject({ status: 'IN_PROGRESS', request_id: queued.request_id })
  })
})

it('a repeated submit with the same idempotency key is answered with the job’s status', async () => {
  const { plane } = setup()
  const again = () =>
    plane.request('POST', MODEL, {
      headers: { 'content-type': 'application/json', 'idempotency-key': 'k-1', ...as('control') },
      body: '{"prompt":"a red fox"}',
    })
  const first = await (await again()).json<Queued>()
  expect(await (await again()).json<Queued>()).toMatchObject({
    request_id: first.request_id,
    status_url: first.status_url,
  })
  expect(plane.callsOf('POST')).toHaveLength(1)
})
