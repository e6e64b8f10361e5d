/** ComfyUI's wire end to end at both arms: graph, history, files, queue, interrupt, and ids that clients choose. */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { HEALTHY } from '../../../demo/faults.ts'
import { type Arm, as, FILES, GRAPH, post, setup, SHADOW, submit } from '../../support/workerd/comfy.ts'
import { counted, ledger } from '../../support/workerd/objects.ts'
import {
  type BackendCall,
  codeOf,
  DataPlane,
  hangs,
  inStillTime,
  letPass,
  until,
} from '../../support/workerd/data-plane.ts'

interface Entry {
  outputs: Record<string, { images: { filename: string; subfolder: string; type: string }[] }>
  status: { status_str: string; messages: [string, { prompt_id: string }][] }
  prompt: [number, string, object, { client_id?: string }]
}

const pass = (seconds: number) => vi.setSystemTime(Date.now() + 1000 * seconds)

const get = async <T>(plane: DataPlane, path: string, user = 'ann') =>
  (await plane.request('GET', path, { headers: { 'x-user-id': user } })).json<T>()
const history = async (plane: DataPlane, id: string) => (await get<Record<string, Entry>>(plane, `/history/${id}`))[id]
const fileUrl = ({ filename, subfolder, type }: { filename: string; subfolder: string; type: string }) =>
  `/view?${new URLSearchParams({ filename, subfolder, type }).toString()}`

inStillTime()

