import OpenAI from 'openai'
import { afterEach, expect, test } from 'vitest'
import { startBackend, type Backend, type BackendOptions } from '../../demo/backend.ts'
import { showsNoVideo } from '../../src/protocols/video-answer.ts'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'
import { readBoxes } from './mp4-boxes.ts'
import { waitFor } from '../support/wait-for.ts'

const running: Backend[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((backend) => backend.close()))
})

async function backend(options: Partial<BackendOptions> = {}): Promise<Backend> {
  const started = await startBackend({ name: 'control', model: 'wan2.1', jobSeconds: 0, ...options })
  running.push(started)
  return started
}

async function call(b: Backend, method: string, path: string, init: RequestInit = {}) {
  const response = await fetch(b.url + path, { method, ...init })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) : text }
}

function submit(
  b: Backend,
  fields: Record<string, string> = {},
  path = '/v1/videos',
  headers: Record<string, string> = {},
) {
  const form = new FormData()
  for (const [name, value] of Object.entries({ prompt: 'a fox', model: 'wan2.1', ...fields })) form.append(name, value)
  return call(b, 'POST', path, { body: form, headers })
}

const setFaults = (b: Backend, faults: unknown) => call(b, 'POST', '/__demo/faults', { body: JSON.stringify(faults) })

test('the openai client creates a video, polls it, downloads it and deletes it', async () => {
  const b = await backend()
  const client = new OpenAI({ apiKey: 'k', baseURL: `${b.url}/v1` })
  const created = await client.videos.create({ model: 'wan2.1' as 'sora-2', prompt: 'a fox', seconds: '8' })
  expect(created).toMatchObject({
    object: 'video',
    model: 'wan2.1',
    prompt: 'a fox',
    seconds: '8',
    remixed_from_video_id: null,
  })
  const done = await client.videos.retrieve(created.id)
  expect(done).toMatchObject({ id: created.id, status: 'completed', progress: 100, error: null })
  const video = await (await client.videos.downloadContent(created.id)).arrayBuffer()
  expect(readBoxes(new DataView(video)).map(({ type }) => type)).toContain('moov')
  const remixed = await client.videos.remix(created.id, { prompt: 'a blue fox' })
  expect(remixed.remixed_from_video_id).toBe(created.id)
  const extended = await client.videos.extend({ prompt: 'on and on', seconds: '4', video: { id: created.id } })
  expect(extended.remixed_from_video_id).toBe(created.id)
  expect(await client.videos.delete(created.id)).toEqual({ id: created.id, deleted: true, object: 'video.deleted' })
  await expect(client.videos.retrieve(created.id)).rejects.toMatchObject({ status: 404 })
})

test('a job waits, runs and ends', async () => {
  const b = await backend({ jobSeconds: 600 })
  const { body } = await submit(b)
  expect(body).toMatchObject({ status: 'queued', progress: 0, completed_at: null, inference_time_s: null })
  expect((await call(b, 'GET', `/v1/videos/${body.id}/content`)).status).toBe(404)
  b.setFaults({ job_seconds: 0 })
  const quick = await submit(b)
  expect(quick.body).toMatchObject({ status: 'completed', inference_time_s: 0 })
})

test('a failed job is polled with HTTP 500 and the job, which the adapter reads as a failed job', async () => {
  const b = await backend()
  b.setFaults({ job_failure_rate: 1 })
  const { body } = await submit(b)
  const poll = await call(b, 'GET', `/v1/videos/${body.id}`)
  expect(poll.status).toBe(500)
  expect(poll.body).toMatchObject({ id: body.id, status: 'failed', error: { code: 500 } })
  expect(
    openaiVideos.readJob({ status: poll.status, headers: new Headers(), body: poll.body, job: null }),
  ).toMatchObject({
    status: 'failed',
    failure: 'job_failed',
  })
  expect((await call(b, 'GET', `/v1/videos/${body.id}/content`)).status).toBe(422)
})

