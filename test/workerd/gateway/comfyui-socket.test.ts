/** ComfyUI's WebSocket through the gateway, with real sockets on both sides: whose messages a client gets, and how it ends. */
import { describe, expect, it, vi } from 'vitest'
import { HEALTHY } from '../../../demo/faults.ts'
import { type Arm, as, GRAPH, post, setup, SHADOW, submit } from '../../support/workerd/comfy.ts'
import { codeOf, type DataPlane, inStillTime, until } from '../../support/workerd/data-plane.ts'

interface Message {
  type: string
  data: Record<string, unknown> & { output?: { images: { filename: string; subfolder: string; type: string }[] } }
}

const pass = (seconds: number) => vi.setSystemTime(Date.now() + 1000 * seconds)

/** A client's socket, and what it has been sent. */
async function listen(plane: DataPlane, arm: Arm, user = 'ann', query = '?clientId=me') {
  const response = await plane.connect(`/ws${query}`, as(arm, user))
  expect(response.status).toBe(101)
  const socket = response.webSocket!
  const messages: Message[] = []
  const frames: Uint8Array[] = []
  const closed: { code: number; reason: string }[] = []
  socket.addEventListener('message', ({ data }) => {
    if (typeof data === 'string') messages.push(JSON.parse(data) as Message)
    else frames.push(new Uint8Array(data as ArrayBuffer))
  })
  socket.addEventListener('close', ({ code, reason }) => void closed.push({ code, reason }))
  socket.binaryType = 'arraybuffer'
  socket.accept()
  await until('the first status', () => messages.length > 0)
  const types = () => messages.filter(({ type }) => type !== 'status').map(({ type }) => type)
  return { response, socket, messages, frames, closed, types }
}

const ALL = [
  ...['execution_start', 'execution_cached', 'executing', 'progress', 'progress', 'progress', 'progress'],
  ...['executed', 'execution_success', 'executing'],
]

inStillTime()

describe.each(['control', 'candidate'] as const)('a socket of the %s', (arm) => {
  it('tells of the caller’s job, in order, by its own id, with pictures, and where its file is', async () => {
    const { plane, [arm]: backend } = setup()
    const { response, messages, frames, types } = await listen(plane, arm)
    expect(response.headers.get('x-request-id')).not.toBeNull()
    expect(messages[0]).toMatchObject({ type: 'status', data: { sid: 'me' } })
    const id = await submit(plane, arm)
    pass(20)
    backend.server.tick()
    await until('its end', () => types().length === ALL.length)
    expect(types()).toEqual(ALL)
    for (const { type, data } of messages) if (type !== 'status') expect(data['prompt_id']).toBe(id)
    expect(frames).toHaveLength(4)
    expect([...frames[0]!.subarray(0, 8)]).toEqual([0, 0, 0, 1, 0, 0, 0, 1])
    const [file] = messages.find(({ type }) => type === 'executed')!.data.output!.images
    const film = await plane.request('GET', `/view?${new URLSearchParams(file).toString()}`, { headers: as('control') })
    expect(await film.text()).toMatch(/^film of /)
    expect(plane.counted('other')).toMatchObject({ [`${arm} ok`]: 1 })
  })

  it('tells of jobs at the other arm as well, as after a change of stage', async () => {
    const { plane, ...backends } = setup()
    const other = arm === 'control' ? 'candidate' : 'control'
    const { messages, types } = await listen(plane, arm)
    const id = await submit(plane, other)
    pass(20)
    backends[other].server.tick()
    await until('its end', () => types().length === ALL.length)
    expect(messages.filter(({ data }) => 'prompt_id' in data).every(({ data }) => data['prompt_id'] === id)).toBe(true)
    // How long the queue is, is told by the socket's own arm only.
    expect(messages.filter(({ type }) => type === 'status')).toHaveLength(1)
  })

  it('ends as the backend ends it, after what came before', async () => {
    const { plane, [arm]: backend } = setup()
    const { socket, types, closed } = await listen(plane, arm)
    await submit(plane, arm)
    pass(20)
    backend.server.tick()
    backend.sockets.at(-1)!.close(4001, 'restarts')
    await until('it is closed', () => closed.length > 0)
    expect(types()).toEqual(ALL)
    expect(closed).toEqual([{ code: 4001, reason: 'restarts' }])
    expect(socket.readyState).toBeGreaterThanOrEqual(2)
  })

  it('ends at both backends when its client ends it', async () => {
    const { plane, control, candidate } = setup()
    const seen: number[] = []
    const { socket } = await listen(plane, arm)
    for (const { sockets } of [control, candidate])
      sockets[0]!.addEventListener('close', ({ code }) => void seen.push(code))
    socket.close(3001, 'enough')
    await until('both know', () => seen.length === 2)
    expect(seen).toEqual([3001, 3001])
  })
})