describe.each(['control', 'candidate'] as const)('a job at the %s', (arm) => {
  it('is submitted, found in the history and downloaded under the client’s own id', async () => {
    const { plane } = setup()
    const id = await submit(plane, arm)
    expect(id).toMatch(/^slc_.*_slc$/)
    const sent = JSON.parse(plane.calls[0]!.body) as { prompt: typeof GRAPH; client_id: string }
    expect(sent.prompt['37'].inputs.unet_name).toBe(FILES[arm])
    expect(sent.client_id).toMatch(/^slc-[0-9a-f]{12}-me$/)
    expect(await get(plane, `/history/${id}`)).toEqual({})
    pass(20)
    const entry = (await history(plane, id))!
    expect(entry.prompt[1]).toBe(id)
    expect(entry.prompt[3].client_id).toBe('me')
    expect(entry.status.messages.map(([event, data]) => [event, data.prompt_id === id])).toEqual([
      ['execution_start', true],
      ['execution_cached', true],
      ['execution_success', true],
    ])
    const [file] = entry.outputs['61']!.images
    expect(file!.filename).toMatch(/^slc_.*_slc\.mp4$/)
    const film = await plane.request('GET', fileUrl(file!), { headers: as('control') })
    expect([film.status, film.headers.get('content-type')]).toEqual([200, 'video/mp4'])
    expect(await film.text()).toMatch(/^film of /)
    expect(plane.calls.at(-1)!.url.href).toMatch(
      `http://${arm}.test/view?type=output&subfolder=video&filename=ComfyUI_`,
    )
    expect(new Set(plane.calls.map(({ url }) => url.hostname))).toEqual(new Set([`${arm}.test`]))
    expect(plane.counted('submit')).toEqual({ [`${arm} ok`]: 1 })
    expect(plane.counted('content')).toEqual({ [`${arm} ok`]: 1 })
    expect(plane.counted('poll')).toEqual({ [`${arm} ok`]: 2 })
  })

  it('is the same below /api, with its newer route', async () => {
    const { plane } = setup()
    const id = await submit(plane, arm, {}, 'ann', '/api')
    pass(5)
    expect(await get(plane, `/api/jobs/${id}`)).toMatchObject({ id, status: 'in_progress' })
    pass(20)
    const job = await get<{ status: string; outputs: Entry['outputs'] }>(plane, `/api/jobs/${id}`)
    expect(job.status).toBe('completed')
    const film = await plane.request('GET', `/api${fileUrl(job.outputs['61']!.images[0]!)}`, { headers: as('control') })
    expect(await film.text()).toMatch(/^film of /)
  })

  it('has a file of JSON as its graph has written it', async () => {
    const { plane } = setup()
    const id = await submit(plane, arm)
    pass(20)
    const [file] = (await history(plane, id))!.outputs['61']!.images
    const text = `{"output_path":"/srv/a.mp4","url":"http://${arm}.test/view?filename=a.mp4"}`
    plane.answer = () => new Response(text, { headers: { 'content-type': 'application/json' } })
    expect(await (await plane.request('GET', fileUrl(file!), { headers: as('control') })).text()).toBe(text)
  })

  it('is nobody else’s: not its history, its file, its place in the queue', async () => {
    const { plane } = setup()
    const id = await submit(plane, arm)
    pass(20)
    const [file] = (await history(plane, id))!.outputs['61']!.images
    const made = plane.calls.length
    const others = { 'x-user-id': 'bob' }
    for (const path of [`/history/${id}`, `/api/jobs/${id}`, fileUrl(file!)])
      expect((await plane.request('GET', path, { headers: others })).status, path).toBe(404)
    for (const path of ['/queue', '/history'])
      expect((await post(plane, path, { delete: [id] }, others)).status).toBe(404)
    expect((await post(plane, '/interrupt', { prompt_id: id }, others)).status).toBe(404)
    const altered = fileUrl({ ...file!, filename: file!.filename.replace('slc_', 'slc_A') })
    expect((await plane.request('GET', altered, { headers: as('control') })).status).toBe(404)
    expect(plane.calls).toHaveLength(made)
  })

  it('is taken out of the queue, and its cancel is no failure', async () => {
    const { plane } = setup()
    const id = await submit(plane, arm)
    const raw = async () =>
      (await (await plane.answer(callTo(arm, 'GET', '/queue')))!.json<{ queue_pending: string[][] }>()).queue_pending
    expect(await raw()).toHaveLength(1)
    expect((await post(plane, '/queue', { delete: [id] })).status).toBe(200)
    expect(await raw()).toEqual([])
    expect(plane.counted('cancel')).toEqual({ [`${arm} ok`]: 1 })
    expect(await get<unknown>(plane, '/queue')).toEqual({ queue_running: [], queue_pending: [] })
  })

  it.each([
    ['taken out of the queue while it runs', 5, '/queue', { job_failed: 1 }],
    ['interrupted while it waits', 0, '/interrupt', { job_failed: 1 }],
    ['taken out of the history while it runs', 5, '/history', { job_failed: 1 }],
    ['taken out of the queue while it waits', 0, '/queue', { cancelled: 1 }],
    ['interrupted while it runs', 5, '/interrupt', { cancelled: 1 }],
  ])('%s ends as it does, which is counted', async (_, seconds, path, expected) => {
    const { plane, ...arms } = setup()
    arms[arm].state.faults = { ...HEALTHY, job_failure_rate: 1 }
    const id = await submit(plane, arm)
    pass(seconds)
    await history(plane, id)
    const named = path === '/interrupt' ? { prompt_id: id } : { delete: [id] }
    expect((await post(plane, path, named)).status).toBe(200)
    pass(20)
    await history(plane, id)
    expect((await counted(ledger(), 'job')).outcomes).toEqual(expected)
  })

  it('is interrupted while it runs, by its own id or by none, and no other job is', async () => {
    const { plane } = setup()
    const others = await submit(plane, arm, {}, 'bob')
    for (const body of ['{}', '']) {
      const id = await submit(plane, arm)
      pass(5)
      await get(plane, `/history/${id}`)
      const named = body === '' ? { prompt_id: id } : body
      expect((await post(plane, '/interrupt', named)).status).toBe(200)
      expect(JSON.parse(plane.callsOf('POST').at(-1)!.body)).toEqual({
        prompt_id: expect.not.stringMatching('slc') as unknown,
      })
      expect((await history(plane, id))?.status.messages.at(-1)?.[0]).toBe('execution_interrupted')
    }
    pass(20)
    const entry = await get<Record<string, Entry>>(plane, `/history/${others}`, 'bob')
    expect(entry[others]!.status.status_str).toBe('success')
  })
})

function callTo(arm: Arm, method: string, path: string): BackendCall {
  return { method, url: new URL(`http://${arm}.test${path}`), headers: new Headers(), body: '' }
}

