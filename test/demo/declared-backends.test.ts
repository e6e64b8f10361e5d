/** The demo backends of wires that a release declares, over HTTP. */
import { afterEach, expect, test } from 'vitest'
import { type Backend, startBackend } from '../../demo/backend.ts'
import { readBoxes } from './mp4-boxes.ts'

const running: Backend[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((backend) => backend.close()))
})

async function backend(protocol: 'runpod' | 'openrouter', jobSeconds = 0): Promise<Backend> {
  const started = await startBackend({ name: 'control', model: 'wan', protocol, jobSeconds })
  running.push(started)
  return started
}

async function call(url: string, method = 'GET', body?: object) {
  const response = await fetch(url, { method, ...(body ? { body: JSON.stringify(body) } : {}) })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

async function boxesOf(url: string) {
  const video = await fetch(url)
  expect(video.headers.get('content-type')).toBe('video/mp4')
  return readBoxes(new DataView(await video.arrayBuffer())).map(({ type }) => type)
}

const run = async (b: Backend, body: object = { input: { prompt: 'a fox' } }) =>
  (await call(`${b.url}/v2/wan/run`, 'POST', body)).body['id'] as string

test('RunPod’s endpoint queues a job, tells its times and where its video is', async () => {
  const b = await backend('runpod')
  const id = await run(b)
  const { body } = await call(`${b.url}/v2/wan/status/${id}`)
  expect(body).toMatchObject({ id, status: 'COMPLETED', delayTime: 0, executionTime: 0 })
  expect(await boxesOf((body['output'] as { video_url: string }).video_url)).toContain('moov')
  expect([b.submits, b.log[0]!.model]).toEqual([{ own: 1, shadow: 0 }, 'wan'])
})

test('it fails jobs with a text, times them out by their policy, cancels them, and knows its own endpoint only', async () => {
  const b = await backend('runpod')
  b.setFaults({ job_failure_rate: 1 })
  const status = async (id: string) => (await call(`${b.url}/v2/wan/status/${id}`)).body
  expect(await status(await run(b))).toMatchObject({ status: 'FAILED', error: expect.stringMatching(/out of memory/) })
  b.setFaults({ job_failure_rate: 0 })
  expect(await status(await run(b, { input: { prompt: 'forbidden' } }))).toMatchObject({
    status: 'FAILED',
    error: expect.stringMatching(/content policy/),
  })
  expect(await status(await run(b, { input: {}, policy: { executionTimeout: -1 } }))).toMatchObject({
    status: 'TIMED_OUT',
  })
  b.setFaults({ job_seconds: 60 })
  const id = await run(b)
  expect((await call(`${b.url}/v2/wan/cancel/${id}`, 'POST')).body).toMatchObject({ id, status: 'CANCELLED' })
  expect((await call(`${b.url}/v2/other/status/${id}`)).status).toBe(404)
  expect((await call(`${b.url}/v2/wan/run`, 'POST', {})).status).toBe(400)
})

const post = (b: Backend, body: object) => call(`${b.url}/api/v1/videos`, 'POST', { model: 'wan', ...body })

test('OpenRouter’s videos are polled at a relative path, and linked to signed and unsigned', async () => {
  const b = await backend('openrouter')
  const { body: job } = await post(b, { prompt: 'a fox' })
  expect(job['polling_url']).toBe(`/api/v1/videos/${job['id'] as string}`)
  const { body } = await call(b.url + (job['polling_url'] as string))
  const { urls, unsigned_urls: unsigned } = body as { urls: [string]; unsigned_urls: [string] }
  for (const url of [...urls, ...unsigned]) expect(await boxesOf(url)).toContain('moov')
  expect((await call(urls[0].replace('sig=abc', 'sig=x'))).status).toBe(403)
})

test('they fail and are refused in OpenRouter’s own words', async () => {
  const b = await backend('openrouter')
  b.setFaults({ job_failure_rate: 1 })
  const status = async (prompt: string) => {
    const { body } = await post(b, { prompt })
    return (await call(b.url + (body['polling_url'] as string))).body
  }
  expect(await status('a fox')).toMatchObject({ status: 'failed', error: expect.stringMatching(/memory/) })
  expect(await status('forbidden')).toMatchObject({ status: 'failed', error: expect.stringMatching(/moderation/) })
  expect(await post(b, { prompt: 'x', model: 'other' })).toMatchObject({ status: 400, body: { error: { code: 400 } } })
})
