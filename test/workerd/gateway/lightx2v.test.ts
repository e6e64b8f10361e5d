/** LightX2V's wire end to end at both arms: submit, polls, list, download, cancel, and what is whose fault. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { HEALTHY } from '../../../demo/faults.ts'
import { createLightX2v } from '../../../demo/lightx2v-queue.ts'
import { codeOf, DataPlane, inStillTime, TO_CANDIDATE } from '../../support/workerd/data-plane.ts'
import { demoBackend } from '../../support/workerd/demo-backend.ts'
import { counted, ledger } from '../../support/workerd/objects.ts'

const SUBMIT = '/v1/tasks/video/'
const FREE = 'AB12-CD34-EF56-GH78-IJ90'

interface Task {
  task_id: string
  status: string
  error: string | null
}

const backend = () => demoBackend((common) => createLightX2v({ ...common, servers: 1, maxQueueSize: 3 }))

function setup(more: object = {}) {
  const control = backend()
  const candidate = backend()
  const plane = new DataPlane(
    {
      RELEASE_A: {
        name: 'lightx2v',
        protocol: 'lightx2v',
        arms: { control: { url: 'http://control.test' }, candidate: { url: 'http://candidate.test' } },
        ...more,
      },
    },
    (call) => (call.url.host === 'control.test' ? control : candidate).answer(call),
  )
  return { plane, control, candidate }
}

const ARMS = ['control', 'candidate'] as const
type Arm = (typeof ARMS)[number]
const as = (arm: Arm, user = 'ann') => ({ 'x-user-id': user, ...(arm === 'candidate' ? TO_CANDIDATE : {}) })

const post = (plane: DataPlane, arm: Arm, input: object = {}, path = SUBMIT) =>
  plane.request('POST', path, {
    headers: { 'content-type': 'application/json', ...as(arm) },
    body: JSON.stringify({ prompt: 'a red fox', target_video_length: 81, ...input }),
  })

async function submit(plane: DataPlane, arm: Arm, input: object = {}, path = SUBMIT) {
  const response = await post(plane, arm, input, path)
  expect(response.status).toBe(200)
  return response.json<{ task_id: string; task_status: string }>()
}

async function get<T = Task>(plane: DataPlane, path: string, user = 'ann') {
  const response = await plane.request('GET', path, { headers: { 'x-user-id': user } })
  return { status: response.status, body: await response.json<T>() }
}

const cancel = async (plane: DataPlane, id: string) =>
  (await plane.request('DELETE', `/v1/tasks/${id}`, { headers: { 'x-user-id': 'ann' } })).json<object>()

/** How jobs have ended, as their ledger counts. */
const ends = () => counted(ledger(0, 'lightx2v'), 'job')

const pass = (seconds: number) => vi.setSystemTime(Date.now() + 1000 * seconds)

inStillTime()

