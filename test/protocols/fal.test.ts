import { describe, expect, test } from 'vitest'
import { fal } from '../../src/protocols/fal.ts'
import { describeProtocol, GATEWAY, translation, UPSTREAM } from './contract.ts'

const APP = '/fal-ai/wan'
const MODEL = 'fal-ai/wan/v2.2-a14b/text-to-video'

const queued = (id: string, app = APP, base = UPSTREAM) => ({
  status: 'IN_QUEUE',
  request_id: id,
  queue_position: 0,
  response_url: `${base}${app}/requests/${id}`,
  status_url: `${base}${app}/requests/${id}/status`,
  cancel_url: `${base}${app}/requests/${id}/cancel`,
})

const post = (body: object, path = `/${MODEL}`, search = '') => {
  const bytes = new TextEncoder().encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>
  return fal.readSubmission({ bytes, contentType: 'application/json', search }, fal.route('POST', path))
}
const target = { model: null, jobIds: new Map<string, string>(), shadow: false }
const textOf = ({ bytes }: { bytes: Uint8Array }) => new TextDecoder().decode(bytes)

describeProtocol({
  protocol: fal,
  models: [MODEL, 'fal-ai/wan/v2.2-5b/text-to-video'],
  prefixes: [APP, '/workflows/acme/film', '/comfy/acme/film'],
  submit: (model) => ({
    method: 'POST',
    path: `/${model}`,
    body: '{"prompt":"a fox","num_frames":81.0}',
    contentType: 'application/json',
  }),
})

describe('routes', () => {
  test.each([
    ['POST', `/${MODEL}`, 'submit', null, APP],
    ['POST', `${APP}/`, 'submit', null, APP],
    ['POST', '/workflows/acme/film', 'submit', null, '/workflows/acme/film'],
    ['GET', `${APP}/requests/R1/status`, 'poll', 'R1', APP],
    ['GET', `${APP}/requests/R1`, 'poll', 'R1', APP],
    ['GET', '/fal-ai//wan/%72equests/R1/', 'poll', 'R1', APP],
    ['GET', `${APP}%2Frequests%2FR1`, 'poll', 'R1', APP],
    ['GET', `${APP}/REQUESTS/R1`, 'poll', 'R1', APP],
    ['PUT', `${APP}/requests/R1/cancel`, 'cancel', 'R1', APP],
    ['GET', `${APP}/requests/R1/status/stream`, 'other', 'R1', APP],
    ['POST', `${APP}/requests/R1/anything`, 'other', 'R1', APP],
    ['GET', `/${MODEL}`, 'other', null, ''],
    ['POST', '/one', 'other', null, ''],
    ['POST', '/workflows/acme', 'other', null, ''],
    ['POST', '/', 'other', null, ''],
  ] as const)('%s %s is a %s of %s', (method, path, operation, job, prefix) => {
    expect(fal.route(method, path)).toMatchObject({ operation, job, prefix })
  })

  test('an arm’s own model stands in the submit’s path, and its app before the paths of its jobs', () => {
    const model = 'acme/fast-wan/turbo'
    expect(fal.route('POST', `/${MODEL}`).upstreamPath(null, model)).toBe(`/${model}`)
    expect(fal.route('GET', `${APP}/requests/tag/status`).upstreamPath('R1', model)).toBe(
      '/acme/fast-wan/requests/R1/status',
    )
    const address = { upstreamId: 'R1', prefix: APP, model }
    expect(fal.pollCall(address).path).toBe('/acme/fast-wan/requests/R1/status')
    expect(fal.result!.call(address).path).toBe('/acme/fast-wan/requests/R1')
    const says = (body: unknown) => fal.cancelSays!({ status: 200, headers: new Headers(), body, job: 'R1' })
    expect(['CANCELLATION_REQUESTED', 'ALREADY_COMPLETED'].map((status) => says({ status }))).toEqual([null, 'refused'])
    expect(fal.cancelCall!(address)).toEqual({ method: 'PUT', path: '/acme/fast-wan/requests/R1/cancel' })
  })

  test('an id with something odd below it is one that no job has', () => {
    const route = fal.route('GET', `${APP}/requests/R1/..%2fR2`)
    expect(route.job).toBe('R1/../R2')
    expect(route.upstreamPath(null)).toBe(`${APP}/requests/R1%2F..%2FR2`)
  })
})

