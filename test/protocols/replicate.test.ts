import { describe, expect, test } from 'vitest'
import type { ShownJob } from '../../src/protocols/protocol.ts'
import { replicate } from '../../src/protocols/replicate.ts'
import { rebuildForArm } from '../../src/protocols/submission/for-arm.ts'
import { describeProtocol, GATEWAY, translation, UPSTREAM } from './contract.ts'

const MODEL = 'wan-video/wan-2.2-t2v'
const VERSION = '5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa'

const prediction = (id: string, more: object = {}, base = `${UPSTREAM}/v1/predictions`) => ({
  id,
  model: MODEL,
  version: 'hidden',
  input: { prompt: 'a fox' },
  logs: '',
  output: null as unknown,
  error: null,
  status: 'starting',
  created_at: '2026-05-01T10:00:00.000Z',
  urls: { get: `${base}/${id}`, cancel: `${base}/${id}/cancel`, web: `https://replicate.com/p/${id}` },
  ...more,
})

const read = (text: string, path = `/v1/models/${MODEL}/predictions`, search = '') => {
  const bytes = new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>
  return replicate.readSubmission({ bytes, contentType: 'application/json', search }, replicate.route('POST', path))
}
const target = { model: null, jobIds: new Map<string, string>(), shadow: false }
const textOf = ({ bytes }: { bytes: Uint8Array }) => new TextDecoder().decode(bytes)

describeProtocol({
  protocol: replicate,
  models: [MODEL, 'wan-video/wan-2.1-t2v'],
  submit: (model) => ({
    method: 'POST',
    path: `/v1/models/${model}/predictions`,
    body: '{"input":{"prompt":"a fox","num_frames":81.0}}',
    contentType: 'application/json',
  }),
  jobs: (id) => {
    const urls = { get: `${UPSTREAM}/v1/predictions/${id}`, cancel: `${UPSTREAM}/v1/predictions/${id}/cancel` }
    return {
      running: prediction(id, { status: 'processing' }),
      succeeded: prediction(id, { status: 'succeeded', output: `${UPSTREAM}/v1/predictions/${id}/out.mp4`, urls }),
      failed: prediction(id, { status: 'failed', error: 'CUDA out of memory' }),
    }
  },
})

describe('routes', () => {
  test.each([
    ['POST', `/v1/models/${MODEL}/predictions`, 'submit', null, ''],
    ['POST', '/n/v1/predictions/', 'submit', null, '/n'],
    ['POST', '/v1/deployments/acme/wan/predictions', 'submit', null, ''],
    ['GET', '/v1/predictions', 'list', null, ''],
    ['GET', '/v1/predictions/p1', 'poll', 'p1', ''],
    ['HEAD', '/a/b/v1/predictions/p1/', 'poll', 'p1', '/a/b'],
    ['GET', '/v1//%70redictions/p1', 'poll', 'p1', ''],
    ['GET', '/v1%2Fpredictions%2Fp1', 'poll', 'p1', ''],
    ['GET', '/V1/Predictions/p1', 'poll', 'p1', ''],
    ['POST', '/v1/predictions/p1/cancel', 'cancel', 'p1', ''],
    ['GET', '/v1/predictions/p1/cancel', 'other', 'p1', ''],
    ['POST', '/v1/predictions/p1', 'other', 'p1', ''],
    ['GET', '/v1/predictions/p1/stream', 'other', 'p1', ''],
    ['GET', `/v1/models/${MODEL}`, 'other', null, ''],
    ['GET', `/v1/models/${MODEL}/predictions`, 'other', null, ''],
    ['POST', '/v1/files', 'other', null, ''],
    ['GET', '/v1/files/f1', 'other', null, ''],
    ['GET', '/v1/files', 'other', '/v1/files', ''],
    ['HEAD', '/n//V1/f%69les/', 'other', '/n/v1/files', '/n'],
    ['GET', '/v1%2Ffiles', 'other', '/v1/files', ''],
    ['GET', '/v1/trainings/', 'other', '/v1/trainings', ''],
    ['POST', '/v1/files/a/b/predictions', 'other', null, ''],
    ['POST', '/v2/predictions', 'other', null, ''],
  ] as const)('%s %s is a %s of %s', (method, path, operation, job, prefix) => {
    expect(replicate.route(method, path)).toMatchObject({ operation, job, prefix })
  })

  test('an id with something odd below it is one that no job has', () => {
    const route = replicate.route('GET', '/v1/predictions/p1/..%2fp2')
    expect(route.job).toBe('p1/../p2')
    expect(route.upstreamPath(null)).toBe('/v1/predictions/p1%2F..%2Fp2')
  })
})