describe('what a client sends', () => {
  it('reaches all backends as it is', async () => {
    const { plane, control, candidate } = setup()
    const { socket } = await listen(plane, 'control')
    const flags = '{"type": "feature_flags", "data": {"supports_preview_metadata": true}}'
    socket.send(flags)
    socket.send(Uint8Array.from([1, 2, 3]))
    await until('both have it', () => control.received.length === 2 && candidate.received.length === 2)
    expect(control.received[0]).toBe(flags)
    expect([...new Uint8Array(candidate.received[1] as ArrayBuffer)]).toEqual([1, 2, 3])
  })
})

describe('what is not the caller’s', () => {
  it('stays away, also where the server tells it to everybody, with its pictures', async () => {
    const { plane, control } = setup()
    const bob = await listen(plane, 'control', 'bob')
    const ann = await listen(plane, 'control')
    // Without a name to listen under, a job is told of to all.
    await submit(plane, 'control', { client_id: undefined })
    pass(20)
    control.server.tick()
    await until('ann knows', () => ann.types().length === ALL.length)
    expect(bob.types()).toEqual([])
    expect([bob.frames.length, ann.frames.length]).toEqual([0, 4])
  })

  it('is not heard under another’s name', async () => {
    const { plane, control } = setup()
    const ann = await listen(plane, 'control')
    const bob = await listen(plane, 'control', 'bob')
    await submit(plane, 'control')
    pass(20)
    control.server.tick()
    await until('ann knows', () => ann.types().length === ALL.length)
    expect(bob.types()).toEqual([])
    expect(
      plane.calls.filter(({ url }) => url.pathname === '/ws').map(({ url }) => url.search.replace(/[0-9a-f]{12}/, 'X')),
    ).toEqual(Array.from({ length: 4 }, () => '?clientId=slc-X-me'))
  })

  it('is a shadow’s copy, too', async () => {
    const { plane, candidate } = setup()
    plane.stage('objects', { state: 'shadow', shadow: { ...SHADOW, sample: 1 } })
    const { types } = await listen(plane, 'control')
    await submit(plane, 'control')
    await until('the copy is sent', () => plane.callsOf('POST').some(({ url }) => url.hostname === 'candidate.test'))
    pass(20)
    candidate.server.tick()
    candidate.sockets[0]!.send('{"type":"executing","data":{"prompt_id":"somebody","node":"1"}}')
    await submit(plane, 'candidate')
    pass(20)
    candidate.server.tick()
    await until('the own job is told of', () => types().length === ALL.length)
    expect(types()).toEqual(ALL)
  })
})

it('a client that chose its job’s id hears of it by that', async () => {
  const { plane, candidate } = setup()
  const { messages, types } = await listen(plane, 'candidate')
  await submit(plane, 'candidate', { prompt_id: 'b1c0a7a0-2f9e-4a53-8a35-64c3c1f2e0aa' })
  pass(20)
  candidate.server.tick()
  await until('its end', () => types().length === ALL.length)
  expect(messages.find(({ type }) => type === 'execution_success')!.data['prompt_id']).toBe(
    'b1c0a7a0-2f9e-4a53-8a35-64c3c1f2e0aa',
  )
})

it('a job that could not be found at first is asked for again', async () => {
  const { plane, control } = setup()
  const { messages, types } = await listen(plane, 'control')
  const id = '0d4be0a6-7d0b-4f0a-8d57-5f6a9a5c7e11'
  const tell = (node: string) => {
    control.sockets[0]!.send(JSON.stringify({ type: node, data: { prompt_id: id } }))
    control.sockets[0]!.send('{"type":"status","data":{}}')
  }
  tell('too-early')
  await until('what came behind it is told', () => messages.length === 2)
  await submit(plane, 'control', { prompt_id: id })
  pass(6)
  tell('known')
  await until('it is told of', () => types().includes('known'))
  expect(types()).toEqual(['known'])
})