describe('submits', () => {
  test('facts are read under the names of the model’s input', () => {
    expect(post({ prompt: '红狐🦊', num_frames: 81, frames_per_second: 16, resolution: '720p' })).toMatchObject({
      model: MODEL,
      promptChars: 3,
      durationSeconds: 81 / 16,
      work: 81 * 1280 * 720,
    })
    for (const duration of [5, '5', '5s']) expect(post({ duration })).toMatchObject({ durationSeconds: 5 })
    expect(post({ prompt: 7, duration: '5 minutes', resolution: 'constructor' })).toMatchObject({
      promptChars: null,
      durationSeconds: null,
      work: null,
    })
  })

  test('a copy goes without its webhook and without what acts for the client, everything else as it is', () => {
    const submission = post(
      { prompt: 'a fox', webhook_url: 'https://c.example/h' },
      undefined,
      '?fal_webhook=https://c',
    )
    expect(submission.rebuild(target)).toMatchObject({ path: `/${MODEL}?fal_webhook=https://c` })
    const copy = submission.rebuild({ ...target, model: 'acme/wan', shadow: true })
    expect([copy.path, textOf(copy)]).toEqual(['/acme/wan', '{"prompt":"a fox"}'])
  })

  test('the same body for another model is another submit', () => {
    expect(post({ a: 1 }).fingerprint).not.toBe(post({ a: 1 }, '/fal-ai/wan').fingerprint)
  })

  test('what is no JSON is refused, with where and what', () => {
    const read = (text: string, contentType: string | null) => () =>
      fal.readSubmission(
        { bytes: new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>, contentType, search: '' },
        fal.route('POST', `/${MODEL}`),
      )
    expect(read('[', 'application/json')).toThrow('not valid JSON')
    expect(read('{}', 'text/plain')).toThrow('not supported')
    const long = `/${'a'.repeat(1000)}/b`
    expect(() => post({}, long)).toThrow('more than')
  })
})

describe('how a job stands', () => {
  const read = (body: unknown, job: string | null = null, status = 200) =>
    fal.readJob({ status, headers: new Headers(), body, job })

  test.each([
    ['IN_QUEUE', 'queued'],
    ['IN_PROGRESS', 'running'],
    ['PAUSED', 'running'],
    ['constructor', 'running'],
    ['COMPLETED', 'ended'],
  ])('%s is %s', (word, status) => {
    expect(read({ status: word, request_id: 'R1' })).toMatchObject({ id: 'R1', status, failure: null })
  })

  test('a status that does not repeat the id is that of the job that was asked for', () => {
    expect(read({ status: 'COMPLETED', metrics: { inference_time: 3.5 } }, 'R1')).toMatchObject({
      id: 'R1',
      runSeconds: 3.5,
    })
    expect(read({ status: 'IN_QUEUE' })).toBeNull()
    expect(read({ status: 'IN_QUEUE', request_id: 'R1' }, null, 500)).toBeNull()
  })
})

describe('what came of a job', () => {
  const read = (status: number, body: unknown, headers: Record<string, string> = {}) =>
    fal.result!.read({ status, headers: new Headers(headers), body, job: 'R1' })

  test.each([
    [200, { video: { url: 'https://v3.fal.media/f.mp4' } }, { status: 'succeeded', failure: null }],
    [200, [], { status: 'succeeded' }],
    [400, { detail: 'Request is still in progress' }, { status: 'running' }],
    [202, { status: 'IN_PROGRESS', request_id: 'R1' }, { status: 'running' }],
    [
      422,
      { detail: [{ loc: ['body', 'prompt'], msg: 'refused', type: 'content_policy_violation' }] },
      { status: 'failed', failure: 'content_refused' },
    ],
    [400, { detail: 'num_frames: must be 4n + 1' }, { status: 'failed', failure: 'content_refused' }],
    [500, { detail: 'CUDA out of memory' }, { status: 'failed', failure: 'job_failed' }],
    [503, { detail: 'gone', error_type: 'runner_disconnected' }, { status: 'failed', failure: 'job_failed' }],
    [504, { detail: 'late', error_type: 'request_timeout' }, { status: 'failed', failure: 'job_timeout' }],
    [400, { detail: 'Request was cancelled' }, { status: 'cancelled', failure: null }],
  ])('%i %j', (status, body, expected) => {
    expect(read(status, body)).toMatchObject({ id: 'R1', ...expected })
  })

  test('a deadline of the client’s own is no failure of the arm', () => {
    const headers = { 'x-fal-request-timeout-type': 'user' }
    expect(read(504, { detail: 'late', error_type: 'request_timeout' }, headers)?.status).toBe('cancelled')
  })

  test.each([
    [502, undefined],
    [500, { message: 'from a proxy' }],
    [404, { detail: 'not found' }],
    [410, { detail: 'gone' }],
    [401, { detail: 'no key' }],
    [429, { detail: 'slow down' }],
    [301, { detail: 'there' }],
    [200, undefined],
    [500, null],
    [500, ['detail']],
  ])('%i %j is no word on the job', (status, body) => {
    expect(read(status, body)).toBeNull()
  })
})