describe('submits', () => {
  const body = '{"input":{"prompt":"a fox"}}'
  const versioned = `{"version":"${VERSION}","input":{"prompt":"a fox"}}`

  test.each([
    [body, `/v1/models/${MODEL}/predictions`, MODEL],
    [body, '/v1/deployments/acme/wan/predictions', 'deployments/acme/wan'],
    [versioned, '/v1/predictions', VERSION],
    [body, '/v1/predictions', null],
  ])('%s to %s names the model %s', (text, path, model) => {
    expect(read(text, path).model).toBe(model)
  })

  test.each([
    [body, `/v1/models/${MODEL}/predictions`, 'acme/wan', '/v1/models/acme/wan/predictions', body],
    [body, '/n/v1/models/a/b/predictions', 'deployments/acme/wan', '/n/v1/deployments/acme/wan/predictions', body],
    [body, '/v1/models/a/b/predictions', VERSION, '/v1/predictions', `{"version":"${VERSION}",${body.slice(1)}`],
    ['{}', '/v1/predictions', 'a/b:1', '/v1/predictions', '{"version":"a/b:1"}'],
    [versioned, '/v1/predictions', 'a/b:1', '/v1/predictions', versioned.replace(VERSION, 'a/b:1')],
    [versioned, '/v1/predictions', 'acme/wan', '/v1/models/acme/wan/predictions', body],
  ])('%s to %s goes to the arm of %s at %s', (text, path, model, upstream, expected) => {
    const rebuilt = read(text, path, '?x=1').rebuild({ ...target, model })
    expect([rebuilt.path, textOf(rebuilt)]).toEqual([`${upstream}?x=1`, expected])
  })

  test('facts are read out of the model’s input', () => {
    const input = { prompt: '红狐🦊', num_frames: 81, frames_per_second: 16, resolution: '480p' }
    expect(read(JSON.stringify({ input }))).toMatchObject({
      promptChars: 3,
      durationSeconds: 81 / 16,
      work: 81 * 854 * 480,
    })
    expect(read('{"input":"a fox"}')).toMatchObject({ promptChars: null, durationSeconds: null, work: null })
  })

  test('a copy goes without its webhook and without what acts for the client, everything else as it is', () => {
    const text =
      '{"webhook":"https://c.example","webhook_events_filter":["completed"],"input":{"prompt":"a fox", "user":"u"}}'
    const copy = read(text, undefined, '?x=1').rebuild({ ...target, model: 'a/b:1', shadow: true })
    expect([copy.path, textOf(copy)]).toEqual(['/v1/predictions', '{"version":"a/b:1","input":{"prompt":"a fox"}}'])
  })

  test.each(['application/json; charset=latin1', 'application/json; x', ' Application/JSON '])(
    'sent as %s it goes on as what it has been read as, with an arm’s own fields',
    (contentType) => {
      const bytes = new TextEncoder().encode('{"input":{"fps":30}}') as Uint8Array<ArrayBuffer>
      const route = replicate.route('POST', '/v1/models/a/b/predictions')
      const submission = replicate.readSubmission({ bytes, contentType, search: '' }, route)
      const mapping = { rename: [], set: [], clamp: [{ path: ['input', 'fps'], min: 0, max: 16 }] }
      const sent = rebuildForArm(submission, { model: null, mapping, encoding: 'as_sent' }, target)
      expect([sent.contentType, textOf(sent)]).toEqual(['application/json', '{"input":{"fps":16}}'])
    },
  )

  test('what is no JSON is refused, and so is a model that is none', () => {
    const bytes = new TextEncoder().encode('a=b') as Uint8Array<ArrayBuffer>
    for (const contentType of [null, 'application/x-www-form-urlencoded', 'application/jsonp'])
      expect(() =>
        replicate.readSubmission({ bytes, contentType, search: '' }, replicate.route('POST', '/v1/predictions')),
      ).toThrow('must be application/json')
    expect(() => read('[')).toThrow('not valid JSON')
    expect(() => read('{"version":7}', '/v1/predictions')).toThrow('must be a string')
    expect(() => read(`{"version":"${'a'.repeat(3000)}"}`, '/v1/predictions')).toThrow('more than')
    expect(() => read('{}', `/v1/models/a/${'b'.repeat(3000)}/predictions`)).toThrow('more than')
  })
})