describe.each(ARMS)('a job at the %s', (arm) => {
  it.each([SUBMIT, '/v1/tasks/video', '/v1/tasks/'])('is submitted at %s, polled and downloaded', async (path) => {
    const { plane } = setup()
    const { task_id: id, ...more } = await submit(plane, arm, {}, path)
    expect(id).toMatch(/^slc_.*_slc$/)
    expect(more).toEqual({ task_status: 'pending' })
    expect((await get(plane, `/v1/tasks/${id}/status`)).body).toMatchObject({ task_id: id, status: 'processing' })
    const early = await plane.request('GET', `/v1/tasks/${id}/result`, { headers: as('control') })
    expect([early.status, await early.json()]).toEqual([404, { detail: 'Task not completed' }])
    pass(10)
    const { body } = await get<object>(plane, `/v1/tasks/${id}/status`)
    expect(body).toMatchObject({ task_id: id, status: 'completed' })
    expect(body).not.toHaveProperty('save_result_path')
    const film = await plane.request('GET', `/v1/tasks/${id}/result`, { headers: as('control') })
    expect(new TextDecoder().decode(await film.arrayBuffer())).toMatch(/^film of ([A-Z0-9]{4}-){4}[A-Z0-9]{4}$/)
    expect(film.headers.get('content-disposition')).toContain(id)
    const seen = plane.calls.map(({ method, url }) => `${method} ${url.href.replace(/([A-Z0-9]{4}-?){5}/, 'ID')}`)
    const base = `http://${arm}.test/v1/tasks`
    expect([...new Set(seen)]).toEqual([
      `POST ${base}/${path === '/v1/tasks/' ? '' : 'video/'}`,
      `GET ${base}/ID/status`,
      `GET ${base}/ID/result`,
    ])
    expect(plane.counted('poll')).toEqual({ [`${arm} ok`]: 2 })
  })

  it('is nobody else’s, however it is asked for', async () => {
    const { plane } = setup()
    const { task_id: id } = await submit(plane, arm)
    for (const [method, below] of [
      ['GET', '/status'],
      ['GET', '/result'],
      ['DELETE', ''],
    ] as const)
      expect((await plane.request(method, `/v1/tasks/${id}${below}`, { headers: { 'x-user-id': 'bob' } })).status).toBe(
        404,
      )
    expect(plane.calls).toHaveLength(1)
    expect((await get(plane, '/v1/tasks/', 'bob')).body).toEqual({})
    expect((await get<object>(plane, '/v1/tasks/')).body).toMatchObject({ [id]: { task_id: id, status: 'processing' } })
  })

  it('whose id the client has chosen answers to that one too, for its owner only', async () => {
    const { plane } = setup()
    const { task_id: id } = await submit(plane, arm, { task_id: FREE })
    expect((await get(plane, `/v1/tasks/${FREE}/status`)).body).toMatchObject({ status: 'processing' })
    expect((await get(plane, `/v1/tasks/${FREE}/status`, 'bob')).status).toBe(404)
    const again = await post(plane, arm, { task_id: FREE })
    expect([again.status, await again.json()]).toEqual([503, { detail: `Task ID ${FREE} already exists` }])
    expect(plane.counted('submit')).toEqual({ [`${arm} ok`]: 1, [`${arm} client_error`]: 1 })
    expect(id).not.toBe(FREE)
  })

  it('is no failure when it is cancelled, though its worker says so later', async () => {
    const { plane } = setup()
    const { task_id: id } = await submit(plane, arm)
    pass(2)
    expect(await cancel(plane, id)).toMatchObject({ stop_status: 'success' })
    expect((await get(plane, `/v1/tasks/${id}/status`)).body.status).toBe('cancelled')
    pass(2)
    expect((await get(plane, `/v1/tasks/${id}/status`)).body).toMatchObject({
      status: 'failed',
      error: 'Task cancelled during processing',
    })
    expect(await ends()).toEqual({ requests: 1, outcomes: { cancelled: 1 } })
  })

  it('that had ended before it was cancelled has ended as it did', async () => {
    const { plane, [arm]: own } = setup()
    own.state.faults = { ...HEALTHY, job_failure_rate: 1 }
    const { task_id: id } = await submit(plane, arm)
    pass(20)
    expect(await cancel(plane, id)).toMatchObject({ stop_status: 'do_nothing' })
    expect((await ends()).requests).toBe(0)
    await get(plane, `/v1/tasks/${id}/status`)
    expect(await ends()).toEqual({ requests: 1, outcomes: { job_failed: 1 } })
  })
})

it('from before Sluice is stopped at whichever of control’s replicas has it', async () => {
  const replicas = { urls: ['http://candidate.test', 'http://control.test'] }
  const { plane, control } = setup({ arms: { control: replicas, candidate: { url: 'http://none.test' } } })
  const url = new URL(`http://control.test${SUBMIT}`)
  const made = control.answer({ method: 'POST', url, headers: new Headers(), body: JSON.stringify({ prompt: 'a' }) })
  const { task_id: id } = await made.json<Task>()
  const stop = async (task: string) => {
    const answered = await plane.request('DELETE', `/v1/tasks/${task}`, { headers: as('control') })
    return [answered.status, await answered.json()]
  }
  expect(await stop(id)).toEqual([200, expect.objectContaining({ stop_status: 'success' })])
  expect(await stop('never')).toEqual([200, expect.objectContaining({ stop_status: 'do_nothing' })])
  expect(plane.callsOf('DELETE').map((call) => call.url.host)).toEqual([
    'candidate.test',
    'control.test',
    'candidate.test',
    'control.test',
  ])
})

it('a full queue is the arm’s, and a picture that can’t be had is the client’s', async () => {
  const { plane } = setup({ failover: true })
  for (let i = 0; i < 3; i++) await submit(plane, 'control')
  const full = await post(plane, 'control')
  expect([full.status, await full.json()]).toEqual([503, { detail: 'Task queue is full (max 3 tasks)' }])
  expect((await post(plane, 'candidate', { image_path: 'http://unreachable/a.png' })).status).toBe(500)
  expect(plane.counted('submit')).toEqual({
    'control ok': 3,
    'control saturated': 1,
    'candidate client_error': 1,
  })
})