describe('what fal sends to a webhook', () => {
  const read = (more: object) => fal.readWebhook!({ request_id: 'R1', ...more })
  test.each([
    [{ status: 'OK', payload: { video: { url: 'https://v3.fal.media/f.mp4' } } }, 'succeeded', null],
    [{ status: 'ERROR', error: 'Invalid status code: 422', payload: { detail: [] } }, 'failed', 'content_refused'],
    [{ status: 'ERROR', error: 'Invalid status code: 500', payload: { detail: 'CUDA' } }, 'failed', 'job_failed'],
    [{ status: 'ERROR', error: 'Internal Error', payload: null }, 'failed', 'job_failed'],
    [{ status: 'ERROR' }, 'failed', 'job_failed'],
    [{ status: 'ERROR', payload: { detail: 'Request was cancelled' } }, 'cancelled', null],
  ])('%j is %s', (more, status, failure) => {
    expect(read(more)).toMatchObject({ id: 'R1', status, failure })
  })

  test('what is none shows no job', () => {
    for (const body of [null, [], 'OK', { status: 'OK' }, { request_id: 7, status: 'OK' }, { request_id: 'R1' }])
      expect(fal.readWebhook!(body)).toBeNull()
    expect(read({ status: 'IN_QUEUE' })).toBeNull()
  })

  test('its place in the query is changed alone', () => {
    const webhook = (url: string) => `https://gateway/${url.length}`
    const path = (search: string) => post({}, undefined, search).rebuild({ ...target, webhook }).path
    expect(path('?a=%20b&fal_webhook=https%3A%2F%2Fc&c')).toBe(
      `/${MODEL}?a=%20b&c&fal_webhook=https%3A%2F%2Fgateway%2F9`,
    )
    expect(path('?a=%20b&c')).toBe(`/${MODEL}?a=%20b&c`)
    expect(path('')).toBe(`/${MODEL}`)
  })
})

describe('answers', () => {
  const shown = (body: object, prefix = APP) =>
    JSON.parse(
      fal.translate(JSON.stringify(body), { ...translation(new Map([['R1', 'slc_1_slc']])), prefix }),
    ) as Record<string, unknown>

  test('the three URLs of a job lead to the gateway, below the client’s own app', () => {
    const own = {
      status: 'IN_QUEUE',
      request_id: 'slc_1_slc',
      queue_position: 0,
      response_url: `${GATEWAY}${APP}/requests/slc_1_slc`,
      status_url: `${GATEWAY}${APP}/requests/slc_1_slc/status`,
      cancel_url: `${GATEWAY}${APP}/requests/slc_1_slc/cancel`,
    }
    expect(shown(queued('R1'))).toEqual(own)
    expect(shown(queued('R1', '/acme/fast-wan'))).toEqual(own)
    // Whatever name the backend goes by.
    expect(shown(queued('R1', '/acme/fast-wan', 'https://queue.fal.run'))).toEqual(own)
    const far = 'https://queue.fal.run/fal-ai/wan/requests/R9'
    expect(shown({ ...queued('R1'), output: { status_url: far } })).toEqual({ ...own, output: { status_url: far } })
  })

  test('a file that the backend serves itself gets a path of the gateway’s, others stay', () => {
    const fileUrl = (path: string) => `/sealed${path}`
    const result = { video: { url: `${UPSTREAM}/files/a.mp4` }, images: [{ url: `${UPSTREAM}/files/b.png` }] }
    const text = JSON.stringify({ ...result, far: { url: 'https://v3.fal.media/c.mp4' } })
    expect(JSON.parse(fal.translate(text, { ...translation(), prefix: APP, fileUrl }))).toEqual({
      video: { url: `${GATEWAY}/sealed/files/a.mp4` },
      images: [{ url: `${GATEWAY}/sealed/files/b.png` }],
      far: { url: 'https://v3.fal.media/c.mp4' },
    })
  })

  test('the header that names the job is translated', () => {
    expect(fal.translateHeader('x-fal-request-id', 'R1', translation(new Map([['R1', 'slc_1_slc']])))).toBe('slc_1_slc')
  })

  test('a job that nobody is asked for reads like one under way', () => {
    const job = { clientId: 'slc_1_slc', prefix: APP, gatewayOrigin: GATEWAY, submittedAt: 0, end: null }
    expect(fal.placeholder(job)).toMatchObject({ status: 'IN_PROGRESS', status_url: shown(queued('R1'))['status_url'] })
  })
})
