/** The demo backend that speaks ComfyUI's wire, over HTTP. */
import { afterEach, expect, test } from 'vitest'
import { type Backend, startBackend } from '../../demo/backend.ts'
import { createComfyServer } from '../../demo/comfy-server.ts'
import { HEALTHY } from '../../demo/faults.ts'
import { readBoxes } from './mp4-boxes.ts'

const MODEL = 'wan.safetensors'
const running: Backend[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((backend) => backend.close()))
})

async function backend(jobSeconds = 0): Promise<Backend> {
  const started = await startBackend({ name: 'control', model: MODEL, protocol: 'comfyui', jobSeconds })
  running.push(started)
  return started
}

const graph = (more: object = {}, model = MODEL) => ({
  '37': { class_type: 'UNETLoader', inputs: { unet_name: model } },
  '61': { class_type: 'SaveVideo', inputs: {} },
  ...more,
})

async function call(b: Backend, method: string, path: string, body?: object) {
  const response = await fetch(b.url + path, { method, ...(body ? { body: JSON.stringify(body) } : {}) })
  const text = await response.text()
  return { status: response.status, body: (text.startsWith('{') ? JSON.parse(text) : text) as Record<string, unknown> }
}

test('a graph is queued, found in the history with its file, and the file downloaded', async () => {
  const b = await backend()
  const { body } = await call(b, 'POST', '/prompt', { prompt: graph(), prompt_id: 'mine' })
  expect(body).toEqual({ prompt_id: 'mine', number: 0, node_errors: {} })
  const { mine } = (await call(b, 'GET', '/api/history/mine')).body as Record<
    string,
    { outputs: object; status: object }
  >
  expect(mine).toMatchObject({
    status: { status_str: 'success', completed: true },
    outputs: { '61': { images: [{ filename: 'ComfyUI_00001_.mp4', subfolder: 'video', type: 'output' }] } },
  })
  const video = await fetch(`${b.url}/view?filename=ComfyUI_00001_.mp4&subfolder=video&type=output`)
  expect(video.headers.get('content-type')).toBe('video/mp4')
  expect(readBoxes(new DataView(await video.arrayBuffer())).map(({ type }) => type)).toContain('moov')
  expect((await call(b, 'GET', '/view?filename=ComfyUI_00001_.mp4')).status).toBe(404)
  expect(b.submits).toEqual({ own: 1, shadow: 0 })
})

test('a graph that can’t be run is refused with the nodes’ errors', async () => {
  const b = await backend()
  const refused = async (prompt: unknown) => {
    const { status, body } = await call(b, 'POST', '/prompt', { prompt })
    return [
      status,
      (body as { error: { type: string } }).error.type,
      Object.keys((body as { node_errors: object }).node_errors),
    ]
  }
  expect(await refused(undefined)).toEqual([400, 'no_prompt', []])
  expect(await refused(graph({ '9': { class_type: 'Nobody', inputs: {} } }))).toEqual([400, 'invalid_prompt', []])
  expect(await refused({ '37': graph()['37'] })).toEqual([400, 'prompt_no_outputs', []])
  expect(await refused(graph({}, 'other'))).toEqual([400, 'prompt_outputs_failed_validation', ['37']])
  const image = { '52': { class_type: 'LoadImage', inputs: { image: 'a.png' } } }
  expect(await refused(graph(image))).toEqual([400, 'prompt_outputs_failed_validation', ['52']])
  const form = new FormData()
  form.append('image', new File(['x'], 'a.png'))
  const kept = await fetch(`${b.url}/upload/image`, { method: 'POST', body: form })
  expect(await kept.json()).toEqual({ name: 'a.png', subfolder: '', type: 'input' })
  expect((await call(b, 'POST', '/prompt', { prompt: graph(image) })).status).toBe(200)
})

test('a job is unknown while it waits, may be taken out or interrupted, and fails out of memory', async () => {
  const b = await backend(60)
  await call(b, 'POST', '/prompt', { prompt: graph(), prompt_id: 'waits' })
  expect((await call(b, 'GET', '/history/waits')).body).toEqual({})
  expect((await call(b, 'GET', '/queue')).body).toMatchObject({
    queue_running: [],
    queue_pending: [expect.arrayContaining([0, 'waits'])],
  })
  expect((await call(b, 'POST', '/queue', { delete: ['waits'] })).status).toBe(200)
  expect((await call(b, 'GET', '/prompt')).body).toEqual({ exec_info: { queue_remaining: 0 } })
  b.setFaults({ job_failure_rate: 1, job_seconds: 0 })
  await call(b, 'POST', '/prompt', { prompt: graph(), prompt_id: 'fails' })
  const job = (await call(b, 'GET', '/api/jobs/fails')).body
  expect(job).toMatchObject({ status: 'failed', execution_error: { exception_type: 'torch.OutOfMemoryError' } })
  b.setFaults({ error_rate: 1 })
  expect(await call(b, 'POST', '/prompt', { prompt: graph() })).toMatchObject({ status: 500 })
})

test.each([0, 1, 2])(
  'each of its steps shows a preview, however the clock goes between two looks at it (%s)',
  (first) => {
    let clockMs = first
    const server = createComfyServer({
      models: [MODEL],
      jobSeconds: 0.02,
      random: () => 0.5,
      faults: () => HEALTHY,
      now: () => clockMs++,
      clip: () => new Uint8Array(),
    })
    const told: (string | Uint8Array)[] = []
    server.connect('me', (message) => told.push(message))
    const prompt = JSON.stringify({ prompt: graph(), client_id: 'me' })
    server.answer({ method: 'POST', url: new URL('http://comfy.test/prompt'), body: prompt })
    const isOver = () => told.some((message) => typeof message === 'string' && message.includes('execution_success'))
    while (!isOver()) server.tick()
    expect(told.filter((message) => typeof message !== 'string')).toHaveLength(4)
  },
)