describe('jobs of both arms', () => {
  it('are listed for their owner only, and cancelled by one request', async () => {
    const { plane } = setup()
    const mine = [await submit(plane, 'control'), await submit(plane, 'candidate')]
    await submit(plane, 'control', {}, 'bob')
    const queue = await get<{ queue_pending: [number, string][] }>(plane, '/queue')
    expect(new Set(queue.queue_pending.map(([, id]) => id))).toEqual(new Set(mine))
    const listed = await get<{ jobs: { id: string; status: string }[] }>(plane, '/api/jobs')
    expect(listed.jobs.map(({ status }) => status)).toEqual(['in_progress', 'in_progress'])
    expect((await post(plane, '/queue', { delete: mine })).status).toBe(200)
    const deletes = plane.callsOf('POST').filter(({ url }) => url.pathname === '/queue')
    expect(
      deletes.map(({ url, body }) => [url.hostname, (JSON.parse(body) as { delete: string[] }).delete.length]),
    ).toEqual([
      ['control.test', 1],
      ['candidate.test', 1],
    ])
  })

  it('stand in one history', async () => {
    const { plane } = setup()
    const mine = [await submit(plane, 'control'), await submit(plane, 'candidate')]
    pass(20)
    await submit(plane, 'control')
    expect(new Set(Object.keys(await get<object>(plane, '/history')))).toEqual(new Set(mine))
  })

  it('are all meant by a clear, and nobody else’s', async () => {
    const { plane, control } = setup()
    await submit(plane, 'control')
    await submit(plane, 'control', {}, 'bob')
    expect((await post(plane, '/queue', { clear: true })).status).toBe(200)
    const left = await control.answer(callTo('control', 'GET', '/queue')).json<{ queue_pending: unknown[] }>()
    expect(left.queue_pending).toHaveLength(1)
    const many = Array.from({ length: 51 }, (_, i) => `id-${i}`)
    expect((await post(plane, '/queue', { delete: many })).status).toBe(400)
  })
})

describe('a request about several jobs', () => {
  const raw = ({ control }: ReturnType<typeof setup>) => {
    const queue = control.answer(callTo('control', 'GET', '/queue'))
    return queue.json<{ queue_running: unknown[]; queue_pending: unknown[] }>()
  }

  it.each([
    ['a delete', '/queue', (ids: string[]) => ({ delete: ids })],
    ['a clear', '/queue', () => ({ clear: true })],
    ['an interrupt of all', '/interrupt', () => ''],
  ])('stops with %s what can be stopped, and tells that an arm is gone', async (_, path, bodyOf) => {
    const made = setup()
    const { plane, control } = made
    const ids: string[] = []
    for (const arm of ['control', 'candidate', 'control', 'candidate'] as const) ids.push(await submit(plane, arm))
    if (path === '/interrupt') pass(5)
    await raw(made)
    plane.answer = (call) => (call.url.host === 'control.test' ? control.answer(call) : null)
    const answered = await post(plane, path, bodyOf(ids))
    expect([answered.status, await codeOf(answered)]).toEqual([502, 'upstream_unreachable'])
    expect(await raw(made)).toEqual({ queue_running: [], queue_pending: [] })
    expect(plane.counted('cancel')).toEqual({ 'control ok': 2, 'candidate unreachable': 2 })
  })

  it('waits for no arm that hangs before it has asked the other one', async () => {
    const made = setup()
    const { plane, control } = made
    for (const arm of ['control', 'candidate'] as const) await submit(plane, arm)
    plane.answer = (call) => (call.url.host === 'control.test' ? control.answer(call) : hangs(call))
    const answering = post(plane, '/queue', { clear: true })
    await until('both are asked', () => plane.callsOf('POST').length === 4)
    expect((await raw(made)).queue_pending).toEqual([])
    expect((await letPass(10_000, answering)).status).toBe(504)
  })

  it('means a job that goes on, however many have ended since', async () => {
    const made = setup()
    const { plane, control } = made
    control.state.faults = { ...HEALTHY, job_seconds: 3600 }
    await submit(plane, 'control')
    control.state.faults = HEALTHY
    const ended: string[] = []
    for (let i = 0; i < 21; i++) ended.push(await submit(plane, 'control'))
    pass(20)
    for (const id of ended) await history(plane, id)
    expect((await raw(made)).queue_pending).toHaveLength(1)
    expect((await post(plane, '/queue', { clear: true })).status).toBe(200)
    expect((await raw(made)).queue_pending).toEqual([])
  })
})

