/** Replicate's wire end to end: submit, polls, download, list and cancel at both arms, with the links in each answer. */
import { describe, expect, it, vi } from 'vitest'
import { HEALTHY } from '../../../demo/faults.ts'
import { createPredictions, versionOf } from '../../../demo/predictions.ts'
import { counted, ledger } from '../../support/workerd/objects.ts'
import { DataPlane, GATEWAY, inStillTime, TO_CANDIDATE } from '../../support/workerd/data-plane.ts'
import { demoBackend } from '../../support/workerd/demo-backend.ts'

const MODEL = 'wan-video/wan-2.1-t2v'
const CANDIDATE = 'wan-video/wan-2.2-t2v'
const SUBMIT = `/v1/models/${MODEL}/predictions`

interface Prediction {
  id: string
  status: string
  output: string | null
  error: string | null
  urls: { get: string; cancel: string }
}

const backend = (model: string) => demoBackend((common) => createPredictions({ model, ...common }))

/** The candidate's model is a version, so that its submits go to another path, with the version in their body. */
function setup(more: object = {}) {
  const control = backend(MODEL)
  const candidate = backend(CANDIDATE)
  const plane = new DataPlane(
    {
      RELEASE_A: {
        name: 'objects',
        protocol: 'replicate',
        arms: {
          control: { url: 'http://control.test', auth: 'REPLICATE_TOKEN' },
          candidate: { url: 'http://candidate.test', model: versionOf(CANDIDATE) },
        },
        ...more,
      },
      REPLICATE_TOKEN: 'token-of-control',
    },
    (call) => (call.url.host === 'control.test' ? control : candidate).answer(call),
  )
  return { plane, control, candidate }
}

const as = (arm: 'control' | 'candidate') => ({ 'x-user-id': 'ann', ...(arm === 'candidate' ? TO_CANDIDATE : {}) })

async function submit(plane: DataPlane, arm: 'control' | 'candidate', input: object = {}, headers: object = {}) {
  const response = await plane.request('POST', `${SUBMIT}?x=1`, {
    headers: { 'content-type': 'application/json', ...as(arm), ...headers },
    body: JSON.stringify({ input: { prompt: 'a red fox', ...input } }),
  })
  expect(response.status).toBe(201)
  return response.json<Prediction>()
}

const call = async (plane: DataPlane, url: string, method = 'GET') => {
  const response = await plane.request(method, url, { headers: as('control') })
  return { status: response.status, body: await response.json<Prediction>() }
}

/** How the one job ended, by the release's ledger. */
async function end(): Promise<string> {
  const { requests, outcomes } = await counted(ledger(), 'job')
  expect(requests).toBe(1)
  return Object.keys(outcomes)[0] ?? 'ok'
}

const pass = (seconds: number) => vi.setSystemTime(Date.now() + 1000 * seconds)

inStillTime()

describe.each(['control', 'candidate'] as const)('a prediction at the %s', (arm) => {
  const host = `http://${arm}.test`

  it('is made, polled and downloaded under the client’s own id, by its own links', async () => {
    const { plane } = setup()
    const made = await submit(plane, arm, {}, { prefer: 'wait=5', 'cancel-after': '5m' })
    const sent = plane.calls[0]!
    expect(sent.url.href).toBe(`${host}${arm === 'control' ? SUBMIT : '/v1/predictions'}?x=1`)
    expect(JSON.parse(sent.body)).toEqual({
      ...(arm === 'control' ? {} : { version: versionOf(CANDIDATE) }),
      input: { prompt: 'a red fox' },
    })
    expect(sent.headers.get('authorization')).toBe(arm === 'control' ? 'Bearer token-of-control' : null)
    expect([sent.headers.get('prefer'), sent.headers.get('cancel-after')]).toEqual(['wait=5', '5m'])
    const own = `${GATEWAY}/v1/predictions/${made.id}`
    expect(made).toMatchObject({
      id: expect.stringMatching(/^slc_.*_slc$/) as unknown,
      status: 'starting',
      urls: { get: own, cancel: `${own}/cancel` },
    })
    pass(5)
    expect((await call(plane, made.urls.get)).body).toMatchObject({ id: made.id, status: 'processing' })
    pass(10)
    const { body: done } = await call(plane, made.urls.get)
    expect(done).toMatchObject({ id: made.id, status: 'succeeded', urls: made.urls })
    expect(done.output!.startsWith(`${GATEWAY}/slc_`)).toBe(true)
    const film = await plane.request('GET', done.output!, { headers: as('control') })
    expect(await film.text()).toMatch(/^film of \w{26}$/)
    const places = plane.calls.slice(1).map(({ url }) => url.origin + url.pathname.replace(/\w{26}/, 'ID'))
    expect([...new Set(places)]).toEqual([`${host}/v1/predictions/ID`, `${host}/files/ID/output.mp4`])
    expect(plane.counted('poll')).toEqual({ [`${arm} ok`]: 2 })
  })

  it('is nobody else’s, by its link, its cancel, its file or whatever stands below it', async () => {
    const { plane } = setup()
    const made = await submit(plane, arm)
    pass(20)
    const { output } = (await call(plane, made.urls.get)).body
    const asked = plane.calls.length
    for (const [method, url] of [
      ['GET', made.urls.get],
      ['POST', made.urls.cancel],
      ['GET', `${made.urls.get}/stream`],
      ['GET', output!],
    ] as const)
      expect((await plane.request(method, url, { headers: { 'x-user-id': 'bob' } })).status, url).toBe(404)
    expect(plane.calls).toHaveLength(asked)
  })

  it('is cancelled by its own link, and the answer is the client’s own prediction', async () => {
    const { plane } = setup()
    const made = await submit(plane, arm)
    const cancelled = await call(plane, made.urls.cancel, 'POST')
    expect(cancelled).toMatchObject({ status: 200, body: { id: made.id, status: 'canceled', urls: made.urls } })
    expect(
      plane
        .callsOf('POST')
        .at(-1)!
        .url.pathname.replace(/\w{26}/, 'ID'),
    ).toBe('/v1/predictions/ID/cancel')
    expect(plane.counted('cancel')).toEqual({ [`${arm} ok`]: 1 })
    expect(await end()).toBe('cancelled')
  })

  it('is not taken for cancelled where its cancel came too late', async () => {
    const { plane } = setup()
    const made = await submit(plane, arm)
    pass(20)
    expect((await call(plane, made.urls.cancel, 'POST')).body.status).toBe('succeeded')
    expect(await end()).toBe('ok')
  })
})

