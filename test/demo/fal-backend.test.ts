/** The demo backend that speaks fal's queue, over HTTP. */
import { afterEach, expect, test } from 'vitest'
import { type Backend, startBackend } from '../../demo/backend.ts'
import { readBoxes } from './mp4-boxes.ts'

const running: Backend[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((backend) => backend.close()))
})

async function backend(jobSeconds = 0): Promise<Backend> {
  const started = await startBackend({ name: 'control', model: 'unused', protocol: 'fal', jobSeconds })
  running.push(started)
  return started
}

async function call(url: string, method = 'GET', body?: object) {
  const response = await fetch(url, { method, ...(body ? { body: JSON.stringify(body) } : {}) })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const submit = (b: Backend, input: object = { prompt: 'a fox' }, below = '') =>
  call(`${b.url}/fal-ai/wan${below}`, 'POST', input)

test('a video is queued, waited for by its own URLs and downloaded', async () => {
  const b = await backend()
  const { body: job } = await submit(b, { prompt: 'a fox' }, '/v2.2-a14b/text-to-video')
  expect(job).toMatchObject({
    status: 'IN_QUEUE',
    response_url: `${b.url}/fal-ai/wan/requests/${job['request_id'] as string}`,
  })
  expect((await call(job['status_url'] as string)).body).toMatchObject({ status: 'COMPLETED' })
  const { body } = await call(job['response_url'] as string)
  const video = await fetch((body as { video: { url: string } }).video.url)
  expect(video.headers.get('content-type')).toBe('video/mp4')
  expect(readBoxes(new DataView(await video.arrayBuffer())).map(({ type }) => type)).toContain('moov')
  expect(b.submits).toEqual({ own: 1, shadow: 0 })
  expect(b.log[0]!.model).toBe('fal-ai/wan/v2.2-a14b/text-to-video')
})

test('a result that is asked for early, one that failed and one that was refused have fal’s own errors', async () => {
  const slow = await backend(60)
  const { body: early } = await submit(slow)
  expect(await call(early['response_url'] as string)).toEqual({
    status: 400,
    body: { detail: 'Request is still in progress' },
  })
  const b = await backend()
  b.setFaults({ job_failure_rate: 1 })
  const failed = (await submit(b)).body
  expect((await call(failed['status_url'] as string)).body['status']).toBe('COMPLETED')
  expect((await call(failed['response_url'] as string)).status).toBe(500)
  const refused = (await submit(b, { prompt: 'forbidden' })).body
  expect(await call(refused['response_url'] as string)).toMatchObject({
    status: 422,
    body: { detail: [{ type: 'content_policy_violation' }] },
  })
})

test('a job is cancelled once, and a submit without a prompt is none', async () => {
  const b = await backend(60)
  const cancelUrl = (await submit(b)).body['cancel_url'] as string
  expect(await call(cancelUrl, 'PUT')).toEqual({ status: 202, body: { status: 'CANCELLATION_REQUESTED' } })
  expect(await call(cancelUrl, 'PUT')).toEqual({ status: 400, body: { status: 'ALREADY_COMPLETED' } })
  expect((await submit(b, {})).status).toBe(422)
  expect((await call(`${b.url}/fal-ai/wan/requests/none`)).body).toEqual({ detail: 'Request not found' })
})