it('a request that names no job, or one of another wire, reaches no server that speaks none of this', async () => {
  const arms = (host: string) => ({
    control: { url: `http://${host}.test` },
    candidate: { url: `http://${host}.test` },
  })
  const plane = new DataPlane(
    {
      RELEASE_A: {
        name: 'graphs',
        protocol: 'comfyui',
        match: { paths: ['/prompt', '/queue', '/interrupt'] },
        arms: arms('comfy'),
      },
      RELEASE_B: { name: 'objects', protocol: 'lightx2v', arms: arms('tasks') },
    },
    () => Response.json({ task_id: 'AB12-CD34-EF56-GH78-IJ90', task_status: 'pending' }),
  )
  const body = JSON.stringify({ prompt: 'a fox' })
  const headers = { ...as('control'), 'content-type': 'application/json' }
  const made = await plane.request('POST', '/v1/tasks/video/', { headers, body })
  const { task_id: id } = await made.json<{ task_id: string }>()
  expect(id).toMatch(/^slc_/)
  expect((await post(plane, '/interrupt', '')).status).toBe(200)
  expect((await post(plane, '/queue', { clear: true })).status).toBe(200)
  expect((await post(plane, '/queue', { delete: [id] })).status).toBe(404)
  expect(plane.calls.map(({ url }) => url.pathname)).toEqual(['/v1/tasks/video/'])
})

describe('an id that its client chooses', () => {
  // Another each time: what is still told of a test's job when it ends is not to be known to the next.
  let chosen = ''
  beforeEach(() => void (chosen = crypto.randomUUID()))

  it.each(['control', 'candidate'] as const)('is the job’s at the %s, in every answer', async (arm) => {
    const { plane } = setup()
    expect(await submit(plane, arm, { prompt_id: chosen })).toBe(chosen)
    pass(20)
    expect((await history(plane, chosen))?.prompt[1]).toBe(chosen)
    expect((await plane.request('GET', `/history/${chosen}`, { headers: { 'x-user-id': 'bob' } })).status).toBe(404)
  })

  it('is refused where there is such a job, whoever has it', async () => {
    const { plane } = setup()
    await submit(plane, 'control', { prompt_id: chosen })
    for (const user of ['ann', 'bob']) {
      const again = await post(plane, '/prompt', { prompt: GRAPH, prompt_id: chosen }, as('control', user))
      expect([again.status, await codeOf(again)]).toEqual([400, 'invalid_request'])
    }
    expect(plane.calls).toHaveLength(1)
  })

  it.each([
    ['one client', 'ann', 'control'],
    ['two clients', 'bob', 'control'],
    ['two clients at two arms', 'bob', 'candidate'],
  ] as const)('is one job’s where %s submit it at the same moment', async (_, user, arm) => {
    const { plane } = setup()
    const asked = [as('control'), as(arm, user)].map((headers) =>
      post(plane, '/prompt', { prompt: GRAPH, prompt_id: chosen }, headers),
    )
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 400])
    expect(plane.calls).toHaveLength(1)
  })

  it('may be chosen again where the server took nothing', async () => {
    const { plane } = setup()
    for (const graph of [{}, GRAPH]) {
      const answered = await post(plane, '/prompt', { prompt: graph, prompt_id: chosen }, as('control'))
      expect(answered.status).toBe(graph === GRAPH ? 200 : 400)
    }
    expect(plane.calls).toHaveLength(2)
  })

  it('is none where an older build has made one of its own', async () => {
    const { plane } = setup({}, true)
    expect(await submit(plane, 'control', { prompt_id: chosen })).toMatch(/^slc_/)
  })
})

describe('what is refused', () => {
  it('by a node’s check is the client’s, word for word', async () => {
    const { plane } = setup()
    const graph = { ...GRAPH, '37': { class_type: 'UNETLoader', inputs: { unet_name: 'none.safetensors' } } }
    const refused = await post(plane, '/prompt', { prompt: graph })
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject({ node_errors: { '37': { class_type: 'UNETLoader' } } })
    expect(plane.counted('submit')).toEqual({ 'control client_error': 1 })
  })

  it('by the server itself is the arm’s', async () => {
    const { plane, candidate } = setup()
    candidate.state.faults = { ...HEALTHY, error_rate: 1 }
    expect((await post(plane, '/prompt', { prompt: GRAPH }, as('candidate'))).status).toBe(500)
    expect(plane.counted('submit')).toEqual({ 'candidate http_5xx': 1 })
  })
})