it('a preview with metadata names the job as its client does', async () => {
  const { plane, control } = setup()
  const { frames } = await listen(plane, 'control')
  const id = await submit(plane, 'control')
  const { queue_pending: queued } = await control
    .answer({ method: 'GET', url: new URL('http://control.test/queue'), headers: new Headers(), body: '' })
    .json<{ queue_pending: [number, string][] }>()
  const metadata = new TextEncoder().encode(JSON.stringify({ node_id: '57', prompt_id: queued[0]![1] }))
  control.sockets[0]!.send(Uint8Array.from([0, 0, 0, 4, 0, 0, 0, metadata.length, ...metadata, 0xff, 0xd8]))
  await until('it has come', () => frames.length > 0)
  const text = new TextDecoder().decode(frames[0]!.subarray(8, -2))
  expect(JSON.parse(text)).toEqual({ node_id: '57', prompt_id: id })
  expect([...frames[0]!.subarray(-2)]).toEqual([0xff, 0xd8])
})

describe('a job that fails at the candidate', () => {
  const fails = async (more: object) => {
    const { plane, control, candidate } = setup(more)
    candidate.state.faults = { ...HEALTHY, job_failure_rate: 1 }
    const { messages, types } = await listen(plane, 'candidate')
    const id = await submit(plane, 'candidate')
    pass(20)
    candidate.server.tick()
    await until('its end', () => types().at(-1) === 'executing' && types().length > 3)
    const jobs = await plane.request('GET', '/api/jobs', { headers: as('control') })
    return { plane, control, types, messages, jobs: await jobs.json<{ jobs: { id: string; status: string }[] }>(), id }
  }

  it('is told as it is, and known by the ledger without a poll', async () => {
    const { types, jobs, id } = await fails({})
    expect(types()).toContain('execution_error')
    expect(jobs.jobs).toMatchObject([{ id, status: 'failed' }])
  })

  it('goes on at control with `rescue`, of which its client hears, and of no failure', async () => {
    const { plane, types, messages, control, id } = await fails({ name: 'comfy', rescue: true })
    // Answered when control has it.
    expect(await (await plane.request('GET', `/history/${id}`, { headers: as('control') })).json()).toEqual({})
    pass(20)
    control.server.tick()
    await until('its end', () => messages.some(({ type }) => type === 'execution_success'))
    expect(types()).not.toContain('execution_error')
    expect(messages.find(({ type }) => type === 'execution_success')!.data['prompt_id']).toBe(id)
  })
})

describe('a backend', () => {
  const down = (host: string) => {
    const made = setup()
    const { answer } = made.plane
    made.plane.answer = (call) => (call.url.hostname === host && call.url.pathname === '/ws' ? null : answer(call))
    return made
  }

  it('that can’t be reached ends nobody’s socket but its own callers’', async () => {
    const { plane, control } = down('candidate.test')
    const { types, closed } = await listen(plane, 'control')
    await submit(plane, 'control')
    pass(20)
    control.server.tick()
    await until('its end', () => types().length === ALL.length)
    expect(closed).toEqual([])
    const refused = await plane.connect('/ws?clientId=me', as('candidate'))
    expect([refused.status, await codeOf(refused)]).toEqual([502, 'upstream_unreachable'])
    expect(plane.counted('other')).toMatchObject({ 'control ok': 1 })
  })

  it('that ends another arm’s socket ends nobody’s', async () => {
    const { plane, control, candidate } = setup()
    const { types, closed } = await listen(plane, 'control')
    candidate.sockets[0]!.close(1012, 'restarts')
    await submit(plane, 'control')
    pass(20)
    control.server.tick()
    await until('its end', () => types().length === ALL.length)
    expect(closed).toEqual([])
  })

  it('that refuses is passed on in its own words', async () => {
    const { plane } = setup()
    const { answer } = plane
    plane.answer = (call) => (call.url.pathname === '/ws' ? new Response('no', { status: 403 }) : answer(call))
    const refused = await plane.connect('/ws', as('control'))
    expect([refused.status, await refused.text()]).toEqual([403, 'no'])
  })

  it('that sends more than a client may be sent is ended', async () => {
    const { plane, control } = setup()
    const { closed } = await listen(plane, 'control')
    control.sockets[0]!.send(new Uint8Array(8 * 1024 * 1024 + 1))
    await until('it is closed', () => closed.length > 0)
    expect(closed[0]!.code).toBe(1009)
  })
})

it('a graph that names no client is not heard by one that has no name either', async () => {
  const { plane, control } = setup()
  const ann = await listen(plane, 'control', 'ann', '')
  expect((await post(plane, '/prompt', { prompt: GRAPH }, as('control', 'bob'))).status).toBe(200)
  pass(20)
  control.server.tick()
  await submit(plane, 'control', { client_id: undefined })
  pass(20)
  control.server.tick()
  await until('ann’s job is told of', () => ann.types().length === ALL.length)
  expect(ann.types()).toEqual(ALL)
})
