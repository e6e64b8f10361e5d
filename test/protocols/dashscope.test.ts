import { describe, expect, test } from 'vitest'
import { dashscope } from '../../src/protocols/dashscope.ts'
import { describeProtocol, GATEWAY, translation, UPSTREAM } from './contract.ts'

const SUBMIT = '/api/v1/services/aigc/video-generation/video-synthesis'
const ID = 'a8532587-9f71-4c5e-8b39-0c46b17950d1'

const post = (body: object, search = '') => {
  const bytes = new TextEncoder().encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>
  const route = dashscope.route('POST', SUBMIT)
  return dashscope.readSubmission({ bytes, contentType: 'application/json', search }, route)
}
const answer = (body: unknown, job: string | null = null, status = 200) => ({
  status,
  headers: new Headers(),
  body,
  job,
})
const read = (output: object, status = 200) => dashscope.readJob(answer({ request_id: 'r', output }, null, status))
const task = (word: string, more: object = {}) => ({ task_id: ID, task_status: word, ...more })
const textOf = ({ bytes }: { bytes: Uint8Array }) => new TextDecoder().decode(bytes)

describeProtocol({
  protocol: dashscope,
  submit: (model) => ({
    method: 'POST',
    path: SUBMIT,
    body: `{"model":"${model}","input":{"prompt":"a fox"},"parameters":{"size":"832*480","duration":5.0}}`,
    contentType: 'application/json',
  }),
  jobs: (id) => ({
    running: { request_id: 'r', output: { task_id: id, task_status: 'RUNNING' } },
    succeeded: {
      request_id: 'r',
      output: { task_id: id, task_status: 'SUCCEEDED', video_url: `${UPSTREAM}/oss/${id}.mp4?Expires=1` },
    },
    failed: { request_id: 'r', output: { task_id: id, task_status: 'FAILED', code: 'InternalError', message: 'no' } },
  }),
})

describe('routes', () => {
  test.each([
    ['POST', SUBMIT, 'submit', null, SUBMIT],
    ['POST', `/n${SUBMIT}/`, 'submit', null, `/n${SUBMIT}`],
    ['POST', SUBMIT.replace('video-generation', 'image2video'), 'submit', null, undefined],
    ['POST', '/api/v1/services/aigc/text2image/image-synthesis', 'submit', null, undefined],
    ['POST', '/api/v1/services/aigc/text-generation/generation', 'other', null, undefined],
    ['GET', SUBMIT, 'other', null, SUBMIT],
    ['GET', '/api/v1/tasks', 'list', null, '/api/v1/tasks/'],
    ['GET', '/api/v1/tasks/', 'list', null, '/api/v1/tasks/'],
    ['POST', '/api/v1/tasks', 'other', null, '/api/v1/tasks/'],
    ['GET', `/api/v1/tasks/${ID}/`, 'poll', ID, `/api/v1/tasks/${ID}`],
    ['HEAD', `/API//v1/TASKS/${ID}`, 'poll', ID, `/api/v1/tasks/${ID}`],
    ['GET', `/api%2Fv1/tasks/${ID}`, 'poll', ID, `/api/v1/tasks/${ID}`],
    ['POST', `/api/v1/tasks/${ID}/cancel`, 'cancel', ID, `/api/v1/tasks/${ID}/cancel`],
    ['GET', `/api/v1/tasks/${ID}/cancel`, 'other', ID, `/api/v1/tasks/${ID}/cancel`],
    ['GET', `/api/v1/tasks/${ID}/..%2fB`, 'poll', `${ID}/../B`, `/api/v1/tasks/${ID}%2F..%2FB`],
    ['GET', '/compatible-mode/v1/models', 'other', null, '/compatible-mode/v1/models'],
  ] as const)('%s %s is a %s of %s', (method, path, operation, job, upstream) => {
    const way = dashscope.route(method, path)
    expect(way).toMatchObject({ operation, job })
    expect(way.upstreamPath(null)).toBe(upstream ?? path)
  })
})