it.each(['application/x-www-form-urlencoded', 'text/plain', 'application/json; charset=latin1'])(
  'fields of an arm find their place in a graph that was sent as %s, by either arm',
  async (type) => {
    const arm = (name: Arm) => ({
      url: `http://${name}.test`,
      model: FILES[name],
      set: { 'prompt.57.inputs.seed': name === 'control' ? 1 : 2 },
    })
    const { control: mapped, candidate } = { control: arm('control'), candidate: arm('candidate') }
    const sent = async (arms: object) => {
      const { plane } = setup({ rescue: true, arms })
      for (const to of ['control', 'candidate'] as const) {
        const body = JSON.stringify({ prompt: GRAPH })
        const answered = await post(plane, '/prompt', body, { ...as(to), 'content-type': type })
        expect(answered.status, await answered.clone().text()).toBe(200)
      }
      return plane
        .callsOf('POST')
        .map(({ body }) => (JSON.parse(body) as { prompt: typeof GRAPH }).prompt['57'].inputs.seed)
    }
    expect(await sent({ control: mapped, candidate })).toEqual([1, 2])
    // What control would be sent is made when the candidate has taken the job, which must not be lost for that.
    const { set: _, ...plain } = candidate
    expect(await sent({ control: mapped, candidate: plain })).toEqual([1, 7])
  },
)

describe('a job that runs out of memory', () => {
  it('shows its client ComfyUI’s own error', async () => {
    const { plane, candidate } = setup()
    candidate.state.faults = { ...HEALTHY, job_failure_rate: 1 }
    const id = await submit(plane, 'candidate')
    pass(20)
    const { status } = (await history(plane, id))!
    expect(status.status_str).toBe('error')
    expect(status.messages.at(-1)).toMatchObject(['execution_error', { prompt_id: id }])
    expect(plane.counted('poll')).toEqual({ 'candidate ok': 1 })
  })

  it('goes on at control with `rescue`', async () => {
    const { plane, candidate } = setup({ rescue: true })
    candidate.state.faults = { ...HEALTHY, job_failure_rate: 1 }
    const id = await submit(plane, 'candidate')
    pass(20)
    expect(await get(plane, `/history/${id}`)).toEqual({})
  })
})

it('a finished job whose file is empty is the arm’s bad output', async () => {
  const { plane, candidate } = setup()
  const id = await submit(plane, 'candidate')
  pass(20)
  const [file] = (await history(plane, id))!.outputs['61']!.images
  candidate.state.faults = { ...HEALTHY, empty_content: true }
  const film = await plane.request('GET', fileUrl(file!), { headers: as('control') })
  expect([film.status, (await film.arrayBuffer()).byteLength]).toEqual([200, 0])
  expect((await counted(ledger(), 'content')).outcomes).toEqual({ bad_output: 1 })
  expect((await counted(ledger(), 'job')).outcomes).toEqual({ bad_output: 1 })
})

it('a repeated submit with the same idempotency key names the same job', async () => {
  const { plane } = setup()
  const again = () => post(plane, '/prompt', { prompt: GRAPH }, { 'idempotency-key': 'k-1', ...as('control') })
  const first = await (await again()).json<{ prompt_id: string }>()
  expect((await (await again()).json<{ prompt_id: string }>()).prompt_id).toBe(first.prompt_id)
  expect(plane.callsOf('POST')).toHaveLength(1)
})

it('the answer to a repeated submit is read by the pages that control names', async () => {
  const { plane } = setup()
  const origin = 'https://app.example'
  const again = (more: Record<string, string>) =>
    post(plane, '/prompt', { prompt: GRAPH }, { 'idempotency-key': 'k-1', ...as('control'), ...more })
  await again({})
  plane.answer = () => new Response(null, { status: 204, headers: { 'access-control-allow-origin': origin } })
  const { status, headers } = await again({ origin })
  expect([status, headers.get('access-control-allow-origin')]).toEqual([200, origin])
})

