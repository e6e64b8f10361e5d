import { describe, expect, test } from 'vitest'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'
import type { BackendJob, ShownJob } from '../../src/protocols/protocol.ts'
import { isVideoType } from '../../src/protocols/video-answer.ts'
import { GATEWAY, UPSTREAM, describeProtocol, translation } from './contract.ts'
import { multipart } from './submits.ts'

const video = (id: string) => ({ id, object: 'video', model: 'wan2.2', created_at: 1_790_000_000, progress: 0 })
const jobs = (id: string) => ({
  running: { ...video(id), status: 'in_progress' },
  succeeded: {
    ...video(id),
    status: 'completed',
    url: `${UPSTREAM}/v1/videos/${id}/content`,
    file_path: `/srv/${id}.mp4`,
  },
  failed: { ...video(id), status: 'failed', error: { code: 500, message: 'CUDA out of memory' } },
})
const post = { method: 'POST', path: '/v1/videos' }

describe('multipart', () => {
  describeProtocol({
    protocol: openaiVideos,
    jobs,
    submit: (model) => ({
      ...post,
      body: multipart({ prompt: 'a fox', model }),
      contentType: 'multipart/form-data; boundary=b0undary',
    }),
  })
})
describe('JSON', () => {
  describeProtocol({
    protocol: openaiVideos,
    submit: (model) => ({ ...post, body: `{"seconds":4.0,"model":"${model}"}`, contentType: 'application/json' }),
  })
})
describe('urlencoded', () => {
  describeProtocol({
    protocol: openaiVideos,
    submit: (model) => ({
      ...post,
      body: `prompt=a+fox&model=${model}`,
      contentType: 'application/x-www-form-urlencoded',
    }),
  })
})

describe('jobs as the servers show them', () => {
  const backendJob = (status: number, body: object) =>
    openaiVideos.readJob({ status, headers: new Headers(), body: { ...video('v'), ...body }, job: null }) as BackendJob
  test('every status word of this family of servers', () => {
    const words = {
      queued: 'queued',
      pending: 'queued',
      in_progress: 'running',
      processing: 'running',
      running: 'running',
      cancelling: 'running',
      'who knows': 'running',
      constructor: 'running',
      completed: 'succeeded',
      failed: 'failed',
      cancelled: 'cancelled',
      canceled: 'cancelled',
      deleted: 'cancelled',
    }
    for (const [status, expected] of Object.entries(words))
      expect(backendJob(200, { status }).status, status).toBe(expected)
  })
  test('a failed job under HTTP 500 is a failed job, and under 400 the user’s', () => {
    const failed = (status: number, error: unknown) => backendJob(status, { status: 'failed', error })
    expect(failed(500, { code: 500, message: 'OOM' })).toMatchObject({ failure: 'job_failed' })
    expect(failed(400, { code: 400, message: 'bad size' }).failure).toBe('content_refused')
    expect(failed(200, { message: 'boom' })).toMatchObject({ failure: 'job_failed' })
    expect(failed(422, { message: 'boom' }).failure).toBe('content_refused')
    expect(failed(200, 'it broke')).toMatchObject({ failure: 'job_failed' })
    expect(failed(200, null)).toMatchObject({ failure: 'job_failed' })
    expect(failed(429, { code: 429, message: 'busy' }).failure).toBe('job_failed')
  })
  test('refusals of content are told by their code', () => {
    const refused = [
      'content_filter',
      'content_policy_violation',
      'moderation_blocked',
      'DataInspectionFailed',
      'InvalidParameter',
      '422',
    ]
    for (const code of refused)
      expect(backendJob(200, { status: 'failed', error: { code } }).failure, code).toBe('content_refused')
    for (const code of ['server_error', 'internal_error', 'OutOfMemory', '500']) {
      expect(backendJob(200, { status: 'failed', error: { code } }).failure, code).toBe('job_failed')
    }
  })
  test('times are told by the backend’s own clock, where it tells them', () => {
    const done = { status: 'completed', completed_at: 1_790_000_030, inference_time_s: 27.5 }
    expect(backendJob(200, done)).toMatchObject({ totalSeconds: 30, runSeconds: 27.5, queueSeconds: 2.5 })
    expect(backendJob(200, { status: 'completed', completed_at: null })).toMatchObject({
      totalSeconds: null,
      queueSeconds: null,
    })
    expect(backendJob(200, { status: 'in_progress', completed_at: 1_790_000_030 }).totalSeconds).toBeNull()
    expect(backendJob(200, { ...done, completed_at: 1 }).totalSeconds).toBeNull()
  })
  test('Dynamo’s synchronous answer is a finished job', () => {
    const answer = {
      id: 'd',
      object: 'video',
      status: 'completed',
      created: 1,
      data: [{ b64_json: 'AAAA' }],
      inference_time_s: 9,
    }
    expect(openaiVideos.readJob({ status: 200, headers: new Headers(), body: answer, job: null })).toMatchObject({
      id: 'd',
      status: 'succeeded',
      runSeconds: 9,
    })
  })
  test('an id that can be no segment of a path makes no job', () => {
    for (const id of ['.', '..', '\ud800']) {
      expect(
        openaiVideos.readJob({ status: 200, headers: new Headers(), body: { id, status: 'queued' }, job: null }),
      ).toBeNull()
      expect(openaiVideos.readIds({ id, data: [{ id }] })).toEqual([])
    }
  })
  test('an id that is too long, or none, makes no job', () => {
    expect(
      openaiVideos.readJob({
        status: 200,
        headers: new Headers(),
        body: { id: 'x'.repeat(513), status: 'queued' },
        job: null,
      }),
    ).toBeNull()
    expect(
      openaiVideos.readJob({ status: 200, headers: new Headers(), body: { id: '', status: 'queued' }, job: null }),
    ).toBeNull()
  })

  test('a good answer without a status is a job that has not ended; with an error, or a bad answer, it is none', () => {
    for (const body of [{ id: 'x' }, { id: 'x', error: '' }, { id: 'x', status: null, error: null, progress: 40 }])
      expect(openaiVideos.readJob({ status: 200, headers: new Headers(), body, job: null })).toMatchObject({
        id: 'x',
        status: 'running',
        failure: null,
      })
    for (const status of [400, 404, 500, 304])
      expect(openaiVideos.readJob({ status, headers: new Headers(), body: { id: 'x' }, job: null })).toBeNull()
    expect(
      openaiVideos.readJob({
        status: 200,
        headers: new Headers(),
        body: { id: 'x', error: { code: 'busy' } },
        job: null,
      }),
    ).toBeNull()
    expect(
      openaiVideos.readJob({ status: 200, headers: new Headers(), body: { id: 'x', status: 404 }, job: null }),
    ).toBeNull()
    expect(
      openaiVideos.readJob({ status: 200, headers: new Headers(), body: { object: 'video' }, job: null }),
    ).toBeNull()
  })
})

