import { describe, expect, test } from 'vitest'
import { lightx2v } from '../../src/protocols/lightx2v.ts'
import { describeProtocol, translation } from './contract.ts'

const SUBMIT = '/v1/tasks/video/'
const ID = 'AB12-CD34-EF56-GH78-IJ90'

const post = (body: object, path = SUBMIT) => {
  const bytes = new TextEncoder().encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>
  return lightx2v.readSubmission({ bytes, contentType: 'application/json', search: '' }, lightx2v.route('POST', path))
}
const read = (body: unknown, job: string | null = null, status = 200) =>
  lightx2v.readJob({ status, headers: new Headers(), body, job })
const task = (status: string, more: object = {}) => ({ task_id: ID, status, ...more })

describeProtocol({
  protocol: lightx2v,
  namesNoModel: true,
  submit: (prompt) => ({
    method: 'POST',
    path: SUBMIT,
    body: `{"prompt":"${prompt}","target_video_length":81.0}`,
    contentType: 'application/json',
  }),
  jobs: (id) => ({
    running: { task_id: id, status: 'processing', save_result_path: id },
    succeeded: { task_id: id, status: 'completed', save_result_path: `/data/outputs/${id}.mp4` },
    failed: { task_id: id, status: 'failed', error: 'CUDA out of memory', save_result_path: id },
  }),
})

describe('routes', () => {
  test.each([
    ['POST', '/v1/tasks/video/', 'submit', null, '/v1/tasks/video/'],
    ['POST', '/v1/tasks/video', 'submit', null, '/v1/tasks/video/'],
    ['POST', '/n/V1/tasks/video', 'submit', null, '/n/v1/tasks/video/'],
    ['POST', '/v1/tasks/video/form/', 'submit', null, '/v1/tasks/video/form'],
    ['POST', '/v1/tasks/image', 'submit', null, '/v1/tasks/image/'],
    ['POST', '/v1/tasks', 'submit', null, '/v1/tasks/'],
    ['GET', '/v1/tasks/', 'list', null, '/v1/tasks/'],
    ['GET', '/v1/tasks/queue/status', 'other', null, '/v1/tasks/queue/status'],
    ['GET', '/health', 'other', null, '/health'],
    ['GET', `/v1/tasks/${ID}/status/`, 'poll', ID, `/v1/tasks/${ID}/status`],
    ['HEAD', `/v1//tasks/${ID}/result`, 'content', ID, `/v1/tasks/${ID}/result`],
    ['GET', '/v1/tasks/video/status', 'poll', 'video', '/v1/tasks/video/status'],
    ['GET', `/v1%2Ftasks/${ID}/status`, 'poll', ID, `/v1/tasks/${ID}/status`],
    ['DELETE', `/v1/tasks/${ID}`, 'cancel', ID, `/v1/tasks/${ID}`],
    ['POST', `/v1/tasks/${ID}/status`, 'other', ID, `/v1/tasks/${ID}/status`],
    ['GET', `/v1/tasks/${ID}/..%2fB/status`, 'other', `${ID}/../B/status`, `/v1/tasks/${ID}%2F..%2FB%2Fstatus`],
  ] as const)('%s %s is a %s of %s', (method, path, operation, job, upstream) => {
    const way = lightx2v.route(method, path)
    expect(way).toMatchObject({ operation, job })
    expect(way.upstreamPath(null)).toBe(upstream)
  })

  test('nobody ends all jobs, and no file is read by its path alone: both are jobs that nobody has', () => {
    for (const path of ['/v1/tasks/all/running', '/v1/tasks/all/running/', '/v1/tasks/ALL/running'])
      expect(lightx2v.route('DELETE', path).job).toMatch(/^all\/running$/i)
    for (const path of ['/v1/files/download/a.mp4', '/v1/files%2Fdownload/a.mp4'])
      expect(lightx2v.route('GET', path)).toMatchObject({ operation: 'other', job: '/a.mp4' })
  })
})