describe('how a job stands', () => {
  const backendJob = (more: object, status = 200) =>
    replicate.readJob({ status, headers: new Headers(), body: prediction('p1', more), job: null })

  test.each([
    ['starting', 'queued', null],
    ['processing', 'running', null],
    ['paused', 'running', null],
    ['constructor', 'running', null],
    ['succeeded', 'succeeded', null],
    ['canceled', 'cancelled', null],
    ['aborted', 'failed', 'job_timeout'],
  ])('%s is %s', (word, status, failure) => {
    expect(backendJob({ status: word })).toMatchObject({ id: 'p1', status, failure })
  })

  test.each([
    ['CUDA out of memory. Tried to allocate 2.50 GiB (E1001)', 'job_failed'],
    ['Director: unexpected error handling prediction (E9828)', 'job_failed'],
    ['Service is temporarily unavailable (E003)', 'job_failed'],
    ['Timeout starting prediction (E6716)', 'job_timeout'],
    ['Prediction timed out after 30 minutes', 'job_timeout'],
    ['NSFW content detected. Try running it again, or try a different prompt.', 'content_refused'],
    ['The input or output was flagged as sensitive. Please try again with different inputs. (E005)', 'content_refused'],
    ['Input validation failed: num_frames must be 4n + 1', 'content_refused'],
    [null, 'job_failed'],
    [{ code: 5 }, 'job_failed'],
  ])('%j is %s', (error, failure) => {
    expect(backendJob({ status: 'failed', error })).toMatchObject({ status: 'failed', failure })
    expect(backendJob({ status: 'succeeded', error })).toMatchObject({ failure: null })
  })

  test('times are the backend’s own, where they can be any', () => {
    const times = { started_at: '2026-05-01T10:00:02.500Z', completed_at: '2026-05-01T10:00:12.500Z' }
    expect(backendJob({ status: 'processing', ...times })).toMatchObject({
      queueSeconds: 2.5,
      runSeconds: null,
      totalSeconds: null,
    })
    expect(backendJob({ status: 'succeeded', ...times })).toMatchObject({
      queueSeconds: 2.5,
      runSeconds: 10,
      totalSeconds: 12.5,
    })
    const metrics = { predict_time: 9.5, total_time: 13 }
    expect(backendJob({ status: 'failed', ...times, metrics })).toMatchObject({ runSeconds: 9.5, totalSeconds: 13 })
    const odd = { started_at: '2026-04-30', completed_at: 7, metrics: { predict_time: -1, total_time: '3' } }
    expect(backendJob({ status: 'succeeded', ...odd })).toMatchObject({
      queueSeconds: null,
      runSeconds: null,
      totalSeconds: null,
    })
  })

  test('an error of the wire is no job', () => {
    const body = { title: 'Not found', detail: 'The requested resource could not be found.', status: 404 }
    expect(replicate.readJob({ status: 404, headers: new Headers(), body, job: 'p1' })).toBeNull()
  })
})

