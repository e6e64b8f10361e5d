/** The demo backend that speaks Replicate's predictions, over HTTP. */
import { afterEach, expect, test } from 'vitest'
import { type Backend, startBackend } from '../../demo/backend.ts'
import { versionOf } from '../../demo/predictions.ts'
import { readBoxes } from './mp4-boxes.ts'

const MODEL = 'wan-video/wan-2.2-t2v'

interface Prediction {
  id: string
  status: string
  output: string
  error: string | null
  urls: { get: string; cancel: string }
}

const running: Backend[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((backend) => backend.close()))
})

async function backend(jobSeconds = 0): Promise<Backend> {
  const started = await startBackend({ name: 'control', model: MODEL, protocol: 'replicate', jobSeconds })
  running.push(started)
  return started
}

async function call<T = Prediction>(url: string, method = 'GET', body?: object, headers: Record<string, string> = {}) {
  const response = await fetch(url, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) })
  return { status: response.status, body: (await response.json()) as T }
}

const submit = (b: Backend, input: object = { prompt: 'a fox' }, headers: Record<string, string> = {}) =>
  call(`${b.url}/v1/models/${MODEL}/predictions`, 'POST', { input }, headers)

test('a video is made, waited for by its own links and downloaded', async () => {
  const b = await backend()
  const made = await submit(b)
  expect(made).toMatchObject({ status: 201, body: { urls: { get: `${b.url}/v1/predictions/${made.body.id}` } } })
  const { body: done } = await call(made.body.urls.get)
  expect(done.status).toBe('succeeded')
  const video = await fetch(done.output)
  expect(video.headers.get('content-type')).toBe('video/mp4')
  expect(readBoxes(new DataView(await video.arrayBuffer())).map(({ type }) => type)).toContain('moov')
  expect(b.submits).toEqual({ own: 1, shadow: 0 })
  expect(b.log[0]!.model).toBe(MODEL)
})

test('a submit that waits is answered with the end, and one that has waited enough with how it stands', async () => {
  expect(await submit(await backend(), undefined, { prefer: 'wait' })).toMatchObject({
    status: 201,
    body: { status: 'succeeded' },
  })
  expect(await submit(await backend(60), undefined, { prefer: 'wait=0' })).toMatchObject({
    status: 202,
    body: { status: 'starting' },
  })
})

test('failures are sentences, and each kind of end has its own word', async () => {
  const b = await backend()
  b.setFaults({ job_failure_rate: 1 })
  const end = async (input?: object, headers?: Record<string, string>) => {
    const { urls } = (await submit(b, input, headers)).body
    const { status, error } = (await call(urls.get)).body
    return [status, error]
  }
  expect(await end()).toEqual(['failed', 'CUDA out of memory. Tried to allocate 2.50 GiB (E1001)'])
  expect(await end({ prompt: 'forbidden' })).toEqual(['failed', expect.stringContaining('NSFW')])
  b.setFaults({ job_failure_rate: 0, job_seconds: 60 })
  expect(await end(undefined, { 'cancel-after': '0s' })).toEqual(['aborted', null])
  const { urls } = (await submit(b)).body
  expect((await call(urls.cancel, 'POST')).body.status).toBe('canceled')
  expect((await call(urls.get)).body.status).toBe('canceled')
})

test('what it does not have is refused with title, detail and status', async () => {
  const b = await backend()
  expect(await call<object>(`${b.url}/v1/predictions/none`)).toMatchObject({
    status: 404,
    body: { title: 'Not found', status: 404 },
  })
  const create = (body: object) => call(`${b.url}/v1/predictions`, 'POST', body)
  const input = { prompt: 'a fox' }
  expect((await create({ version: 'none', input })).status).toBe(422)
  expect((await create({ version: versionOf(MODEL) })).status).toBe(422)
  expect((await create({ version: `${MODEL}:${versionOf(MODEL)}`, input })).status).toBe(201)
  b.setFaults({ error_rate: 1 })
  expect((await submit(b)).status).toBe(500)
  expect(b.submits.own).toBe(4)
})

test('its list leads on from page to page', async () => {
  const b = await backend()
  for (let i = 0; i < 101; i++) await submit(b)
  const first = (await call<{ results: Prediction[]; next: string }>(`${b.url}/v1/predictions`)).body
  expect([first.results.length, (await call<{ results: object[] }>(first.next)).body.results.length]).toEqual([100, 1])
})