test('JSON, a foreign model, a missing prompt and a broken form are refused as vLLM-Omni refuses them', async () => {
  const b = await backend()
  const json = { body: '{"prompt":"x"}', headers: { 'content-type': 'application/json' } }
  for (const answer of [
    await call(b, 'POST', '/v1/videos', json),
    await submit(b, { model: 'wan2.2' }),
    await submit(b, { prompt: '' }),
    await call(b, 'POST', '/v1/videos', { body: 'x', headers: { 'content-type': 'multipart/form-data; boundary=b' } }),
  ]) {
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 400, type: 'BadRequestError', param: null } } })
  }
  expect((await call(await backend({ acceptJson: true }), 'POST', '/v1/videos', json)).status).toBe(200)
})

test('a submit that the adapter rebuilt for another arm is taken by that arm', async () => {
  const b = await backend({ model: 'wan2.2-t2v-a14b' })
  const form = new FormData()
  form.append('model', 'wan-t2v')
  form.append('prompt', '红狐🦊')
  const request = new Request('http://x/v1/videos', { method: 'POST', body: form })
  const bytes = new Uint8Array(await request.arrayBuffer())
  const submission = openaiVideos.readSubmission(
    { bytes, contentType: request.headers.get('content-type'), search: '' },
    openaiVideos.route('POST', '/v1/videos'),
  )
  const rebuilt = submission.rebuild({ model: 'wan2.2-t2v-a14b', jobIds: new Map(), shadow: true })
  const answer = await call(b, 'POST', '/v1/videos', {
    body: rebuilt.bytes,
    headers: { 'content-type': rebuilt.contentType },
  })
  expect(answer).toMatchObject({ status: 200, body: { model: 'wan2.2-t2v-a14b', prompt: '红狐🦊' } })
})

test('content is served whole, in ranges and conditionally', async () => {
  const b = await backend()
  const { body } = await submit(b)
  const get = async (headers: Record<string, string>, method = 'GET') => {
    const response = await fetch(`${b.url}/v1/videos/${body.id}/content`, { method, headers })
    return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) }
  }
  const asked = { method: 'GET', headers: new Headers(), query: new URLSearchParams() }
  const showsNone = ({ status, headers, bytes }: Awaited<ReturnType<typeof get>>) =>
    showsNoVideo(openaiVideos, asked, { status, headers, isEmpty: bytes.length === 0 })
  const whole = await get({})
  expect(showsNone(whole)).toBe(false)
  const size = whole.bytes.length
  const etag = whole.headers.get('etag') as string
  const slices: [string, Buffer, string][] = [
    ['bytes=0-99', whole.bytes.subarray(0, 100), `bytes 0-99/${size}`],
    [`bytes=100-`, whole.bytes.subarray(100), `bytes 100-${size - 1}/${size}`],
    [`bytes=-10`, whole.bytes.subarray(size - 10), `bytes ${size - 10}-${size - 1}/${size}`],
  ]
  for (const [range, bytes, contentRange] of slices) {
    const part = await get({ range })
    expect([part.status, part.headers.get('content-range')]).toEqual([206, contentRange])
    expect(part.bytes.equals(bytes)).toBe(true)
  }
  expect((await get({ range: `bytes=${size}-` })).headers.get('content-range')).toBe(`bytes */${size}`)
  expect((await get({ range: `bytes=${size}-` })).status).toBe(416)
  expect((await get({ range: 'bytes=0-9', 'if-range': '"other"' })).status).toBe(200)
  expect((await get({ 'if-none-match': etag })).status).toBe(304)
  const head = await get({}, 'HEAD')
  expect([head.status, head.headers.get('content-length'), head.bytes.length]).toEqual([200, String(size), 0])
  b.setFaults({ empty_content: true })
  const empty = await get({})
  expect(showsNone(empty)).toBe(true)
})

test('jobs are listed newest first and paged', async () => {
  const b = await backend()
  const ids: string[] = []
  for (let i = 0; i < 3; i++) ids.unshift((await submit(b)).body.id)
  const page = async (query: string) => (await call(b, 'GET', `/v1/videos?${query}`)).body
  expect((await page('limit=2')).data.map((job: { id: string }) => job.id)).toEqual(ids.slice(0, 2))
  expect(await page('limit=2')).toMatchObject({ object: 'list', first_id: ids[0], last_id: ids[1], has_more: true })
  expect(await page(`limit=2&after=${ids[1]}`)).toMatchObject({ first_id: ids[2], has_more: false })
  expect((await page('order=asc')).first_id).toBe(ids[2])
  expect((await page('after=nobody')).data).toEqual([])
  expect((await call(b, 'GET', '/v1/videos?limit=101')).status).toBe(400)
})