describe('ids that later requests can name', () => {
  test.each<[string, unknown, string[]]>([
    ['a remixed job', { ...video('v'), remixed_from_video_id: 'w', status: 'queued' }, ['v', 'w']],
    ['a job that came from none', { ...video('v'), remixed_from_video_id: null }, ['v']],
    ['a character', { id: 'char_1', created_at: 1, name: 'fox' }, ['char_1']],
    [
      'a list',
      { object: 'list', data: [video('a'), { ...video('b'), remixed_from_video_id: 'a' }, 7, null], last_id: 'b' },
      ['a', 'b'],
    ],
    ['Dynamo’s video', { id: 'd', data: [{ b64_json: 'AAAA' }] }, ['d']],
    ['an error', { error: { message: 'x', id: 'e' } }, []],
    ['no id', { id: 7, remixed_from_video_id: '', data: 'a' }, []],
    ['an id that is too long', { id: 'x'.repeat(513) }, []],
    ['an array', [{ id: 'a' }], []],
    ['nothing', null, []],
  ])('%s', (_, body, ids) => {
    expect(openaiVideos.readIds?.(body)).toEqual(ids)
  })
})

describe('translation of answers', () => {
  const ids = new Map([
    ['gen1', 'tagged/1'],
    ['gen0', 'tagged0'],
  ])
  const translate = (body: unknown) =>
    JSON.parse(openaiVideos.translate(JSON.stringify(body), translation(ids))) as unknown
  test('ids, absolute URLs and paths anywhere become the client’s', () => {
    expect(
      translate({
        id: 'gen1',
        remixed_from_video_id: 'gen0',
        list: [{ deep: ['gen1', 'other'] }],
        url: `${UPSTREAM}/v1/videos/gen1/content?job=gen0&x=1`,
        polling_url: '/v1/videos/gen1',
        health: `${UPSTREAM}/health`,
        bare: UPSTREAM,
        foreign: 'https://cdn.example/v1/videos/gen1',
      }),
    ).toEqual({
      id: 'tagged/1',
      remixed_from_video_id: 'tagged0',
      list: [{ deep: ['tagged/1', 'other'] }],
      url: `${GATEWAY}/v1/videos/tagged%2F1/content?job=tagged0&x=1`,
      polling_url: '/v1/videos/tagged%2F1',
      health: `${GATEWAY}/health`,
      bare: GATEWAY,
      foreign: 'https://cdn.example/v1/videos/gen1',
    })
  })
  test('a host that only begins like the backend’s is another host', () => {
    expect(translate({ url: `${UPSTREAM}1/x` })).toEqual({ url: `${UPSTREAM}1/x` })
  })
  test('prompts stay as they are', () => {
    const words = { prompt: 'gen1', negative_prompt: 'gen1', error: { message: 'bad size' } }
    expect(translate(words)).toEqual(words)
  })
  test('paths of the server’s disk are left out', () => {
    expect(translate({ id: 'x', file_path: '/a', data: [{ output_paths: ['/b'], url: 'file:///c', ok: 1 }] })).toEqual({
      id: 'x',
      data: [{ ok: 1 }],
    })
  })
})