describe('submits', () => {
  test('facts are read where the wire has them', () => {
    const asked = (prompt: unknown, parameters: unknown) => post({ model: 'w', input: { prompt }, parameters })
    const wan = asked('红狐🦊', { size: '832*480', duration: 5, seed: 7 })
    expect(wan).toMatchObject({ model: 'w', promptChars: 3, durationSeconds: 5, work: 5 * 30 * 832 * 480 })
    expect(asked('', { resolution: '720P', duration: 10 })).toMatchObject({ work: 10 * 30 * 1280 * 720 })
    const none = { durationSeconds: null, work: null }
    for (const odd of [null, [], 'x', { duration: -5, resolution: 'constructor' }, { size: '0*0' }])
      expect(asked(7, odd)).toMatchObject({ promptChars: null, ...none })
    expect(post({ input: null })).toMatchObject({ model: null, promptChars: null, ...none })
  })

  test('a copy goes with the arm’s model and without what acts for the client, everything else as it is', () => {
    const submission = post({ model: 'wan2.1', input: { prompt: 'a', callback_url: 'https://c' }, user: 'u' }, '?q=1')
    const target = { model: 'wan2.2-t2v-plus', jobIds: new Map<string, string>() }
    expect(submission.rebuild({ ...target, shadow: false }).path).toBe(`${SUBMIT}?q=1`)
    const copy = submission.rebuild({ ...target, shadow: true })
    expect([copy.path, textOf(copy)]).toEqual([SUBMIT, '{"model":"wan2.2-t2v-plus","input":{"prompt":"a"}}'])
  })

  test('a model that the client left out stays out, and one that is none is refused', () => {
    const bare = post({ input: { prompt: 'a' } }).rebuild({ model: 'm', jobIds: new Map(), shadow: false })
    expect(textOf(bare)).toBe('{"input":{"prompt":"a"}}')
    expect(() => post({ model: 7 })).toThrow('must be a string')
    expect(() => post({ model: 'm'.repeat(1001) })).toThrow('more than')
  })

  test('what Sluice submits by itself is asynchronous too', () => {
    expect(dashscope.submitHeaders).toEqual({ 'x-dashscope-async': 'enable' })
    expect(dashscope.requestHeaders).toContain('x-dashscope-async')
  })

  test('a quota that is used up and refused content are told by code, whatever the status', () => {
    const told = (status: number, code: unknown) => dashscope.submitError!(answer({ code, message: '' }, null, status))
    for (const code of ['Throttling', 'Throttling.RateQuota', 'Throttling.AllocationQuota'])
      expect(told(400, code)).toBe('saturated')
    for (const code of ['DataInspectionFailed', 'InvalidParameter.DataInspection', 'IPInfringementSuspect'])
      expect(told(400, code)).toBe('content_refused')
    for (const code of ['InvalidParameter', 'InternalError', 7, null]) expect(told(400, code)).toBeNull()
    expect(dashscope.submitError!(answer(undefined, null, 500))).toBeNull()
  })
})

describe('how a job stands', () => {
  test.each([
    ['PENDING', 'queued', null],
    ['SUSPENDED', 'queued', null],
    ['RUNNING', 'running', null],
    ['PAUSED', 'running', null],
    ['constructor', 'running', null],
    ['SUCCEEDED', 'succeeded', null],
    ['CANCELED', 'cancelled', null],
    ['UNKNOWN', 'failed', 'job_lost'],
  ])('%s is %s', (word, status, failure) => {
    expect(read(task(word))).toMatchObject({ id: ID, status, failure })
  })

  test.each([
    ['DataInspectionFailed', 'content_refused'],
    ['IPInfringementSuspect', 'content_refused'],
    ['InvalidParameter', 'content_refused'],
    ['InvalidURL.Timeout', 'content_refused'],
    ['InvalidApiKey', 'job_failed'],
    ['InternalError.Timeout', 'job_timeout'],
    ['RequestTimeOut', 'job_timeout'],
    ['InternalError.Algo', 'job_failed'],
    ['Throttling.AllocationQuota', 'job_failed'],
    ['Arrearage', 'job_failed'],
    [7, 'job_failed'],
  ])('a failure with the code %s is %s', (code, failure) => {
    const failed = read(task('FAILED', { code, message: 'why' }))
    expect(failed).toMatchObject({ status: 'failed', failure })
  })

  test('errors, and what is about no job, show none', () => {
    expect(read(task('FAILED'), 500)).toBeNull()
    const flat = { code: 'InvalidApiKey', message: 'Invalid API-key provided.', request_id: 'r' }
    for (const body of [flat, { request_id: 'r' }, { output: null }, { output: [] }])
      expect(dashscope.readJob(answer(body, ID))).toBeNull()
    expect(dashscope.readJob(answer({ output: { task_status: 'RUNNING' } }, ID))).toMatchObject({ id: ID })
  })

  test('its clock without a zone tells how long it waited and ran', () => {
    const times = {
      submit_time: '2026-03-29 01:59:31.896',
      scheduled_time: '2026-03-29 01:59:39.009',
      end_time: '2026-03-29 03:02:15.913',
    }
    const backendJob = read(task('SUCCEEDED', times))!
    expect(backendJob.queueSeconds).toBeCloseTo(7.113)
    expect(backendJob.runSeconds).toBeCloseTo(3756.904)
    expect(backendJob.totalSeconds).toBeCloseTo(3764.017)
    const running = read(task('RUNNING', { ...times, end_time: '' }))
    expect(running).toMatchObject({ runSeconds: null, totalSeconds: null })
    expect(read(task('CANCELED', times))).toMatchObject({ runSeconds: null, totalSeconds: null })
    for (const odd of [7, null, 'soon', '2026-03-29', '2026-03-29 01:59:31.896+08:00'])
      expect(read(task('SUCCEEDED', { ...times, submit_time: odd }))).toMatchObject({ totalSeconds: null })
  })
})