test('the synchronous endpoint answers with the video', async () => {
  const b = await backend()
  const answer = await submit(b, {}, '/v1/videos/sync')
  expect([answer.status, answer.headers.get('content-type'), answer.headers.get('x-model')]).toEqual([
    200,
    'video/mp4',
    'wan2.1',
  ])
  b.setFaults({ job_failure_rate: 1 })
  expect((await submit(b, {}, '/v1/videos/sync')).status).toBe(500)
})

test('faults are merged, shown, healed, and refused with every wrong key', async () => {
  const b = await backend()
  expect((await setFaults(b, { error_rate: 0.3 })).body.error_rate).toBe(0.3)
  expect((await setFaults(b, { latency_ms: 5 })).body).toMatchObject({ error_rate: 0.3, latency_ms: 5 })
  expect((await call(b, 'GET', '/__demo/faults')).body).toEqual(b.faults())
  for (const bad of [{ error_rat: 1 }, { error_rate: 2 }, { hang: 'yes' }, []])
    expect((await setFaults(b, bad)).status).toBe(400)
  expect((await setFaults(b, { error_rate: 2, hangs: true })).body.error.message).toMatch(/error_rate.*hangs/)
  expect(b.faults()).toMatchObject({ error_rate: 0.3, latency_ms: 5 })
  expect((await call(b, 'DELETE', '/__demo/faults')).body).toMatchObject({ error_rate: 0, latency_ms: 0 })
})

test('an error rate fails that share of the submits', async () => {
  const draws = [0.29, 0.5, 0.5, 0.31, 0.5, 0.5]
  const b = await backend({ random: () => draws.shift() as number })
  b.setFaults({ error_rate: 0.3 })
  expect((await submit(b)).status).toBe(500)
  draws.splice(0, 2)
  expect((await submit(b)).status).toBe(200)
})

test('a hanging backend answers nothing, and one that refuses drops the connection', async () => {
  const b = await backend()
  b.setFaults({ hang: true })
  const client = new AbortController()
  const hung = fetch(`${b.url}/v1/videos`, { signal: client.signal })
  await waitFor(() => expect(b.log.at(-1)?.path).toBe('/v1/videos'))
  expect((await call(b, 'GET', '/__demo/faults')).status).toBe(200)
  expect(b.log.at(-1)?.status).toBeNull()
  client.abort()
  await expect(hung).rejects.toThrow()
  b.setFaults({ hang: false, refuse: true })
  await expect(submit(b)).rejects.toThrow('fetch failed')
  expect(b.submits.own).toBe(1)
})

test('a dripping backend sends its headers and then next to nothing', async () => {
  const b = await backend()
  b.setFaults({ drip: true })
  const form = new FormData()
  form.append('prompt', 'x')
  const response = await fetch(`${b.url}/v1/videos`, { method: 'POST', body: form })
  expect(response.status).toBe(200)
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  expect((await reader.read()).value).toHaveLength(1)
  await reader.cancel()
})

test('the log tells shadow copies from the rest and shows no credentials', async () => {
  const b = await backend()
  await submit(b, {}, '/v1/videos', { authorization: 'Bearer secret' })
  await submit(b, {}, '/v1/videos', { 'x-sluice-shadow': '1', 'x-request-id': 'r-7' })
  const { body } = await call(b, 'GET', '/__demo/log')
  expect(body).toMatchObject({ name: 'control', submits: { own: 1, shadow: 1 } })
  expect(body.requests).toMatchObject([
    { method: 'POST', path: '/v1/videos', status: 200, shadow: false, model: 'wan2.1' },
    { shadow: true, headers: { 'x-request-id': 'r-7' } },
  ])
  expect(body.requests[0].header_names).toContain('authorization')
  expect(JSON.stringify(body)).not.toContain('secret')
})

test('a port in use is an error, and a closed backend refuses connections', async () => {
  const b = await backend()
  await expect(startBackend({ name: 'x', model: 'm', port: b.port })).rejects.toThrow('EADDRINUSE')
  await b.close()
  await expect(fetch(b.url)).rejects.toThrow('fetch failed')
})