describe('submits', () => {
  test('facts are read under the server’s names', () => {
    const wan = { prompt: '红狐🦊', target_video_length: 81, target_fps: 16, target_shape: [480, 832] }
    expect(post(wan)).toMatchObject({ model: null, promptChars: 3, durationSeconds: 81 / 16, work: 81 * 480 * 832 })
    expect(post({ target_video_length: '81' })).toMatchObject({
      promptChars: null,
      durationSeconds: 81 / 16,
      work: null,
    })
    const odd = { prompt: 7, target_video_length: -1, target_shape: [1, 'x'] }
    expect(post(odd)).toMatchObject({ promptChars: null, durationSeconds: null, work: null })
  })

  test('a copy has an id and a file of its own, and everything else as it is', () => {
    const submission = post({ task_id: 'mine', prompt: 'a fox', save_result_path: '/a', presigned_url: 'https://s3' })
    const copy = submission.rebuild({ model: 'other', jobIds: new Map(), shadow: true })
    expect([copy.path, new TextDecoder().decode(copy.bytes)]).toEqual([SUBMIT, '{"prompt":"a fox"}'])
  })

  test('an id that is taken and a picture that can’t be had are the client’s, a full queue is the arm’s', () => {
    const told = (status: number, detail: unknown) =>
      lightx2v.submitError!({ status, headers: new Headers(), body: { detail }, job: null })
    expect(told(503, 'Task queue is full (max 10 tasks)')).toBe('saturated')
    expect(told(503, 'Task ID mine already exists')).toBe('client_error')
    expect(told(500, '400: Image URL is not accessible: http://a')).toBe('client_error')
    for (const detail of ['Task ID mine already exists', [], null]) expect(told(500, detail)).toBeNull()
  })
})

describe('how a job stands', () => {
  test.each([
    ['pending', 'queued'],
    ['processing', 'running'],
    ['paused', 'running'],
    ['constructor', 'running'],
    ['completed', 'succeeded'],
    ['cancelled', 'cancelled'],
  ])('%s is %s', (word, status) => {
    expect(read(task(word))).toMatchObject({ id: ID, status, failure: null })
  })

  test('a submit tells it under another name, and a poll’s error is no job', () => {
    expect(read({ task_id: ID, task_status: 'pending', save_result_path: ID })).toMatchObject({
      id: ID,
      status: 'queued',
    })
    expect(read({ detail: 'Task not found' }, ID, 404)).toBeNull()
    expect(read(task('failed'), ID, 500)).toBeNull()
  })

  test('a job that its worker marks as failed after a cancel is cancelled', () => {
    for (const error of ['Task cancelled during processing', 'Task cancelled'])
      expect(read(task('failed', { error }))).toMatchObject({ status: 'cancelled', failure: null })
    expect(read(task('failed', { error: 'Generation failed' }))).toMatchObject({
      status: 'failed',
      failure: 'job_failed',
    })
    expect(read(task('failed', { error: 'late', error_type: 'TimeoutError' }))?.failure).toBe('job_timeout')
  })

  test('a finished job tells its run time by a clock without a zone', () => {
    const times = { start_time: '2026-10-25T01:59:58.5', end_time: '2026-10-25T02:10:28.250000' }
    expect(read(task('completed', times))?.runSeconds).toBe(629.75)
    expect(read(task('cancelled', times))?.runSeconds).toBeNull()
    for (const end_time of [null, 7, 'yesterday', '2026-10-25T01:00:00'])
      expect(read(task('completed', { ...times, end_time }))?.runSeconds).toBeNull()
  })

  test('only a cancel that has ended a job is one', () => {
    const says = (body: unknown) => lightx2v.cancelSays!({ status: 200, headers: new Headers(), body, job: 'T-1' })
    expect(says({ stop_status: 'do_nothing', reason: '' })).toBe('refused')
    for (const body of [{ stop_status: 'success', reason: '' }, null, undefined, [], {}]) expect(says(body)).toBeNull()
  })
})

describe('answers', () => {
  test('server paths are left out, and the id is the client’s', () => {
    const text = JSON.stringify(task('completed', { save_result_path: '/data/x.mp4' }))
    const shown = lightx2v.translate(text, translation(new Map([[ID, 'slc_1_slc']])))
    expect(JSON.parse(shown)).toEqual({ task_id: 'slc_1_slc', status: 'completed' })
  })

  test('a list names each job by its id', () => {
    expect(lightx2v.list!.answer([{ task_id: 'a', status: 'pending' }, null], false, new URL('http://a'))).toEqual({
      a: { task_id: 'a', status: 'pending' },
    })
  })

  test('a job that nobody is asked for reads like one under way, or as it ended', () => {
    const job = { clientId: 'slc_1_slc', prefix: '', gatewayOrigin: '', submittedAt: 0, end: null }
    expect(lightx2v.placeholder(job)).toMatchObject({
      task_id: 'slc_1_slc',
      status: 'processing',
      start_time: '1970-01-01T00:00:00.000',
      end_time: null,
    })
    const failed = lightx2v.placeholder({ ...job, end: { outcome: 'job_failed', at: 1000 } })
    expect(read(failed)).toMatchObject({ status: 'failed', id: 'slc_1_slc' })
  })
})