it('a full queue has taken nothing: its client may try again, also under the same key', async () => {
  const { plane } = setup()
  const keyed = (arm: Arm) => ({ 'idempotency-key': 'k-1', 'content-type': 'application/json', ...as(arm) })
  const body = JSON.stringify({ prompt: 'a red fox' })
  const again = () => plane.request('POST', SUBMIT, { headers: keyed('control'), body })
  for (let i = 0; i < 3; i++) await submit(plane, 'control')
  const full = await again()
  expect([full.status, full.headers.get('x-should-retry')]).toEqual([503, null])
  pass(40)
  const taken = await again()
  expect([taken.status, await taken.json()]).toMatchObject([200, { task_status: 'pending' }])
  // What another 503 says nobody knows.
  plane.answer = () => Response.json({ detail: 'Service not ready' }, { status: 503 })
  expect((await post(plane, 'control')).headers.get('x-should-retry')).toBe('false')
})

it('with native ids a job keeps the id that its client chose', async () => {
  const { plane } = setup({ id_mode: 'native' })
  expect((await submit(plane, 'candidate', { task_id: FREE })).task_id).toBe(FREE)
  expect((await get(plane, `/v1/tasks/${FREE}/status`)).body).toMatchObject({ task_id: FREE, status: 'processing' })
  expect((await get(plane, `/v1/tasks/${FREE}/status`, 'bob')).status).toBe(404)
})

it('nobody ends everybody’s jobs or reads a file by its name alone', async () => {
  const { plane } = setup()
  const { task_id: id } = await submit(plane, 'control')
  expect((await plane.request('DELETE', '/v1/tasks/all/running', { headers: as('control') })).status).toBe(404)
  expect((await get(plane, '/v1/files/download/a.mp4')).status).toBe(404)
  expect((await get(plane, `/v1/tasks/${id}/status`)).body.status).toBe('processing')
  expect(plane.calls).toHaveLength(2)
})

it.each(['all/running', '../x', 'queue', 'a%2Fb', '..', '', 'a b', 'x'.repeat(129)])(
  'an id that could lead elsewhere is refused before anything is sent: %s',
  async (id) => {
    const { plane } = setup()
    const body = new URLSearchParams({ prompt: 'a red fox', task_id: id })
    const form = await plane.request('POST', `${SUBMIT}form`, { headers: as('control'), body })
    for (const refused of [await post(plane, 'control', { task_id: id }), form])
      expect([refused.status, await codeOf(refused)]).toEqual([400, 'malformed_body'])
    expect(plane.calls).toEqual([])
  },
)

it('a copy has an id of its own, is followed to its end by the ledger, and its video is looked at', async () => {
  const { plane, candidate } = setup()
  const shadow = { sample: 1, maxBodyBytes: 262_144, maxInFlight: 20, maxJobsPerDay: 100, jobTimeoutMs: 60_000 }
  plane.stage('lightx2v', { state: 'shadow', shadow })
  await submit(plane, 'control', { task_id: FREE, save_result_path: 'mine' })
  const copy = plane.callsOf('POST').find(({ url }) => url.host === 'candidate.test')!
  expect([copy.url.pathname, JSON.parse(copy.body)]).toEqual([SUBMIT, { prompt: 'a red fox', target_video_length: 81 }])
  candidate.state.faults = { ...HEALTHY, empty_content: true }
  for (let i = 0; i < 4; i++) {
    pass(11)
    await runDurableObjectAlarm(ledger(0, 'lightx2v'))
  }
  expect(await ends()).toEqual({ requests: 2, outcomes: { bad_output: 1 } })
})

it('goes on at control with `rescue`, under the id that its client holds', async () => {
  const { plane, candidate } = setup({ rescue: true })
  candidate.state.faults = { ...HEALTHY, job_failure_rate: 1 }
  const { task_id: id } = await submit(plane, 'candidate')
  pass(11)
  expect((await get(plane, `/v1/tasks/${id}/status`)).body).toMatchObject({ task_id: id, status: 'processing' })
  await runDurableObjectAlarm(ledger(0, 'lightx2v'))
  pass(11)
  expect((await get(plane, `/v1/tasks/${id}/status`)).body).toMatchObject({ task_id: id, status: 'completed' })
  expect(plane.callsOf('POST').map(({ url }) => url.host)).toEqual(['candidate.test', 'control.test'])
})

it('a copy that a full queue refuses is counted as that, and no copy meets an id that is taken', async () => {
  const { plane } = setup()
  for (let i = 0; i < 3; i++) await submit(plane, 'candidate', { task_id: `${i}` })
  const shadow = { sample: 1, maxBodyBytes: 262_144, maxInFlight: 20, maxJobsPerDay: 100, jobTimeoutMs: 60_000 }
  plane.stage('lightx2v', { state: 'shadow', shadow })
  await submit(plane, 'control', { task_id: '0' })
  expect(plane.counted('submit')).toEqual({ 'candidate ok': 3, 'control ok': 1, 'candidate saturated': 1 })
  pass(40)
  await submit(plane, 'control', { task_id: '1' })
  expect(plane.counted('submit')).toMatchObject({ 'candidate ok': 4, 'control ok': 2 })
})