describe('lists and content', () => {
  test('list queries fall back and are brought into bounds', () => {
    const read = (query: string) => openaiVideos.list!.query(new URLSearchParams(query))
    expect(read('')).toEqual({ limit: 20, after: null, order: 'desc' })
    expect(read('limit=0&after=x&order=asc')).toEqual({ limit: 1, after: 'x', order: 'asc' })
    expect(read('limit=999&order=up&after=')).toEqual({ limit: 100, after: null, order: 'desc' })
    expect(read('limit=1e9').limit).toBe(20)
  })
  test('a job that its backend is not asked for is shown by how it is known to stand', () => {
    const at = 1_700_000_009_900
    const job = { clientId: 'slc_1_slc', prefix: '', gatewayOrigin: GATEWAY, submittedAt: 1_700_000_000_400 }
    const shown = (end: ShownJob['end'] = null) => openaiVideos.placeholder({ ...job, end })
    const open = { id: 'slc_1_slc', object: 'video', created_at: 1_700_000_000, expires_at: null, error: null }
    expect(shown()).toEqual({ ...open, status: 'in_progress', progress: 0, completed_at: null })
    expect(shown(null)).toEqual(shown())
    const done = { ...open, status: 'completed', progress: 100, completed_at: 1_700_000_009 }
    expect(shown({ outcome: 'ok', at })).toEqual(done)
    for (const outcome of ['job_failed', 'content_refused'] as const) {
      const failed = { status: 'failed', completed_at: null, error: { code: outcome } }
      expect(shown({ outcome, at })).toMatchObject(failed)
      // And is read as what it is by whoever reads jobs of this wire.
      expect(
        openaiVideos.readJob({ status: 200, headers: new Headers(), body: shown({ outcome, at }), job: null }),
      ).toMatchObject({
        status: 'failed',
      })
    }
  })
  test('lists name their first and last job', () => {
    const asked = new URL('http://gateway.test/v1/videos')
    expect(openaiVideos.list!.answer([{ id: 'a' }, { id: 'b' }], true, asked)).toEqual({
      object: 'list',
      data: [{ id: 'a' }, { id: 'b' }],
      first_id: 'a',
      last_id: 'b',
      has_more: true,
    })
    expect(openaiVideos.list!.answer([], false, asked)).toMatchObject({
      first_id: null,
      last_id: null,
      has_more: false,
    })
  })
  test.each([
    ['video/mp4', true],
    ['Video/X-MsVideo; codecs=mjpeg', true],
    ['application/mp4', true],
    ['binary/octet-stream', true],
    ['application/octet-stream', true],
    ['application/vnd.apple.mpegurl', true],
    ['multipart/byteranges; boundary=b0', true],
    ['image/webp', true],
    ['', true],
    [null, true],
    ['application/json', false],
    ['Application/Problem+JSON; charset=utf-8', false],
    ['text/html; charset=utf-8', false],
    ['text/plain', false],
    ['application/xml', false],
  ])('%j can be a video: %s', (type, can) => {
    expect(openaiVideos.makesAnyFile).toBe(undefined)
    expect(isVideoType(type)).toBe(can)
  })
  test.each([
    ['', true],
    ['variant=video', true],
    ['api-version=preview', true],
    ['variant=thumbnail', false],
    ['variant=spritesheet&variant=video', false],
  ])('a download with the query %j asks for the video: %s', (query, asks) => {
    expect(openaiVideos.asksForVideo!(new URLSearchParams(query))).toBe(asks)
  })
})
