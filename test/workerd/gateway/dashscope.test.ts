/** Model Studio's wire end to end at both arms: submit, polls, download, cancel, lists, copies, and what is whose fault. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { createDashscope } from '../../../demo/dashscope-tasks.ts'
import { HEALTHY } from '../../../demo/faults.ts'
import { DataPlane, GATEWAY, inStillTime, TO_CANDIDATE } from '../../support/workerd/data-plane.ts'
import { demoBackend } from '../../support/workerd/demo-backend.ts'
import { counted, ledger } from '../../support/workerd/objects.ts'

const SUBMIT = '/api/v1/services/aigc/video-generation/video-synthesis'
const RELEASE = 'dashscope'
const ARMS = ['control', 'candidate'] as const
type Arm = (typeof ARMS)[number]
const CANDIDATE = 'http://candidate.test'
const MODELS = { control: 'wan2.1-t2v-plus', candidate: 'wan2.2-t2v-plus' }

interface Task {
  request_id: string
  output: { task_id: string; task_status: string; video_url?: string; code?: string }
}

function backend(model: string, store?: string) {
  const more = { quota: 3, ...(store === undefined ? {} : { store }) }
  return demoBackend((common) => createDashscope({ models: [model], ...common, ...more }))
}

function setup(more: object = {}, store?: string) {
  const control = backend(MODELS.control, store)
  const candidate = backend(MODELS.candidate, store)
  const plane = new DataPlane(
    {
      RELEASE_A: {
        name: RELEASE,
        protocol: 'dashscope',
        arms: {
          control: { url: 'http://control.test', auth: 'STUDIO_KEY', model: MODELS.control },
          candidate: { url: 'http://candidate.test', model: MODELS.candidate },
        },
        ...more,
      },
      STUDIO_KEY: 'sk-of-control',
    },
    (call) => (call.url.host === 'control.test' ? control : candidate).answer(call),
  )
  return { plane, control, candidate }
}

const as = (arm: Arm, user = 'ann') => ({ 'x-user-id': user, ...(arm === 'candidate' ? TO_CANDIDATE : {}) })

const post = (plane: DataPlane, arm: Arm, prompt: unknown = 'a red fox', headers: object = {}) =>
  plane.request('POST', SUBMIT, {
    headers: { 'content-type': 'application/json', 'x-dashscope-async': 'enable', ...as(arm), ...headers },
    body: JSON.stringify({ model: 'wan-t2v', input: { prompt }, parameters: { size: '832*480', duration: 5 } }),
  })

async function submit(plane: DataPlane, arm: Arm, prompt?: unknown) {
  const response = await post(plane, arm, prompt)
  expect(response.status).toBe(200)
  return (await response.json<Task>()).output.task_id
}

async function get<T = Task>(plane: DataPlane, path: string, user = 'ann') {
  const response = await plane.request('GET', path, { headers: { 'x-user-id': user } })
  return { status: response.status, body: await response.json<T>() }
}

const poll = async (plane: DataPlane, id: string) => (await get(plane, `/api/v1/tasks/${id}`)).body.output

const cancel = (plane: DataPlane, id: string, user = 'ann') =>
  plane.request('POST', `/api/v1/tasks/${id}/cancel`, { headers: { 'x-user-id': user } })

const ends = () => counted(ledger(0, RELEASE), 'job')
const pass = (seconds: number) => vi.setSystemTime(Date.now() + 1000 * seconds)

inStillTime()

describe.each(ARMS)('a job at the %s', (arm) => {
  it('is submitted asynchronously with the arm’s model, polled and downloaded', async () => {
    const { plane } = setup()
    const id = await submit(plane, arm)
    expect(id).toMatch(/^slc_.*_slc$/)
    const [sent] = plane.calls
    expect(sent!.url.href).toBe(`http://${arm}.test${SUBMIT}`)
    expect(sent!.headers.get('authorization')).toBe(arm === 'control' ? 'Bearer sk-of-control' : null)
    expect(JSON.parse(sent!.body)).toMatchObject({ model: MODELS[arm], input: { prompt: 'a red fox' } })
    expect(await poll(plane, id)).toMatchObject({ task_id: id, task_status: 'PENDING' })
    pass(5)
    expect(await poll(plane, id)).toMatchObject({ task_id: id, task_status: 'RUNNING' })
    pass(10)
    const { task_status: status, video_url: url = '' } = await poll(plane, id)
    expect(status).toBe('SUCCEEDED')
    expect(url).toMatch(new RegExp(`^${GATEWAY}/slc_.*\\.mp4\\?Expires=.*&Signature=c2lnbmVk%3D$`))
    const film = await plane.request('GET', url, { headers: { 'x-user-id': 'ann' } })
    expect(new TextDecoder().decode(await film.arrayBuffer())).toMatch(/^film of [\w-]{36}$/)
    expect((await plane.request('GET', url, { headers: { 'x-user-id': 'bob' } })).status).toBe(404)
    expect(new Set(plane.calls.map(({ url: { host } }) => host))).toEqual(new Set([`${arm}.test`]))
    expect(plane.counted('poll')).toEqual({ [`${arm} ok`]: 3 })
    expect(await ends()).toEqual({ requests: 1, outcomes: {} })
  })

  it('names its video in an object store as the backend does', async () => {
    const { plane } = setup({}, 'https://dashscope-result.oss-cn-beijing.aliyuncs.com')
    const id = await submit(plane, arm)
    pass(20)
    const { video_url: url = '' } = await poll(plane, id)
    expect(url).toMatch(/^https:\/\/dashscope-result\.oss-cn-beijing\.aliyuncs\.com\/oss\/[\w-]{36}\.mp4\?Expires=/)
  })

  it('is nobody else’s, by its status, its cancel or a list', async () => {
    const { plane } = setup()
    const id = await submit(plane, arm)
    expect((await get(plane, `/api/v1/tasks/${id}`, 'bob')).status).toBe(404)
    expect((await cancel(plane, id, 'bob')).status).toBe(404)
    expect((await get(plane, '/api/v1/tasks/', 'bob')).body).toMatchObject({ total: 0, data: [] })
    expect(plane.calls).toHaveLength(1)
  })

  it('is cancelled while it waits, and only then', async () => {
    const { plane } = setup()
    const early = await submit(plane, arm)
    const cancelled = await cancel(plane, early)
    expect([cancelled.status, await cancelled.json()]).toEqual([200, { request_id: expect.any(String) as unknown }])
    expect(await poll(plane, early)).toMatchObject({ task_status: 'CANCELED' })
    const late = await submit(plane, arm)
    pass(5)
    const refused = await cancel(plane, late)
    expect([refused.status, await refused.json()]).toMatchObject([400, { code: 'UnsupportedOperation' }])
    pass(10)
    expect(await poll(plane, late)).toMatchObject({ task_status: 'SUCCEEDED' })
    expect(await ends()).toEqual({ requests: 2, outcomes: { cancelled: 1 } })
  })

  it('that fails under status 200 is the arm’s fault or the user’s by its code', async () => {
    const { plane, [arm]: own } = setup()
    const indecent = await submit(plane, arm, 'an indecent fox')
    const promptless = await submit(plane, arm, 7)
    own.state.faults = { ...HEALTHY, job_failure_rate: 1 }
    const broken = await submit(plane, arm)
    pass(20)
    expect(await poll(plane, indecent)).toMatchObject({ task_status: 'FAILED', code: 'DataInspectionFailed' })
    expect(await poll(plane, promptless)).toMatchObject({ code: 'InvalidParameter' })
    expect(await poll(plane, broken)).toMatchObject({ task_id: broken, code: 'InternalError.Algo' })
    expect(await ends()).toEqual({ requests: 3, outcomes: { content_refused: 2, job_failed: 1 } })
  })

  it('that its backend knows no more is lost', async () => {
    const { plane } = setup()
    const id = await submit(plane, arm)
    plane.answer = backend(MODELS[arm]).answer
    expect(await poll(plane, id)).toEqual({ task_id: id, task_status: 'UNKNOWN' })
    expect(await ends()).toEqual({ requests: 1, outcomes: { job_lost: 1 } })
  })

  it('is refused, throttled or failed at its submit in Model Studio’s words', async () => {
    const { plane, [arm]: own } = setup()
    const told = async (response: Response) => [response.status, (await response.json<{ code: string }>()).code]
    expect(await told(await post(plane, arm, 'a fox', { 'x-dashscope-async': 'no' }))).toEqual([403, 'AccessDenied'])
    expect(await told(await post(plane, arm, 'a forbidden fox'))).toEqual([400, 'DataInspectionFailed'])
    for (let i = 0; i < 3; i++) await submit(plane, arm)
    expect(await told(await post(plane, arm))).toEqual([429, 'Throttling.RateQuota'])
    own.state.faults = { ...HEALTHY, error_rate: 1 }
    expect(await told(await post(plane, arm))).toEqual([500, 'InternalError'])
    expect(plane.counted('submit')).toEqual({
      [`${arm} ok`]: 3,
      [`${arm} client_error`]: 1,
      [`${arm} content_refused`]: 1,
      [`${arm} saturated`]: 1,
      [`${arm} http_5xx`]: 1,
    })
  })
})

it('a list has the caller’s own jobs of both arms, by pages', async () => {
  const { plane } = setup()
  const ids: string[] = []
  for (const arm of ['control', 'candidate', 'control'] as const) {
    ids.unshift(await submit(plane, arm))
    pass(0.9)
  }
  const list = async (search: string) => {
    const { body } = await get<{ data: { task_id: string; status: string }[] }>(plane, `/api/v1/tasks/${search}`)
    return { ...body, data: body.data.map(({ task_id: id, status }) => `${status} ${ids.indexOf(id)}`) }
  }
  const page = { page_size: 2, total: 3, total_page: 2 }
  expect(await list('?page_size=2')).toEqual({ ...page, page_no: 1, data: ['PENDING 0', 'RUNNING 1'] })
  expect(await list('?page_size=2&page_no=2')).toEqual({ ...page, page_no: 2, data: ['RUNNING 2'] })
  for (const beyond of ['?page_size=3&page_no=2', '?page_size=100&page_no=900'])
    expect(await list(beyond)).toMatchObject({ data: [] })
})

it.each([
  ['tagged', 'control.test'],
  ['native', 'candidate.test'],
])('a task from before Sluice is looked for until a backend knows it, with %s ids', async (id_mode, at) => {
  const arms = { control: { urls: ['http://first.test', 'http://control.test'] }, candidate: { url: CANDIDATE } }
  const { plane } = setup({ arms, id_mode })
  const asked: string[] = []
  plane.answer = ({ url }) => {
    asked.push(url.host)
    const status = url.host === at && url.pathname.endsWith('/old') ? 'RUNNING' : 'UNKNOWN'
    return Response.json({ request_id: 'r', output: { task_id: url.pathname.split('/').at(-1), task_status: status } })
  }
  expect(await poll(plane, 'old')).toEqual({ task_id: 'old', task_status: 'RUNNING' })
  expect(asked).toEqual(['first.test', 'control.test', 'candidate.test'].slice(0, id_mode === 'native' ? 3 : 2))
  // As one that is somebody else's.
  expect((await get(plane, '/api/v1/tasks/never')).status).toBe(404)
})

it('a copy is asynchronous too, and is followed to its end by the ledger', async () => {
  const { plane, candidate } = setup()
  const shadow = { sample: 1, maxBodyBytes: 262_144, maxInFlight: 20, maxJobsPerDay: 100, jobTimeoutMs: 60_000 }
  plane.stage(RELEASE, { state: 'shadow', shadow })
  candidate.state.faults = { ...HEALTHY, job_failure_rate: 1 }
  await submit(plane, 'control')
  const copy = plane.callsOf('POST').find(({ url }) => url.host === 'candidate.test')!
  expect([copy.headers.get('x-dashscope-async'), copy.url.pathname]).toEqual(['enable', SUBMIT])
  expect(JSON.parse(copy.body)).toMatchObject({ model: MODELS.candidate })
  for (let i = 0; i < 4; i++) {
    pass(11)
    await runDurableObjectAlarm(ledger(0, RELEASE))
  }
  expect(await ends()).toEqual({ requests: 2, outcomes: { job_failed: 1 } })
})

it('goes on at control with `rescue`, asynchronously and under the id that its client holds', async () => {
  const { plane, candidate } = setup({ rescue: true })
  candidate.state.faults = { ...HEALTHY, job_failure_rate: 1 }
  const id = await submit(plane, 'candidate')
  pass(11)
  expect(await poll(plane, id)).toMatchObject({ task_id: id, task_status: 'PENDING' })
  await runDurableObjectAlarm(ledger(0, RELEASE))
  pass(11)
  expect(await poll(plane, id)).toMatchObject({ task_id: id, task_status: 'SUCCEEDED' })
  const [, again] = plane.callsOf('POST')
  expect([again!.url.host, again!.headers.get('x-dashscope-async')]).toEqual(['control.test', 'enable'])
})