describe('answers', () => {
  const shown = (body: object) => {
    const by = { ...translation(new Map([[ID, 'slc_1_slc']])), fileUrl: (path: string) => `/sealed${path}` }
    return JSON.parse(dashscope.translate(JSON.stringify(body), by)) as { output: object }
  }

  test('a video in an object store stays where it is, one of the backend’s own gets a path of the gateway’s', () => {
    const far = `https://dashscope-result.oss-cn-beijing.aliyuncs.com/1d/${ID}.mp4?Expires=1&Signature=a%2Fb%3D`
    expect(shown({ output: task('SUCCEEDED', { video_url: far }) }).output).toEqual({
      task_id: 'slc_1_slc',
      task_status: 'SUCCEEDED',
      video_url: far,
    })
    const own = { video_url: `${UPSTREAM}/oss/a.mp4?Signature=a%3D` }
    const mine = { video_url: `${GATEWAY}/sealed/oss/a.mp4?Signature=a%3D` }
    expect(shown({ output: task('SUCCEEDED', own) }).output).toMatchObject(mine)
    expect(shown({ output: task('SUCCEEDED', { results: own }) }).output).toMatchObject({ results: mine })
  })

  test('the prompt that an answer repeats is the client’s own', () => {
    const words = { orig_prompt: `a fox called ${ID}`, actual_prompt: `${UPSTREAM}/a.mp4 in the rain` }
    expect(shown({ output: task('SUCCEEDED', words) }).output).toMatchObject(words)
  })

  test('the usual poll costs a search, and is the same as if it were read', () => {
    const text = `{ "request_id":"r-1", "output":{"task_id" : "${ID}","task_status":"RUNNING"}}`
    const by = translation(new Map([[ID, 'slc_1_slc']]))
    expect(dashscope.translate(text, by)).toBe(text.replace(ID, 'slc_1_slc'))
    expect(dashscope.translate(`${text.slice(0, -1)},"url":""}`, by)).toContain('"task_id" : "slc_1_slc"')
  })
})

describe('lists', () => {
  const query = (search: string) => dashscope.list!.query(new URLSearchParams(search))
  const list = (jobs: unknown[], more: boolean, search = '') =>
    dashscope.list!.answer(jobs, more, new URL(`http://a/api/v1/tasks/${search}`))

  test('pages are counted', () => {
    expect(query('')).toEqual({ limit: 10, after: null, order: 'desc', skip: 0 })
    expect(query('page_no=3&page_size=20')).toMatchObject({ limit: 20, skip: 40 })
    for (const odd of ['page_no=0&page_size=0', 'page_no=-1&page_size=x', 'page_no=&page_size=1e9'])
      expect(query(odd)).toMatchObject({ limit: 10, skip: 0 })
    expect(query('page_size=1000').limit).toBe(100)
  })

  test('a job in a list is flat, and tells its times in unix ms', () => {
    const output = task('SUCCEEDED', { submit_time: '2023-12-20 21:36:31.896', video_url: 'https://a' })
    expect(list([{ output }, null, {}], true, '?page_no=2&page_size=1')).toEqual({
      total: 3,
      data: [{ task_id: ID, status: 'SUCCEEDED', gmt_create: Date.UTC(2023, 11, 20, 13, 36, 31, 896) }],
      total_page: 3,
      page_no: 2,
      page_size: 1,
    })
    expect(list([], false)).toMatchObject({ total: 0, data: [], total_page: 1, page_no: 1 })
  })

  test('a job that nobody is asked for reads like one under way, or as it ended', () => {
    const job = { clientId: 'slc_1_slc', prefix: '', gatewayOrigin: '', submittedAt: 0, end: null }
    expect(dashscope.placeholder(job)).toEqual({
      output: { task_id: 'slc_1_slc', task_status: 'RUNNING', submit_time: '1970-01-01 08:00:00.000' },
    })
    for (const outcome of ['job_failed', 'content_refused'] as const) {
      const ended = dashscope.readJob(answer(dashscope.placeholder({ ...job, end: { outcome, at: 1000 } })))
      expect(ended).toMatchObject({ status: 'failed', failure: outcome, totalSeconds: 1 })
    }
  })
})
