/** Wires that a release declares end to end, by the scenarios' own tables: RunPod's and OpenRouter's at both arms. */
import { parse } from 'smol-toml'
import { describe, expect, it, vi } from 'vitest'
import { HEALTHY } from '../../../demo/faults.ts'
import { createOpenrouterVideos } from '../../../demo/openrouter-videos.ts'
import type { RestApiOf } from '../../../demo/rest-api.ts'
import { createRunpodEndpoint } from '../../../demo/runpod-endpoint.ts'
import openrouterToml from '../../../examples/scenarios/openrouter.toml?raw'
import runpodToml from '../../../examples/scenarios/runpod.toml?raw'
import { DataPlane, GATEWAY, inStillTime, TO_CANDIDATE } from '../../support/workerd/data-plane.ts'
import { demoBackend } from '../../support/workerd/demo-backend.ts'
import { counted, ledger } from '../../support/workerd/objects.ts'

type Arm = 'control' | 'candidate'
type Job = Record<string, unknown>

const backend = (create: RestApiOf, model: string) => demoBackend((common) => create({ model, ...common }))

/** The scenario's release in front of backends that serve its arms' models. */
function setup(toml: string, create: RestApiOf, more: object = {}) {
  const { vars } = parse(toml) as unknown as { vars: { RELEASE_WAN22: { arms: Record<Arm, { model: string }> } } }
  const release = vars.RELEASE_WAN22
  const arms = {
    control: { ...release.arms.control, url: 'http://control.test', auth: 'ARM_KEY' },
    candidate: { ...release.arms.candidate, url: 'http://candidate.test' },
  }
  const at = {
    control: backend(create, arms.control.model),
    candidate: backend(create, arms.candidate.model),
  }
  const plane = new DataPlane(
    { RELEASE_A: { ...release, name: 'objects', arms, ...more }, ARM_KEY: 'key-of-control' },
    (call) => at[call.url.host.replace('.test', '') as Arm].answer(call),
  )
  return { plane, at }
}

const as = (arm: Arm) => ({ 'x-user-id': 'ann', ...(arm === 'candidate' ? TO_CANDIDATE : {}) })

