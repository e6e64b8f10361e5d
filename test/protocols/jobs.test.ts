/** Wires that a release declares: RunPod's and OpenRouter's by the scenarios' tables, and what a table may say besides. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jobProtocolOf } from '../../src/protocols/index.ts'
import type { JobProtocol } from '../../src/protocols/protocol.ts'
import { describeProtocol, GATEWAY, translation, UPSTREAM } from './contract.ts'
import { declaredWire, scenarioRelease, scenarioWire } from './declared.ts'

const runpod = scenarioWire('runpod')
const openrouter = scenarioWire('openrouter')
const APP = '/v2/wan'

describeProtocol({
  protocol: runpod,
  models: ['wan', 'wan22endpoint'],
  prefixes: [APP, '/v2/an%20other'],
  submit: (model) => ({
    method: 'POST',
    path: `/v2/${model}/run`,
    body: '{"input":{"prompt":"a fox","num_frames":81.0}}',
    contentType: 'application/json',
  }),
  jobs: (id) => ({
    running: { id, status: 'IN_PROGRESS', delayTime: 12 },
    succeeded: {
      id,
      status: 'COMPLETED',
      output: { video_url: `${UPSTREAM}/v2/wan/status/${id}` },
      delayTime: 1200,
      executionTime: 31_000,
    },
    failed: { id, status: 'FAILED', error: 'CUDA out of memory' },
  }),
})

describeProtocol({
  protocol: openrouter,
  models: ['alibaba/wan-2.1', 'alibaba/wan-2.2'],
  prefixes: [''],
  submit: (model) => ({
    method: 'POST',
    path: '/api/v1/videos',
    body: `{ "model":"${model}","prompt":"a fox","seed":1.0}`,
    contentType: 'application/json',
  }),
  jobs: (id) => ({
    running: { id, polling_url: `/api/v1/videos/${id}`, status: 'in_progress' },
    succeeded: { id, polling_url: `/api/v1/videos/${id}`, status: 'completed', urls: [`${UPSTREAM}/${id}.mp4?sig=1`] },
    failed: { id, polling_url: `/api/v1/videos/${id}`, status: 'failed', error: 'out of memory' },
  }),
})

const answerOf = (body: unknown, job: string | null = null, status = 200) => ({
  status,
  headers: new Headers(),
  body,
  job,
})
const read = (protocol: JobProtocol, body: unknown, job: string | null = null, status = 200) =>
  protocol.readJob(answerOf(body, job, status))

describe('routes of RunPod’s table', () => {
  test.each([
    ['POST', `${APP}/run`, 'submit', null, APP],
    ['POST', `${APP}/runsync/`, 'submit', null, APP],
    ['GET', `${APP}/status/R1`, 'poll', 'R1', APP],
    ['HEAD', `${APP}/status/R1`, 'poll', 'R1', APP],
    ['GET', '/V2//wan/%73TATUS/R1/', 'poll', 'R1', APP],
    ['GET', `${APP}%2Fstatus%2FR1`, 'poll', 'R1', APP],
    ['POST', `${APP}/cancel/R1`, 'cancel', 'R1', APP],
    ['GET', `${APP}/cancel/R1`, 'other', 'R1', APP],
    ['DELETE', `${APP}/status/R1`, 'other', 'R1', APP],
    ['GET', `${APP}/status/R1/stream`, 'other', 'R1', APP],
    ['GET', `${APP}/status/R1/..%2fR2`, 'other', 'R1/../R2', APP],
    ['GET', `${APP}/run`, 'other', null, ''],
    ['GET', `${APP}/status/`, 'other', null, ''],
    ['POST', '/v3/wan/run', 'other', null, ''],
  ] as const)('%s %s is a %s of %s', (method, path, operation, job, prefix) => {
    const route = runpod.route(method, path)
    expect([route.operation, route.job, route.prefix.toLowerCase()]).toEqual([operation, job, prefix])
  })

  test('an arm’s endpoint takes the client’s place in every path', () => {
    const model = 'wan22 b'
    expect(runpod.route('POST', `${APP}/run`).upstreamPath(null, model)).toBe('/v2/wan22%20b/run')
    expect(runpod.route('GET', `${APP}/status/tag`).upstreamPath('R/1', model)).toBe('/v2/wan22%20b/status/R%2F1')
    expect(runpod.route('GET', `${APP}/health`).upstreamPath(null, model)).toBe('/v2/wan22%20b/health')
    expect(runpod.pollCall({ upstreamId: 'R1', prefix: APP, model }).path).toBe('/v2/wan22%20b/status/R1')
    expect(runpod.cancelCall!({ upstreamId: 'R1', prefix: APP, model: null })).toEqual({
      method: 'POST',
      path: `${APP}/cancel/R1`,
    })
  })

  test('the content of OpenRouter’s table is a download, and its submit’s path no job', () => {
    expect(openrouter.route('GET', '/api/v1/videos/j-1/content')).toMatchObject({ operation: 'content', job: 'j-1' })
    expect(openrouter.route('POST', '/api/v1/videos')).toMatchObject({ operation: 'submit', job: null })
    expect(openrouter.route('GET', '/api/v1/videos')).toMatchObject({ operation: 'other', job: null })
    expect([openrouter.cancelCall, openrouter.result, openrouter.list]).toEqual([undefined, undefined, undefined])
  })
})

describe('submits', () => {
  const post = (protocol: JobProtocol, path: string, body: object, search = '') => {
    const bytes = new TextEncoder().encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>
    return protocol.readSubmission({ bytes, contentType: 'application/json', search }, protocol.route('POST', path))
  }

  test('facts are read where the table says', () => {
    const input = { prompt: '红狐🦊', num_frames: 81, size: '1280*720' }
    expect(post(runpod, `${APP}/run`, { input })).toMatchObject({
      model: 'wan',
      promptChars: 3,
      durationSeconds: 81 / 16,
      work: 81 * 1280 * 720,
    })
    expect(post(openrouter, '/api/v1/videos', { prompt: 'x', duration: '5s', resolution: '720p' })).toMatchObject({
      model: null,
      durationSeconds: 5,
      work: 5 * 16 * 1280 * 720,
    })
    expect(() => post(openrouter, '/api/v1/videos', { model: 7 })).toThrow('model must be a string')
  })

  test('a model that the client left out stays out, and a copy goes without webhook and query', () => {
    const target = { model: 'alibaba/wan-2.2', jobIds: new Map<string, string>(), shadow: false }
    const text = ({ bytes }: { bytes: Uint8Array }) => Buffer.from(bytes).toString()
    const bare = post(openrouter, '/api/v1/videos', { prompt: 'x', callback_url: 'https://u.example' }, '?a=1')
    expect(text(bare.rebuild(target))).toBe('{"prompt":"x","callback_url":"https://u.example"}')
    const copy = bare.rebuild({ ...target, shadow: true })
    expect([copy.path, text(copy)]).toEqual(['/api/v1/videos', '{"prompt":"x"}'])
    const named = post(openrouter, '/api/v1/videos', { webhook: 'https://u.example', model: 'm' })
    expect(text(named.rebuild({ ...target, shadow: true }))).toBe('{"model":"alibaba/wan-2.2"}')
  })
})

describe('how a job stands', () => {
  test.each([
    ['IN_QUEUE', 'queued', null],
    ['RUNNING', 'running', null],
    ['PAUSED', 'running', null],
    ['constructor', 'running', null],
    ['completed', 'succeeded', null],
    ['FAILED', 'failed', 'job_failed'],
    ['TIMED_OUT', 'failed', 'job_timeout'],
    ['CANCELLED', 'cancelled', null],
  ] as const)('%s is %s', (word, status, failure) => {
    expect(read(runpod, { id: 'R1', status: word })).toMatchObject({ id: 'R1', status, failure })
  })

  test('of a failure its reason says whose fault it was', () => {
    const failed = (error: unknown) => read(runpod, { id: 'R1', status: 'FAILED', error })
    expect(failed('Blocked by the Content Policy')).toMatchObject({ failure: 'content_refused' })
    expect(failed({ code: 7, message: 'a Validation Error' })).toMatchObject({ failure: 'content_refused' })
    expect(failed('CUDA out of memory')).toMatchObject({ failure: 'job_failed' })
    expect(failed(['content policy'.repeat(9000)])).toMatchObject({ failure: 'content_refused' })
    expect(failed({ a: { b: 'content policy' } })).toMatchObject({ failure: 'job_failed' })
  })

  test('times are told by the backend, once the job has ended', () => {
    const times = { delayTime: 1500, executionTime: 31_000 }
    expect(read(runpod, { id: 'R1', status: 'COMPLETED', ...times })).toMatchObject({
      queueSeconds: 1.5,
      runSeconds: 31,
    })
    expect(read(runpod, { id: 'R1', status: 'IN_PROGRESS', ...times })).toMatchObject({ queueSeconds: null })
    expect(read(runpod, { id: 'R1', status: 'COMPLETED', delayTime: -1, executionTime: '3' })).toMatchObject({
      queueSeconds: null,
      runSeconds: null,
    })
  })

  test('a poll that does not repeat the id is of the job that was asked for, an error only if it names both', () => {
    expect(read(runpod, { status: 'COMPLETED' }, 'R1')).toMatchObject({ id: 'R1', status: 'succeeded' })
    expect(read(runpod, { status: 'COMPLETED' })).toBeNull()
    expect(read(runpod, { status: 'FAILED' }, 'R1', 500)).toBeNull()
    expect(read(runpod, { id: 'R1', status: 'error' }, 'R1', 404)).toBeNull()
    expect(read(runpod, { id: 'R1', status: 'FAILED' }, 'R1', 500)).toMatchObject({ status: 'failed' })
  })

  test('a submit may be answered with the id alone, a poll with a status', () => {
    expect(read(runpod, { id: 'R1' })).toMatchObject({ id: 'R1', status: 'running' })
    expect(read(runpod, { id: 'R1', error: 'no' })).toBeNull()
    expect(read(runpod, { id: 'R1' }, 'R1')).toBeNull()
  })

  test.each([[null], [''], [false], [0], [{}], [[]]])('an error of %j is none', (error) => {
    expect(read(runpod, { id: 'R1', error })).toMatchObject({ id: 'R1', status: 'running' })
  })

  test('no status is made up: whatever an answer holds, it shows what its words say', () => {
    const words = fc.constantFrom('IN_QUEUE', 'COMPLETED', 'FAILED', 'x', '', 'toString', null, 7)
    const noise = fc.oneof(fc.jsonValue(), fc.record({ status: words, id: fc.constantFrom('R1', '', null, 7) }))
    const http = fc.constantFrom(200, 202, 302, 400, 404, 500)
    fc.assert(
      fc.property(noise, http, fc.constantFrom('R1', null), (body, status, job) => {
        const backendJob = read(runpod, body, job, status)
        const word = (body as { status?: unknown } | null)?.status
        if (backendJob?.status === 'succeeded') expect(word).toBe('COMPLETED')
        if (backendJob?.status === 'failed') expect(word).toBe('FAILED')
        if (backendJob?.status === 'queued') expect(word).toBe('IN_QUEUE')
      }),
    )
  })
})

describe('translated answers', () => {
  const ids = new Map([['R1', 'slc_1_slc']])

  test('paths and URLs of a job lead to the gateway, below the endpoint that the client asked', () => {
    const answer = { id: 'R1', poll: `${UPSTREAM}/v2/wan22endpoint/status/R1`, path: '/v2/wan22endpoint/cancel/R1' }
    const shown = runpod.translate(JSON.stringify(answer), { ...translation(ids), prefix: APP })
    expect(JSON.parse(shown)).toEqual({
      id: 'slc_1_slc',
      poll: `${GATEWAY}${APP}/status/slc_1_slc`,
      path: `${APP}/cancel/slc_1_slc`,
    })
  })

  test('a file of the backend’s is signed where the table names it, and nowhere else', () => {
    const fileUrl = (path: string) => `/sealed${path}`
    const shown = (protocol: JobProtocol, body: object) =>
      JSON.parse(protocol.translate(JSON.stringify(body), { ...translation(ids), fileUrl })) as unknown
    const url = `${UPSTREAM}/files/a.mp4`
    expect(shown(runpod, { output: { video_url: url, other: url } })).toEqual({
      output: { video_url: `${GATEWAY}/sealed/files/a.mp4`, other: `${GATEWAY}/files/a.mp4` },
    })
    expect(shown(openrouter, { urls: [`${url}?sig=1`], polling_url: '/api/v1/videos/R1' })).toEqual({
      urls: [`${GATEWAY}/sealed/files/a.mp4?sig=1`],
      polling_url: '/api/v1/videos/slc_1_slc',
    })
  })
})

describe('what else a table may say', () => {
  const STATUSES = { queued: 'PENDING', ended: 'DONE', failed: 'ERR' }
  const novel = declaredWire({
    submit: '/v3/async/wan',
    poll: '/v3/tasks/{id}',
    result: '/v3/tasks/{id}/result',
    cancel: 'DELETE /v3/tasks/{id}',
    also: ['/v3/tasks/{id}/logs'],
    auth_scheme: '',
    headers: ['X-Region'],
    id: ['/output/task_id', 'task.0.id'],
    status: ['output.task_status', 'task.0.state'],
    error: ['output.message'],
    statuses: STATUSES,
  })

  test('places are keys, items of lists and pointers, and the first that holds something counts', () => {
    expect(read(novel, { output: { task_id: 'T1', task_status: 'PENDING' } })).toMatchObject({
      id: 'T1',
      status: 'queued',
    })
    expect(read(novel, { task: [{ id: 'T2', state: 'done' }] })).toMatchObject({ id: 'T2', status: 'ended' })
    expect(novel.readIds({ task: [{ id: 'T2' }] })).toEqual(['T2'])
    expect(read(novel, { output: { task_id: 'T1', task_status: 'ERR', message: 'no' } })).toMatchObject({
      status: 'failed',
    })
    expect([novel.authScheme, novel.requestHeaders]).toEqual(['', ['x-region']])
    expect(novel.route('GET', '/v3/tasks/T1/logs')).toMatchObject({ operation: 'other', job: 'T1', answer: 'json' })
  })

  test('a result tells how a job ended, unless it is not about the job', () => {
    const result = (status: number, body: unknown) => novel.result!.read(answerOf(body, 'T1', status))
    expect(result(200, { any: 'thing' })).toMatchObject({ id: 'T1', status: 'succeeded' })
    expect(result(200, { output: { task_id: 'T1', task_status: 'ERR' } })).toMatchObject({ status: 'failed' })
    expect(result(200, { output: { task_status: 'pending' } })).toMatchObject({ status: 'queued' })
    expect(result(200, { output: { task_status: 'fine' } })).toMatchObject({ status: 'succeeded' })
    expect(result(202, {})).toMatchObject({ status: 'running' })
    expect(result(500, { output: { message: 'oom' } })).toMatchObject({ failure: 'job_failed' })
    expect(result(422, { output: { message: 'bad' } })).toMatchObject({ failure: 'content_refused' })
    for (const status of [400, 401, 404, 409, 410, 429]) expect(result(status, { output: { message: 'x' } })).toBeNull()
    expect([result(500, {}), result(502, undefined), result(302, {})]).toEqual([null, null, null])
    expect(novel.route('GET', '/v3/tasks/T1/result')).toMatchObject({ operation: 'poll', answer: 'result' })
  })

  test.each([
    [null, 'PENDING', undefined],
    [{ outcome: 'ok', at: 0 }, 'DONE', undefined],
    [{ outcome: 'job_failed', at: 0 }, 'ERR', 'the job has failed; a poll of it tells why'],
  ] as const)('a job that nobody is asked for reads as the wire would tell it: %j', (end, word, message) => {
    const job = { clientId: 'slc_1_slc', prefix: '', gatewayOrigin: GATEWAY, submittedAt: 0, end }
    const shown = novel.placeholder(job)
    expect(shown).toEqual({ output: { task_id: 'slc_1_slc', task_status: word, ...(message && { message }) } })
    expect(read(novel, shown)?.id).toBe('slc_1_slc')
  })

  test('an id is translated wherever the table has one, even where it reads like something else', () => {
    const odd = declaredWire({
      submit: '/jobs',
      poll: '/jobs/{id}',
      id: 'ticket.code',
      statuses: STATUSES,
      result: '/r/{id}',
    })
    const shown = odd.translate('{"ticket":{"code":"12"},"size":"12","eta":12}', translation(new Map([['12', 'own']])))
    expect(shown).toBe('{"ticket":{"code":"own"},"size":"12","eta":12}')
  })

  test('the adapter is built once for its configuration', () => {
    const config = scenarioRelease('runpod')
    expect(jobProtocolOf(config)).toBe(jobProtocolOf(config))
    expect(jobProtocolOf(config)).not.toBe(runpod)
  })
})
