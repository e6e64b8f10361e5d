/** The demo backend that speaks Model Studio's tasks, over HTTP. */
import { afterEach, expect, test } from 'vitest'
import { type Backend, startBackend } from '../../demo/backend.ts'
import { readBoxes } from './mp4-boxes.ts'

const MODEL = 'wan2.2-t2v-plus'

const running: Backend[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((backend) => backend.close()))
})

async function backend(jobSeconds = 0): Promise<Backend> {
  const started = await startBackend({ name: 'control', model: MODEL, protocol: 'dashscope', jobSeconds })
  running.push(started)
  return started
}

interface Told {
  code?: string
  output: Record<string, string>
}

async function call(url: string, method = 'GET', body?: object, headers: Record<string, string> = {}) {
  const response = await fetch(url, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) })
  return { status: response.status, body: (await response.json()) as Told }
}

const submit = (b: Backend, prompt: unknown = 'a fox', model = MODEL, headers = { 'x-dashscope-async': 'enable' }) => {
  const url = `${b.url}/api/v1/services/aigc/video-generation/video-synthesis`
  return call(url, 'POST', { model, input: { prompt }, parameters: { duration: 5 } }, headers)
}
const poll = async (b: Backend, id = '') => (await call(`${b.url}/api/v1/tasks/${id}`)).body.output

test('a video is made and downloaded in parts, by times of no zone', async () => {
  const b = await backend()
  const { output } = (await submit(b)).body
  expect(output).toEqual({ task_id: expect.stringMatching(/^[\w-]{36}$/) as unknown, task_status: 'PENDING' })
  const done = await poll(b, output['task_id'])
  expect(done).toMatchObject({ ...output, task_status: 'SUCCEEDED' })
  expect(done['end_time']).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/)
  const video = await fetch(done['video_url']!)
  expect(readBoxes(new DataView(await video.arrayBuffer())).map(({ type }) => type)).toContain('moov')
  expect((await fetch(done['video_url']!, { headers: { range: 'bytes=0-7' } })).status).toBe(206)
  expect((await call(`${b.url}/api/v1/tasks/`)).body).toMatchObject({
    total: 1,
    data: [{ task_id: output['task_id'], status: 'SUCCEEDED', model_name: MODEL }],
  })
  expect(b.log[0]!.model).toBe(MODEL)
})

test('what is wrong is told at once or by the job, with a code', async () => {
  const b = await backend()
  const refused = async (told: ReturnType<typeof submit>) => [(await told).status, (await told).body.code]
  expect(await refused(submit(b, 'a', MODEL, { 'x-dashscope-async': 'no' }))).toEqual([403, 'AccessDenied'])
  expect(await refused(submit(b, 'a', 'other'))).toEqual([400, 'InvalidParameter'])
  expect(await refused(submit(b, 'a forbidden fox'))).toEqual([400, 'DataInspectionFailed'])
  const promptless = (await submit(b, null)).body.output['task_id']
  b.setFaults({ job_failure_rate: 1 })
  const broken = (await submit(b)).body.output['task_id']
  expect(await poll(b, promptless)).toMatchObject({ task_status: 'FAILED', code: 'InvalidParameter' })
  expect(await poll(b, broken)).toMatchObject({ task_status: 'FAILED', code: 'InternalError.Algo' })
  expect(await poll(b, 'none')).toEqual({ task_id: 'none', task_status: 'UNKNOWN' })
  b.setFaults({ error_rate: 1 })
  expect(await refused(submit(b))).toEqual([500, 'InternalError'])
})

test('a job is cancelled while it waits', async () => {
  const b = await backend(600)
  const id = (await submit(b)).body.output['task_id']!
  const cancel = () => call(`${b.url}/api/v1/tasks/${id}/cancel`, 'POST')
  expect((await cancel()).status).toBe(200)
  expect((await poll(b, id))['task_status']).toBe('CANCELED')
  expect(await cancel()).toMatchObject({ status: 400, body: { code: 'UnsupportedOperation' } })
})