describe('how a prediction ends', () => {
  it.each([
    ['fails', {}, { job_failure_rate: 1 }, {}, 'failed', 'job_failed'],
    ['is refused', { prompt: 'forbidden' }, {}, {}, 'failed', 'content_refused'],
    ['could not start in time', {}, { job_seconds: 3000 }, { 'cancel-after': '10s' }, 'aborted', 'job_timeout'],
  ] as const)('one that %s', async (_, input, faults, headers, status, outcome) => {
    const { plane, control } = setup()
    control.state.faults = { ...HEALTHY, ...faults }
    const made = await submit(plane, 'control', input, headers)
    pass(20)
    expect((await call(plane, made.urls.get)).body).toMatchObject({ id: made.id, status })
    expect(plane.counted('poll')).toEqual({ 'control ok': 1 })
    expect(await end()).toBe(outcome)
  })

  it('goes on at control with `rescue`, under the same links', async () => {
    const { plane, candidate } = setup({ rescue: true })
    candidate.state.faults = { ...HEALTHY, job_failure_rate: 1 }
    const made = await submit(plane, 'candidate')
    pass(20)
    const { body } = await call(plane, made.urls.get)
    expect(body).toMatchObject({ id: made.id, status: 'starting', error: null, urls: made.urls })
    expect(plane.callsOf('POST').at(-1)!.url.href).toBe(`http://control.test${SUBMIT}?x=1`)
  })
})

it('a list holds the caller’s own of both arms, newest first, and leads on to the next page', async () => {
  const { plane } = setup()
  const made: string[] = []
  for (let i = 0; i < 22; i++) {
    pass(1)
    made.unshift((await submit(plane, i % 2 === 0 ? 'control' : 'candidate')).id)
  }
  const page = async (url: string) => {
    const response = await plane.request('GET', url, { headers: as('control') })
    return response.json<{ results: Prediction[]; next: string | null; previous: null }>()
  }
  const first = await page('/v1/predictions')
  expect(first.results.map(({ id }) => id)).toEqual(made.slice(0, 20))
  expect(first.results[0]).toMatchObject({ status: 'starting', urls: { get: `${GATEWAY}/v1/predictions/${made[0]}` } })
  expect(first.next).toBe(`${GATEWAY}/v1/predictions?cursor=${made[19]}`)
  const second = await page(first.next!)
  expect([second.results.map(({ id }) => id), second.next]).toEqual([made.slice(20), null])
  const others = await plane.request('GET', '/v1/predictions', { headers: { 'x-user-id': 'bob' } })
  expect(await others.json()).toEqual({ previous: null, next: null, results: [] })
})

it('a repeated submit with the same idempotency key is answered with the same prediction', async () => {
  const { plane } = setup()
  const first = await submit(plane, 'control', {}, { 'idempotency-key': 'k-1' })
  const again = await plane.request('POST', `${SUBMIT}?x=1`, {
    headers: { 'content-type': 'application/json', 'idempotency-key': 'k-1', ...as('control') },
    body: '{"input":{"prompt":"a red fox"}}',
  })
  expect(await again.json()).toMatchObject({ id: first.id, urls: first.urls })
  expect(plane.callsOf('POST')).toHaveLength(1)
})

it('a refusal of the backend’s reaches the client as it is', async () => {
  const { plane } = setup()
  const refused = await plane.request('POST', '/v1/predictions', {
    headers: { 'content-type': 'application/json', ...as('control') },
    body: '{"version":"none","input":{"prompt":"a red fox"}}',
  })
  expect(refused.status).toBe(422)
  expect(await refused.json()).toEqual({
    title: 'Invalid version or not permitted',
    detail: 'The specified version does not exist.',
    status: 422,
  })
  expect(plane.counted('submit')).toEqual({ 'control client_error': 1 })
})
