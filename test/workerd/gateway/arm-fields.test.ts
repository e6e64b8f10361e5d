/** Fields of an arm end to end: what each backend gets of the same request, in copies and rescued jobs too. */
import { expect, it } from 'vitest'
import { DataPlane, inStillTime, TO_CANDIDATE } from '../../support/workerd/data-plane.ts'

inStillTime()

const ARMS = {
  control: { url: 'http://control.test', clamp: { num_frames: { max: 81 } } },
  candidate: {
    url: 'http://candidate.test',
    model: 'wan2.2',
    rename: { num_frames: 'extra.frames' },
    set: { num_inference_steps: 4, user: 'sluice' },
  },
}
const SHADOW = { sample: 1, maxBodyBytes: 262_144, maxInFlight: 20, maxJobsPerDay: 100, jobTimeoutMs: 30_000 }

function setup(more: object = {}) {
  let made = 0
  const plane = new DataPlane(
    { RELEASE_A: { name: 'objects', protocol: 'openai-videos', arms: ARMS, ...more } },
    ({ url, method }) => {
      const failed = method === 'GET' && url.host === 'candidate.test'
      const error = failed ? { code: 'oom', message: 'CUDA out of memory' } : null
      return Response.json({ id: `v_${method === 'POST' ? ++made : 1}`, status: failed ? 'failed' : 'queued', error })
    },
  )
  return plane
}

const BODY = '{ "model":"wan", "prompt":"a fox", "num_frames":161 }'
const submit = (plane: DataPlane, headers: Record<string, string> = {}, body: string | FormData = BODY) =>
  plane.send('POST', '/v1/videos', { as: 'ann', headers, body })

it('each arm gets the same request with its own fields', async () => {
  const plane = setup()
  await submit(plane)
  await submit(plane, TO_CANDIDATE)
  expect(plane.calls.map(({ body }) => body)).toEqual([
    '{ "model":"wan", "prompt":"a fox", "num_frames":81 }',
    '{"extra":{"frames":161},"num_inference_steps":4,"user":"sluice", "model":"wan2.2", "prompt":"a fox" }',
  ])
})

it('so it does of a form', async () => {
  const plane = setup()
  const form = new FormData()
  for (const [name, value] of Object.entries({ model: 'wan', prompt: 'a fox', num_frames: '161' }))
    form.set(name, value)
  await submit(plane, TO_CANDIDATE, form)
  const { body, headers } = plane.calls[0]!
  const sent = await new Response(body, { headers: { 'content-type': headers.get('content-type')! } }).formData()
  expect(Object.fromEntries(sent)).toEqual({
    model: 'wan2.2',
    prompt: 'a fox',
    num_inference_steps: '4',
    user: 'sluice',
    extra: '{"frames":"161"}',
  })
})

it('a copy gets the candidate’s fields, but none that acts for its client', async () => {
  const plane = setup()
  plane.stage('objects', { state: 'shadow', shadow: SHADOW })
  await submit(plane)
  expect(plane.callsOf('POST').map(({ url, body }) => [url.host, body])).toEqual([
    ['control.test', '{ "model":"wan", "prompt":"a fox", "num_frames":81 }'],
    ['candidate.test', '{"extra":{"frames":161},"num_inference_steps":4, "model":"wan2.2", "prompt":"a fox" }'],
  ])
})

it('a job that control takes over gets control’s fields', async () => {
  const plane = setup({ rescue: true })
  plane.canary('objects', 100)
  const { id } = await submit(plane)
  await plane.send('GET', `/v1/videos/${id}`, { as: 'ann' })
  expect(plane.callsOf('POST').map(({ url, body }) => [url.host, JSON.parse(body)])).toEqual([
    ['candidate.test', expect.objectContaining({ extra: { frames: 161 } })],
    ['control.test', { model: 'wan', prompt: 'a fox', num_frames: 81 }],
  ])
})

it('an idempotency key goes by the client’s request, whatever the arm is sent', async () => {
  const plane = setup()
  const key = { 'idempotency-key': 'k-1', ...TO_CANDIDATE }
  const first = await submit(plane, key)
  expect((await submit(plane, key)).id).toBe(first.id)
  const other = await submit(plane, key, BODY.replace('161', '162'))
  expect(other.code).toBe('idempotency_mismatch')
  expect(plane.callsOf('POST')).toHaveLength(1)
})