describe('answers', () => {
  const ids = new Map([['p1', 'slc_1_slc']])
  const shown = (body: object, more: object = {}) =>
    JSON.parse(replicate.translate(JSON.stringify(body), { ...translation(ids), ...more })) as ReturnType<
      typeof prediction
    >
  const own = (prefix = '') => ({
    get: `${GATEWAY}${prefix}/v1/predictions/slc_1_slc`,
    cancel: `${GATEWAY}${prefix}/v1/predictions/slc_1_slc/cancel`,
    web: 'https://replicate.com/p/p1',
  })

  test('a job’s links lead to the gateway, below what stands before its path there, whatever host they name', () => {
    for (const base of [UPSTREAM, 'https://api.replicate.com', 'http://inner.example:81/base'])
      expect(shown(prediction('p1', {}, `${base}/v1/predictions`)).urls).toEqual(
        base.endsWith('/base')
          ? {
              ...own(),
              get: `${GATEWAY}/base/v1/predictions/slc_1_slc`,
              cancel: `${GATEWAY}/base/v1/predictions/slc_1_slc/cancel`,
            }
          : own(),
      )
    expect(shown(prediction('p1', {}, 'https://api.replicate.com/v1/predictions'), { prefix: '/n' }).urls).toEqual(
      own('/n'),
    )
  })

  test('the same address elsewhere in an answer stays, being the client’s own words', () => {
    const far = 'https://api.replicate.com/v1/predictions/p9'
    const input = { prompt: far, image: far, urls: { get: far } }
    expect(shown(prediction('p1', { input, logs: far })).input).toEqual(input)
  })

  test.each([
    [`${UPSTREAM}/files/a.mp4`, `${GATEWAY}/sealed/files/a.mp4`],
    [[`${UPSTREAM}/files/a.mp4`], [`${GATEWAY}/sealed/files/a.mp4`]],
    [{ video: `${UPSTREAM}/files/a.mp4` }, { video: `${GATEWAY}/sealed/files/a.mp4` }],
    ['https://replicate.delivery/x/out.mp4', 'https://replicate.delivery/x/out.mp4'],
  ])('the output %j is shown as %j', (output, expected) => {
    const answer = prediction('p1', { status: 'succeeded', output, input: { image: `${UPSTREAM}/files/b.png` } })
    const { output: told, input } = shown(answer, { fileUrl: (path: string) => `/sealed${path}` })
    expect(told).toEqual(expected)
    expect(input).toEqual({ image: `${GATEWAY}/files/b.png` })
  })

  test('a list is paged by the last job of a page', () => {
    const list = replicate.list!
    expect(list.query(new URLSearchParams('cursor=slc_9_slc'))).toEqual({
      limit: 20,
      after: 'slc_9_slc',
      order: 'desc',
    })
    expect(list.query(new URLSearchParams()).after).toBeNull()
    const asked = new URL(`${GATEWAY}/n/v1/predictions?cursor=x`)
    const jobs = [{ id: 'b' }, { id: 'a/1' }]
    expect(list.answer(jobs, true, asked)).toEqual({
      previous: null,
      next: `${GATEWAY}/n/v1/predictions?cursor=a%2F1`,
      results: jobs,
    })
    expect(list.answer(jobs, false, asked)).toMatchObject({ next: null })
    expect(list.answer([7], true, asked)).toMatchObject({ next: null })
    // A backend's id that no address can carry.
    expect(list.answer([{ id: '\ud800' }], true, asked)).toMatchObject({ next: expect.stringContaining('%EF%BF%BD') })
  })

  test('a job that nobody is asked for reads like what is known of it', () => {
    const job = { clientId: 'slc_1_slc', prefix: '/n', gatewayOrigin: GATEWAY, submittedAt: 0 }
    const placed = (end: ShownJob['end']) => replicate.placeholder({ ...job, end })
    const { get, cancel } = own('/n')
    expect(placed(null)).toMatchObject({ status: 'processing', completed_at: null, urls: { get, cancel } })
    const at = 1000
    for (const [outcome, status] of [
      ['ok', 'succeeded'],
      ['job_failed', 'failed'],
      ['content_refused', 'failed'],
    ] as const) {
      const body = placed({ outcome, at })
      expect(replicate.readJob({ status: 200, headers: new Headers(), body, job: null })).toMatchObject({
        status,
        totalSeconds: 1,
      })
    }
  })
})