describe('an input', () => {
  const I2V = (image: string) => ({ ...GRAPH, '52': { class_type: 'LoadImage', inputs: { image, upload: 'image' } } })

  async function upload(plane: DataPlane, arm: Arm, user = 'ann', file = 'fox.png') {
    const form = new FormData()
    form.append('image', new File(['x'], file))
    const response = await plane.request('POST', '/upload/image', { headers: as(arm, user), body: form })
    return response.json<{ name: string; subfolder: string; type: string }>()
  }

  it('whose server takes it and breaks off is a broken connection, which no client is invited to repeat', async () => {
    const { plane } = setup()
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error('reset')) })
    plane.answer = () => new Response(body, { headers: { 'content-type': 'application/json' } })
    const form = new FormData()
    form.append('image', new File(['x'], 'fox.png'))
    const answered = await plane.request('POST', '/upload/image', { headers: as('control'), body: form })
    expect([answered.status, await codeOf(answered)]).toEqual([502, 'upstream_unreachable'])
    expect(answered.headers.get('x-should-retry')).toBe('false')
    expect(plane.counted('other')).toEqual({ 'control unreachable': 1 })
  })

  it.each(['control', 'candidate'] as const)(
    'that was uploaded to the %s decides the arm of what names it',
    async (arm) => {
      const { plane } = setup()
      const named = await upload(plane, arm)
      expect(named).toEqual({ name: expect.stringMatching(/^slc_.*_slc$/) as unknown, subfolder: '', type: 'input' })
      const other = arm === 'control' ? 'candidate' : 'control'
      await submit(plane, other, { prompt: I2V(named.name) })
      const sent = plane.calls.at(-1)!
      expect(sent.url.hostname).toBe(`${arm}.test`)
      expect((JSON.parse(sent.body) as { prompt: ReturnType<typeof I2V> }).prompt['52'].inputs.image).toBe('fox.png')
      await plane.request('GET', fileUrl({ ...named, filename: named.name }), { headers: as(other) })
      expect(plane.calls.at(-1)!.url.href).toBe(`http://${arm}.test/view?type=input&filename=fox.png&subfolder=`)
    },
  )

  it('is nobody else’s, and goes into no copy', async () => {
    const { plane } = setup()
    const { name } = await upload(plane, 'control')
    const refused = await post(plane, '/prompt', { prompt: I2V(name) }, as('control', 'bob'))
    expect([refused.status, await codeOf(refused)]).toEqual([404, 'job_not_found'])
    plane.stage('objects', { state: 'shadow', shadow: { ...SHADOW, sample: 1 } })
    await submit(plane, 'control', { prompt: I2V(name) })
    expect(plane.calls.filter(({ url }) => url.hostname === 'candidate.test')).toEqual([])
  })

  it('is what a mask may be drawn on', async () => {
    const { plane } = setup()
    const { name } = await upload(plane, 'candidate')
    const form = new FormData()
    form.append('image', new File(['mask'], 'mask.png'))
    form.append('original_ref', JSON.stringify({ filename: name, subfolder: '', type: 'input' }))
    await plane.request('POST', '/upload/mask', { headers: as('control'), body: form })
    const sent = plane.calls.at(-1)!
    expect([sent.url.hostname, sent.url.pathname]).toEqual(['candidate.test', '/upload/mask'])
    expect(sent.body).toContain('{"filename":"fox.png","subfolder":"","type":"input"}')
  })

  it('leads to nobody’s results, however it is named', async () => {
    const { plane } = setup({ legacy_ids: 'refuse' })
    const { name } = await upload(plane, 'control', 'ann', 'ComfyUI_00001_.mp4 [output]')
    const asked = [name, 'ComfyUI_00001_.mp4 [output]'].map((filename) =>
      plane.request('GET', fileUrl({ filename, subfolder: '', type: 'input' }), { headers: as('control') }),
    )
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([404, 404])
    const original_refs = [
      { filename: 'ComfyUI_00001_.png', type: 'output' },
      { filename: 'ComfyUI_00001_.png' },
      { filename: 'ComfyUI_00001_.png [temp]', type: 'input' },
    ]
    for (const original of original_refs) {
      const form = new FormData()
      form.append('image', new File(['mask'], 'mask.png'))
      form.append('original_ref', JSON.stringify(original))
      const drawn = await plane.request('POST', '/upload/mask', { headers: as('control'), body: form })
      expect([drawn.status, await codeOf(drawn)]).toEqual([404, 'job_not_found'])
    }
    expect(plane.calls.map(({ url }) => url.pathname)).toEqual(['/upload/image'])
  })
})

