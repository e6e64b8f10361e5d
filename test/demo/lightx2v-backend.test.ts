/** The demo backend that speaks LightX2V, over HTTP. */
import { afterEach, expect, test } from 'vitest'
import { type Backend, startBackend } from '../../demo/backend.ts'
import { readBoxes } from './mp4-boxes.ts'

const running: Backend[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((backend) => backend.close()))
})

async function backend(jobSeconds = 0): Promise<Backend> {
  const started = await startBackend({ name: 'control', model: 'unused', protocol: 'lightx2v', jobSeconds })
  running.push(started)
  return started
}

async function call(url: string, method = 'GET', body?: object) {
  const response = await fetch(url, { method, ...(body ? { body: JSON.stringify(body) } : {}) })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const submit = (b: Backend, message: object = { prompt: 'a fox' }) => call(`${b.url}/v1/tasks/video`, 'POST', message)

test('a video is made, listed and downloaded whole, whatever range is asked for', async () => {
  const b = await backend()
  // Without its slash, so that the redirect is followed with the body.
  const { body: job } = await submit(b)
  const id = job['task_id'] as string
  expect(job).toEqual({ task_id: id, task_status: 'pending', save_result_path: id })
  expect(id).toMatch(/^([A-Z0-9]{4}-){4}[A-Z0-9]{4}$/)
  const shown = (await call(`${b.url}/v1/tasks/${id}/status`)).body
  expect(shown).toMatchObject({ task_id: id, status: 'completed', error: null })
  expect((await call(`${b.url}/v1/tasks/`)).body).toEqual({ [id]: shown })
  const video = await fetch(`${b.url}/v1/tasks/${id}/result`, { headers: { range: 'bytes=0-0' } })
  expect([video.status, video.headers.get('accept-ranges')]).toEqual([200, 'bytes'])
  expect(readBoxes(new DataView(await video.arrayBuffer())).map(({ type }) => type)).toContain('moov')
})

test('an id is taken once, and a job that failed says why', async () => {
  const b = await backend(60)
  expect((await submit(b, { task_id: 'mine' })).body).toMatchObject({ task_id: 'mine' })
  expect(await submit(b, { task_id: 'mine' })).toEqual({
    status: 503,
    body: { detail: 'Task ID mine already exists' },
  })
  expect((await call(`${b.url}/v1/tasks/mine/result`)).body).toEqual({ detail: 'Task not completed' })
  b.setFaults({ job_failure_rate: 1, job_seconds: 0 })
  const { body } = await submit(b)
  expect((await call(`${b.url}/v1/tasks/${body['task_id'] as string}/status`)).body).toMatchObject({
    status: 'failed',
    error_type: 'OutOfMemoryError',
  })
  b.setFaults({ error_rate: 1 })
  expect((await submit(b)).status).toBe(500)
})

test('a cancel always answers with 200, and says whether it did anything', async () => {
  const b = await backend(60)
  const id = (await submit(b)).body['task_id'] as string
  expect((await call(`${b.url}/v1/tasks/${id}`, 'DELETE')).body['stop_status']).toBe('success')
  expect((await call(`${b.url}/v1/tasks/${id}/status`)).body['status']).toBe('cancelled')
  expect(await call(`${b.url}/v1/tasks/none`, 'DELETE')).toMatchObject({
    status: 200,
    body: { stop_status: 'do_nothing' },
  })
})