async function call(plane: DataPlane, method: string, path: string, arm: Arm = 'control', body?: object) {
  const response = await plane.request(method, path, {
    headers: { ...(body ? { 'content-type': 'application/json' } : {}), ...as(arm) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const type = response.headers.get('content-type') ?? ''
  const read = type.includes('json')
    ? await response.json<Job>()
    : { text: new TextDecoder().decode(await response.arrayBuffer()) }
  return { status: response.status, body: read as Job }
}

const pass = (seconds: number) => vi.setSystemTime(Date.now() + 1000 * seconds)
const OWN_ID = /^slc_.*_slc$/

inStillTime()

describe.each(['control', 'candidate'] as const)('RunPod’s wire at the %s', (arm) => {
  const runpod = (more?: object) => setup(runpodToml, createRunpodEndpoint, more)
  const endpoint = arm === 'control' ? 'wan21endpoint' : 'wan22endpoint'
  const submit = async (plane: DataPlane, input: object = {}) =>
    (await call(plane, 'POST', '/v2/wan/run', arm, { input: { prompt: 'a fox', num_frames: 161, ...input } })).body

  it('is submitted, polled and downloaded under the client’s own endpoint and id, the parameters as the arm takes them', async () => {
    const { plane } = runpod()
    const { id, status } = await submit(plane)
    expect([id, status]).toEqual([expect.stringMatching(OWN_ID), 'IN_QUEUE'])
    const sent = plane.calls[0]!
    expect([sent.url.pathname, sent.headers.get('authorization')]).toEqual([
      `/v2/${endpoint}/run`,
      arm === 'control' ? 'Bearer key-of-control' : null,
    ])
    expect(JSON.parse(sent.body)).toEqual({
      input: arm === 'control' ? { prompt: 'a fox', num_frames: 161 } : { prompt: 'a fox', frames: 81, steps: 4 },
    })
    // A client begins to poll at once, and reads its own write.
    pass(0.5)
    expect((await call(plane, 'GET', `/v2/wan/status/${id as string}`)).body).toMatchObject({ id, status: 'IN_QUEUE' })
    pass(4)
    expect((await call(plane, 'GET', `/v2/wan/status/${id as string}`)).body).toMatchObject({ status: 'IN_PROGRESS' })
    pass(10)
    const done = await call(plane, 'GET', `/v2/wan/status/${id as string}`)
    expect(done.body).toMatchObject({ id, status: 'COMPLETED', delayTime: 1000, executionTime: 9000 })
    const { video_url: url } = done.body['output'] as { video_url: string }
    expect(url.startsWith(`${GATEWAY}/slc_`)).toBe(true)
    expect((await call(plane, 'GET', url)).body['text']).toMatch(/^film of [\w-]{36}$/)
    expect(plane.counted('submit')).toEqual({ [`${arm} ok`]: 1 })
    expect(plane.counted('poll')).toEqual({ [`${arm} ok`]: 3 })
  })

  it('is nobody else’s, and cancelled by its owner only', async () => {
    const { plane } = runpod()
    const { id } = await submit(plane)
    for (const [method, verb] of [
      ['GET', 'status'],
      ['POST', 'cancel'],
      ['DELETE', 'status'],
    ] as const) {
      const asked = await plane.request(method, `/v2/wan/${verb}/${id as string}`, { headers: { 'x-user-id': 'bob' } })
      expect(asked.status, verb).toBe(404)
    }
    expect(plane.calls).toHaveLength(1)
    expect((await call(plane, 'POST', `/v2/wan/cancel/${id as string}`)).body).toMatchObject({
      id,
      status: 'CANCELLED',
    })
    expect(plane.calls.at(-1)!.url.pathname).toMatch(new RegExp(`^/v2/${endpoint}/cancel/[\\w-]{36}$`))
    expect(plane.counted('cancel')).toEqual({ [`${arm} ok`]: 1 })
  })

  it('shows a failure in RunPod’s own words', async () => {
    const { plane, at } = runpod()
    at[arm].state.faults = { ...HEALTHY, job_failure_rate: 1 }
    const { id } = await submit(plane)
    pass(20)
    const shown = await call(plane, 'GET', `/v2/wan/status/${id as string}`)
    expect([shown.status, shown.body['status'], shown.body['error']]).toEqual([
      200,
      'FAILED',
      expect.stringMatching(/^CUDA out of memory/),
    ])
  })
})

it('a job of RunPod’s wire that the candidate fails goes on at control, at control’s endpoint', async () => {
  const { plane, at } = setup(runpodToml, createRunpodEndpoint, { rescue: true })
  at.candidate.state.faults = { ...HEALTHY, job_failure_rate: 1 }
  const { body } = await call(plane, 'POST', '/v2/wan/run', 'candidate', { input: { prompt: 'a fox' } })
  pass(20)
  const shown = await call(plane, 'GET', `/v2/wan/status/${body['id'] as string}`)
  expect(shown.body).toMatchObject({ id: body['id'], status: expect.stringMatching(/^IN_/) })
})

it('a repeated submit with the same idempotency key is answered with the job’s status', async () => {
  const { plane } = setup(runpodToml, createRunpodEndpoint)
  const again = async () => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': 'k-1', ...as('control') }
    const body = '{"input":{"prompt":"a fox"}}'
    return (await plane.request('POST', '/v2/wan/run', { headers, body })).json<Job>()
  }
  const first = await again()
  expect(await again()).toMatchObject({ id: first['id'], status: expect.stringMatching(/^IN_/) })
  expect(plane.callsOf('POST')).toHaveLength(1)
})

describe.each(['control', 'candidate'] as const)('OpenRouter’s wire at the %s', (arm) => {
  const openrouter = () => setup(openrouterToml, createOpenrouterVideos)
  const submit = async (plane: DataPlane) =>
    (await call(plane, 'POST', '/api/v1/videos', arm, { model: 'alibaba/wan', prompt: 'a fox' })).body

  it('is submitted, polled where its answer says, and downloaded by each of its links', async () => {
    const { plane } = openrouter()
    const { id, polling_url: path, status } = await submit(plane)
    expect([id, path, status]).toEqual([expect.stringMatching(OWN_ID), `/api/v1/videos/${id as string}`, 'pending'])
    expect(plane.calls[0]!.body).toContain(arm === 'control' ? '"alibaba/wan-2.1"' : '"alibaba/wan-2.2"')
    pass(0.5)
    expect((await call(plane, 'GET', path as string)).body).toMatchObject({ id, status: 'pending' })
    pass(14)
    const { body } = await call(plane, 'GET', path as string)
    const { urls, unsigned_urls: unsigned } = body as { urls: [string]; unsigned_urls: [string] }
    expect(urls[0]).toMatch(/^http:\/\/gateway\.test\/slc_.*\?expires=3600&sig=abc$/)
    expect(unsigned).toEqual([`${GATEWAY}/api/v1/videos/${id as string}/content?index=0`])
    for (const url of [...urls, ...unsigned])
      expect((await call(plane, 'GET', url)).body['text'], url).toMatch(/^film of [\w-]{36}$/)
    expect(plane.counted('content')).toEqual({ [`${arm} ok`]: 1 })
  })

  it('expires in OpenRouter’s own word, and can’t be cancelled', async () => {
    const { plane, at } = openrouter()
    at[arm].state.faults = { ...HEALTHY, job_seconds: 3600 }
    const { id } = await submit(plane)
    pass(400)
    expect((await call(plane, 'GET', `/api/v1/videos/${id as string}`)).body).toMatchObject({ id, status: 'expired' })
    expect((await call(plane, 'DELETE', `/api/v1/videos/${id as string}`)).status).toBe(404)
  })
})

describe('a job whose paths begin with its id', () => {
  const DONE = { id: 'job-1', status: 'done', url: 'http://candidate.test/out/a.mp4' }
  const arms = { control: { url: 'http://control.test' }, candidate: { url: 'http://candidate.test' } }
  const planeOf = (wire: object) => {
    const statuses = { running: 'runs', succeeded: 'done' }
    const declared = { submit: '/run', output: 'url', statuses, ...wire }
    return new DataPlane({ RELEASE_A: { name: 'objects', protocol: 'jobs', wire: declared, arms } }, ({ url }) =>
      url.pathname.endsWith('.mp4')
        ? new Response('film', { headers: { 'content-type': 'video/mp4' } })
        : Response.json(DONE),
    )
  }
  const submitTo = async (plane: DataPlane) =>
    (await call(plane, 'POST', '/run', 'candidate', { prompt: 'a fox' })).body as { id: string; url: string }
  const pathsOf = (plane: DataPlane) => plane.calls.map(({ method, url }) => `${method} ${url.host}${url.pathname}`)

  it.each([
    [{ poll: '/{id}', cancel: 'DELETE /{id}' }, '', 'DELETE', ''],
    [{ poll: '/{id}/status', cancel: 'POST /{id}/cancel' }, '/status', 'POST', '/cancel'],
  ])('is polled and cancelled by its owner only: %o', async (wire, polls, method, cancels) => {
    const plane = planeOf(wire)
    const { id } = await submitTo(plane)
    const polled = await call(plane, 'GET', `/${id}${polls}`)
    expect([polled.status, polled.body['id']]).toEqual([200, id])
    expect((await call(plane, method, `/${id}${cancels}`)).status).toBe(200)
    expect(pathsOf(plane).slice(1)).toEqual([
      `GET candidate.test/job-1${polls}`,
      `${method} candidate.test/job-1${cancels}`,
    ])
    const asked = (own: string) => plane.request('GET', `/${own}${polls}`, { headers: { 'x-user-id': 'bob' } })
    for (const other of [id, id.replace('slc_', 'slc_A')]) expect((await asked(other)).status).toBe(404)
    expect(plane.calls).toHaveLength(3)
  })

  it('keeps no file from being read by its own', async () => {
    const plane = planeOf({ poll: '/{id}/status' })
    const { url } = await submitTo(plane)
    expect((await call(plane, 'GET', url)).body['text']).toBe('film')
    expect(pathsOf(plane).at(-1)).toBe('GET candidate.test/out/a.mp4')
    expect((await plane.request('GET', new URL(url).pathname, { headers: { 'x-user-id': 'bob' } })).status).toBe(404)
  })
})

it.each([{}, { rescue: true }])(
  'a result that is asked for too early, and not found, loses no job: %o',
  async (more) => {
    const wire = {
      ...{ submit: '/jobs', poll: '/jobs/{id}', result: '/jobs/{id}/result' },
      statuses: { queued: 'waiting', ended: 'done' },
    }
    const arms = { control: { url: 'http://control.test' }, candidate: { url: 'http://candidate.test' } }
    let hasEnded = false
    const plane = new DataPlane(
      { RELEASE_A: { name: 'objects', protocol: 'jobs', wire, arms, ...more } },
      ({ url }) => {
        if (!url.pathname.endsWith('/result')) return Response.json({ id: 'j1', status: hasEnded ? 'done' : 'waiting' })
        return hasEnded ? Response.json({ video: 'x' }) : Response.json({ error: 'not ready' }, { status: 404 })
      },
    )
    const { id } = (await call(plane, 'POST', '/jobs', 'candidate', { prompt: 'a fox' })).body as { id: string }
    expect((await call(plane, 'GET', `/jobs/${id}/result`)).status).toBe(404)
    expect(plane.callsOf('POST')).toHaveLength(1)
    hasEnded = true
    pass(1)
    expect((await call(plane, 'GET', `/jobs/${id}/result`)).status).toBe(200)
    expect(await counted(ledger(), 'job')).toEqual({ requests: 1, outcomes: {} })
  },
)