it('a job from before Sluice is found at whichever of control’s replicas has it', async () => {
  const replicas = { urls: ['http://candidate.test', 'http://control.test'] }
  const { plane, control: second } = setup({ arms: { control: replicas, candidate: { url: 'http://none.test' } } })
  const url = new URL('http://control.test/prompt')
  const made = second.answer({ method: 'POST', url, headers: new Headers(), body: JSON.stringify({ prompt: GRAPH }) })
  const { prompt_id: id } = await made.json<{ prompt_id: string }>()
  const asked = () => plane.calls.splice(0).map((call) => call.url.host)
  // The history of a server without the job is that of one which has not finished it.
  expect(await get(plane, `/history/${id}`)).toEqual({})
  expect(asked()).toEqual(['candidate.test', 'control.test'])
  pass(20)
  expect((await history(plane, id))?.status).toMatchObject({ status_str: 'success' })
  expect(await get(plane, '/history/never')).toEqual({})
  // One that a replica has needs no other.
  replicas.urls.reverse()
  const { plane: other } = setup({ arms: { control: replicas, candidate: { url: 'http://none.test' } } })
  other.answer = plane.answer
  expect(await history(other, id)).toBeDefined()
  expect(other.calls.map((call) => call.url.host)).toEqual(['control.test'])
})

describe('a job from before Sluice at control’s second replica', () => {
  const FIRST = 'candidate.test'
  const SECOND = 'control.test'

  /** One job at each replica, neither of which Sluice has seen; they run after five seconds. */
  async function before(isOld = false) {
    const replicas = { urls: [`http://${FIRST}`, `http://${SECOND}`] }
    const { plane } = setup({ arms: { control: replicas, candidate: { url: 'http://none.test' } } }, isOld)
    const at = async (host: string, method: string, path: string, body: unknown = {}) => {
      const url = new URL(`http://${host}${path}`)
      const answered = await plane.answer({ method, url, headers: new Headers(), body: JSON.stringify(body) })
      return (await answered!.json()) as Record<string, unknown>
    }
    const made = async (host: string, file: string) => {
      const prompt = JSON.parse(JSON.stringify(GRAPH).replaceAll(FILES.control, file)) as object
      return (await at(host, 'POST', '/prompt', { prompt }))['prompt_id'] as string
    }
    return { plane, at, others: await made(FIRST, FILES.candidate), id: await made(SECOND, FILES.control) }
  }

  it('is taken out of the queue there', async () => {
    const { plane, at, others, id } = await before()
    expect((await post(plane, '/queue', { delete: [id] })).status).toBe(200)
    expect(await at(SECOND, 'GET', '/queue')).toMatchObject({ queue_pending: [] })
    expect(await at(FIRST, 'GET', '/queue')).toMatchObject({ queue_pending: [expect.arrayContaining([others])] })
  })

  it('is taken out of the history there', async () => {
    const { plane, at, others, id } = await before()
    pass(20)
    expect((await post(plane, '/history', { delete: [id] })).status).toBe(200)
    expect(await at(SECOND, 'GET', `/history/${id}`)).toEqual({})
    expect(await at(FIRST, 'GET', `/history/${others}`)).toHaveProperty(others)
  })

  it.each([false, true])('is interrupted there, and nothing else is: an older build is %s', async (isOld) => {
    const { plane, at, others, id } = await before(isOld)
    pass(5)
    for (const prompt_id of [id, 'never']) expect((await post(plane, '/interrupt', { prompt_id })).status).toBe(200)
    const interrupts = plane.calls.filter(({ url }) => url.pathname === '/interrupt')
    expect(interrupts.map(({ url }) => url.host)).toEqual([SECOND])
    expect(await at(SECOND, 'GET', `/history/${id}`)).toHaveProperty(id)
    expect(await at(FIRST, 'GET', `/history/${others}`)).toEqual({})
  })

  it('is not known to be stopped while a replica can’t be asked', async () => {
    const { plane, at, id } = await before()
    const { answer } = plane
    plane.answer = (call) => (call.url.host === FIRST ? null : answer(call))
    for (const [path, body] of [
      ['/queue', { delete: [id] }],
      ['/interrupt', { prompt_id: id }],
    ] as const)
      expect((await post(plane, path, body)).status).toBe(502)
    plane.answer = answer
    expect(await at(SECOND, 'GET', '/queue')).toMatchObject({ queue_pending: [] })
  })
})

it('a file from before Sluice is control’s while `legacy_ids` says so', async () => {
  const files = async (more: object) => {
    const { plane } = setup(more)
    const answered = await plane.request('GET', '/view?filename=old.mp4&subfolder=video', { headers: as('control') })
    return [answered.status, plane.calls.map(({ url }) => url.href)]
  }
  expect(await files({})).toEqual([404, ['http://control.test/view?filename=old.mp4&subfolder=video']])
  expect(await files({ legacy_ids: 'refuse' })).toEqual([404, []])
})
