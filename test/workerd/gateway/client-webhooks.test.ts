/** Webhooks that clients ask for: sent to the gateway, counted, and delivered under the client's ids. */
import { describe, expect, it, vi } from 'vitest'
import { HEALTHY } from '../../../demo/faults.ts'
import { createFalQueue } from '../../../demo/fal-queue.ts'
import { createPredictions } from '../../../demo/predictions.ts'
import { type BackendCall, DataPlane, GATEWAY, inStillTime, TO_CANDIDATE } from '../../support/workerd/data-plane.ts'
import { demoBackend } from '../../support/workerd/demo-backend.ts'
import { counted, ledger } from '../../support/workerd/objects.ts'

const HOOK = 'https://hooks.client.example/done?for=ann'
const SECRET = `whsec_${btoa('a key of thirty-two bytes or more')}`
const WEBHOOK_OF_BACKEND = { 'webhook-id': 'msg_1', 'webhook-timestamp': '1', 'webhook-signature': 'v1,of-the-backend' }

interface Wire {
  path: string
  submit: (url: string) => { path: string; body: object }
  /** Where the backend was told to call. */
  hookIn: (call: BackendCall) => string
  /** What it sends there when its job has ended, by its own record. */
  delivery: (ask: Ask, id: string) => Promise<object>
  /** The id in a submit's answer, or in a delivery. */
  idIn: (delivery: object) => string
  /** Of a submit's answer, or of a delivery. */
  fileIn: (delivery: object) => string
}

const WIRES: Record<'replicate' | 'fal', Wire> = {
  replicate: {
    path: '/v1/models/acme/wan/predictions',
    submit: (webhook) => ({
      path: '/v1/models/acme/wan/predictions',
      body: { webhook, webhook_events_filter: ['completed'], input: { prompt: 'a red fox' } },
    }),
    hookIn: ({ body }) => (JSON.parse(body) as { webhook: string }).webhook,
    delivery: (ask, id) => ask(`/v1/predictions/${id}`).json(),
    idIn: (delivery) => (delivery as { id: string }).id,
    fileIn: (delivery) => (delivery as { output: string }).output,
  },
  fal: {
    path: '/fal-ai/wan/text-to-video',
    submit: (url) => ({
      path: `/fal-ai/wan/text-to-video?a=%20b&fal_webhook=${encodeURIComponent(url)}`,
      body: { prompt: 'a red fox' },
    }),
    hookIn: ({ url }) => url.searchParams.get('fal_webhook')!,
    delivery: async (ask, id) => {
      const answer = ask(`/fal-ai/wan/requests/${id}`)
      const error = answer.ok ? {} : { error: `Invalid status code: ${answer.status}` }
      const payload = await answer.json()
      return { request_id: id, gateway_request_id: id, status: answer.ok ? 'OK' : 'ERROR', payload, ...error }
    },
    idIn: (delivery) => (delivery as { request_id: string }).request_id,
    fileIn: (delivery) => (delivery as { payload: { video: { url: string } } }).payload.video.url,
  },
}

const backend = (wire: keyof typeof WIRES) =>
  demoBackend((common) =>
    wire === 'fal'
      ? createFalQueue({ apps: ['fal-ai/wan'], ...common })
      : createPredictions({ model: 'acme/wan', ...common }),
  )

type Ask = (path: string) => Response

function setup(wire: keyof typeof WIRES, more: object = {}) {
  const control = backend(wire)
  const candidate = backend(wire)
  const client = { calls: [] as BackendCall[], status: 204 }
  const arms = { control: { url: 'http://control.test' }, candidate: { url: 'http://candidate.test' } }
  let lastId = ''
  const plane = new DataPlane(
    { RELEASE_A: { name: 'objects', protocol: wire, arms, webhook_secret: 'HOOK_KEY', ...more }, HOOK_KEY: SECRET },
    async (call) => {
      const server = { 'control.test': control, 'candidate.test': candidate }[call.url.host]
      if (server) {
        const answer = server.answer(call)
        if (call.method === 'POST') lastId = WIRES[wire].idIn(await answer.clone().json())
        return answer
      }
      client.calls.push(call)
      const answer = new Response(null, { headers: client.status === 302 ? { location: '/x' } : {} })
      // No constructor takes each status that a server may send.
      return Object.defineProperties(answer, {
        status: { value: client.status },
        ok: { value: client.status >= 200 && client.status < 300 },
      })
    },
  )
  /** What this backend sends when the job that was made last has ended. */
  const delivery = (arm: 'control' | 'candidate') => {
    const ask = { method: 'GET', headers: new Headers(), body: '' }
    const { answer } = { control, candidate }[arm]
    return WIRES[wire].delivery((path) => answer({ ...ask, url: new URL(path, arms[arm].url) }), lastId)
  }
  return { plane, control, candidate, client, delivery }
}

const as = (arm: 'control' | 'candidate') => ({ 'x-user-id': 'ann', ...(arm === 'candidate' ? TO_CANDIDATE : {}) })

async function submit(plane: DataPlane, wire: keyof typeof WIRES, arm: 'control' | 'candidate', url = HOOK) {
  const { path, body } = WIRES[wire].submit(url)
  const response = await plane.request('POST', path, {
    headers: { 'content-type': 'application/json', ...as(arm) },
    body: JSON.stringify(body),
  })
  return { status: response.status, text: await response.text() }
}

/** As a backend sends it, which is nobody to the gateway. */
const post = (plane: DataPlane, url: string, delivery: object | string) =>
  plane.request('POST', url, {
    headers: { 'content-type': 'application/json', ...WEBHOOK_OF_BACKEND },
    body: typeof delivery === 'string' ? delivery : JSON.stringify(delivery),
  })

const pass = (seconds: number) => vi.setSystemTime(Date.now() + 1000 * seconds)

async function signature(id: string, timestamp: string, body: string): Promise<string> {
  const raw = Uint8Array.from(atob(SECRET.slice('whsec_'.length)), (char) => char.charCodeAt(0))
  const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const mac = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(`${id}.${timestamp}.${body}`))
  return `v1,${btoa(String.fromCharCode(...new Uint8Array(mac)))}`
}

inStillTime()

describe.each(['replicate', 'fal'] as const)('a webhook of %s', (wire) => {
  const { hookIn, idIn, fileIn } = WIRES[wire]

  it.each(['control', 'candidate'] as const)(
    'reaches the client of the %s, and the job’s end is counted',
    async (arm) => {
      const { plane, client, delivery } = setup(wire)
      const { text } = await submit(plane, wire, arm)
      const sent = plane.callsOf('POST')[0]!
      const hook = hookIn(sent)
      expect(hook).toMatch(new RegExp(`^${GATEWAY}/slc_[\\w-]+_slc/webhook$`))
      expect(sent.url.href + sent.body).not.toContain('client.example')
      if (wire === 'fal') expect(sent.url.search).toMatch(/^\?a=%20b&fal_webhook=http/)
      pass(20)
      const answered = await post(plane, hook, await delivery(arm))
      expect(answered.status).toBe(200)
      expect(client.calls).toHaveLength(1)
      const [got] = client.calls as [BackendCall]
      expect([got.method, got.url.href]).toEqual(['POST', HOOK])
      const body = JSON.parse(got.body) as { id?: string; webhook?: string }
      expect(idIn(body)).toBe(idIn(JSON.parse(text) as object))
      expect(got.body).not.toContain('.test:')
      expect(got.body).not.toContain('//control.test')
      expect(got.body).not.toContain('//candidate.test')
      if (wire === 'replicate') expect(body.webhook).toBe(HOOK)
      const film = await plane.request('GET', fileIn(body), { headers: as('control') })
      expect(await film.text()).toMatch(/^film of/)
      const timestamp = got.headers.get('webhook-timestamp')!
      expect(got.headers.get('webhook-id')).toBe('msg_1')
      expect(got.headers.get('webhook-signature')).toBe(await signature('msg_1', timestamp, got.body))
      expect(await counted(ledger(), 'job')).toEqual({ requests: 1, outcomes: {} })
    },
  )

  it('tells a failure as whose it is', async () => {
    const { plane, control, delivery } = setup(wire)
    control.state.faults = { ...HEALTHY, job_failure_rate: 1 }
    await submit(plane, wire, 'control')
    const sent = plane.callsOf('POST')[0]!
    pass(20)
    await post(plane, hookIn(sent), await delivery('control'))
    expect(await counted(ledger(), 'job')).toEqual({ requests: 1, outcomes: { job_failed: 1 } })
  })

  it.each([
    [500, 500],
    [410, 410],
    [302, 502],
    [700, 502],
    [100, 502],
  ])('is answered by the client’s own status: %i as %i, and follows nobody', async (status, expected) => {
    const { plane, client, delivery } = setup(wire)
    client.status = status
    await submit(plane, wire, 'control')
    const sent = plane.callsOf('POST')[0]!
    pass(20)
    const answered = await post(plane, hookIn(sent), await delivery('control'))
    expect([answered.status, await answered.text()]).toEqual([expected, ''])
    expect(client.calls).toHaveLength(1)
  })

  it.each([
    ['http://hooks.client.example/', 'must be https'],
    ['https://127.0.0.1/', 'no public name'],
    ['https://2130706433/', 'no public name'],
    ['https://0x7f.1/', 'no public name'],
    ['https://１２７。0.0.1/', 'no public name'],
    ['https://[::ffff:10.0.0.1]/', 'no public name'],
    ['https://LocalHost%2e/', 'no public name'],
    ['https://[::1]/', 'no public name'],
    ['https://localhost/', 'no public name'],
    ['https://metadata.google.internal/', 'no public name'],
    ['https://metadata.google.internal../', 'no public name'],
    ['https://localhost../', 'no public name'],
    ['https://backend.localdomain/', 'no public name'],
    ['https://backend/', 'no public name'],
    ['https://ann:secret@hooks.client.example/', 'credentials'],
    [`${GATEWAY}/v1/predictions`, 'leads back here'],
    ['ftp://hooks.client.example/', 'must be https'],
    ['hooks', 'no URL'],
  ])('to %s is refused before anything is sent', async (url, why) => {
    const { plane } = setup(wire)
    const { status, text } = await submit(plane, wire, 'control', url)
    expect(status).toBe(400)
    expect(text).toContain(why)
    expect(plane.calls).toEqual([])
  })
})

describe('where a webhook may go', () => {
  it('is not delivered where control goes on with a job that the candidate failed; control’s own is', async () => {
    const { hookIn, idIn } = WIRES.replicate
    const { plane, candidate, client, delivery } = setup('replicate', { rescue: true })
    candidate.state.faults = { ...HEALTHY, job_failure_rate: 1 }
    const { text } = await submit(plane, 'replicate', 'candidate')
    const sent = plane.callsOf('POST')[0]!
    pass(20)
    const failed = await post(plane, hookIn(sent), await delivery('candidate'))
    expect([failed.status, client.calls.length]).toEqual([200, 0])
    const again = plane.callsOf('POST').findLast(({ url }) => url.host === 'control.test')!
    pass(20)
    const done = await post(plane, hookIn(again), await delivery('control'))
    expect(done.status).toBe(200)
    expect(client.calls.map(({ body }) => idIn(JSON.parse(body) as object))).toEqual([idIn(JSON.parse(text) as object)])
  })

  it('no further than 1,024 characters', async () => {
    const { plane } = setup('replicate')
    const { status, text } = await submit(plane, 'replicate', 'control', `https://a.example/${'a'.repeat(1024)}`)
    expect([status, text]).toEqual([400, expect.stringContaining('more than 1024 characters')])
  })

  it('only the origins that are listed, where any are', async () => {
    const { plane } = setup('replicate', { webhook_origins: ['http://10.0.0.7:9000'] })
    expect((await submit(plane, 'replicate', 'control', 'http://10.0.0.7:9000/x')).status).toBe(201)
    expect((await submit(plane, 'replicate', 'control')).status).toBe(400)
  })

  it.each([{ client_webhooks: 'pass' }, { id_mode: 'native' }])('the backend calls it itself with %o', async (more) => {
    const { plane } = setup('replicate', more)
    expect((await submit(plane, 'replicate', 'control', 'http://10.0.0.7/')).status).toBe(201)
    expect(WIRES.replicate.hookIn(plane.calls[0]!)).toBe('http://10.0.0.7/')
  })

  it('nobody else can have anything called, or anything but a job told', async () => {
    const { plane, client } = setup('replicate')
    const { text } = await submit(plane, 'replicate', 'control')
    const hook = WIRES.replicate.hookIn(plane.calls[0]!)
    const { id } = JSON.parse(text) as { id: string }
    const altered = hook.replace(/slc_(.)/, (_, first: string) => `slc_${first === 'A' ? 'B' : 'A'}`)
    for (const url of [altered, `${GATEWAY}/${id}/webhook`, `${GATEWAY}/slc_x_slc/webhook`])
      expect((await post(plane, url, { id: 'p', status: 'failed' })).status).toBe(404)
    for (const body of ['', '[', '{}', '{"id":"p"}']) expect((await post(plane, hook, body)).status).toBe(400)
    expect((await plane.request('GET', hook, { headers: as('control') })).status).toBe(405)
    expect((await post(plane, hook, ' '.repeat(11_000_000))).status).toBe(413)
    expect(client.calls).toEqual([])
    // It opens nothing either: neither as a job nor as a file.
    const token = hook.split('/').at(-2)!
    for (const path of [`/v1/predictions/${token}`, `/${token}/file.mp4`])
      expect((await plane.request('GET', path, { headers: as('control') })).status).toBe(404)
  })

  it('an end that a backend tells of a job which nobody has submitted is counted nowhere', async () => {
    const { plane } = setup('replicate')
    await submit(plane, 'replicate', 'control')
    const hook = WIRES.replicate.hookIn(plane.calls[0]!)
    expect((await post(plane, hook, { id: 'invented', status: 'failed' })).status).toBe(200)
    expect(await counted(ledger(), 'job')).toMatchObject({ requests: 0 })
    expect((await plane.send('GET', '/v1/predictions', { as: 'ann' })).text).not.toContain('failed')
  })

  it.each(['succeeded', 'failed'] as const)(
    'an end that is told before the ledger has the job is counted: %s',
    async (status) => {
      const { plane } = setup('replicate')
      const other = setup('replicate').plane
      await submit(plane, 'replicate', 'control')
      plane.isSlowToFlush = true
      const { text } = await submit(plane, 'replicate', 'control')
      const hook = WIRES.replicate.hookIn(plane.callsOf('POST').at(-1)!)
      const { urls } = JSON.parse(text) as { urls: { get: string } }
      await plane.request('GET', urls.get, { headers: as('control') })
      const raw = plane.calls.at(-1)!.url.pathname.split('/').at(-1)!
      expect((await post(other, hook, { id: raw, status })).status).toBe(200)
      expect(await counted(ledger(), 'job')).toMatchObject({ requests: 0 })
      plane.isSlowToFlush = false
      await plane.send('GET', '/v1/predictions', { as: 'ann' })
      expect(await counted(ledger(), 'job')).toMatchObject({
        requests: 1,
        outcomes: status === 'failed' ? { job_failed: 1 } : {},
      })
    },
  )

  it('is the gateway’s under its older name, too', async () => {
    const { plane, client } = setup('replicate')
    const { path } = WIRES.replicate
    const body = { webhook_completed: HOOK, input: { prompt: 'a' } }
    await plane.send('POST', path, { as: 'ann', body })
    const sent = JSON.parse(plane.calls[0]!.body) as typeof body
    expect(sent.webhook_completed).toMatch(new RegExp(`^${GATEWAY}/slc_[^/]+/webhook$`))
    expect((await post(plane, sent.webhook_completed, { id: 'p', status: 'succeeded' })).status).toBe(200)
    expect(client.calls.map(({ url }) => url.href)).toEqual([HOOK])
    const refused = await plane.send('POST', path, {
      as: 'ann',
      body: { ...body, webhook_completed: 'http://10.0.0.1/' },
    })
    expect(refused.status).toBe(400)
  })

  it('its own client reads what it wrote, in every answer about the job', async () => {
    const { plane, control } = setup('replicate')
    const answer = plane.answer
    plane.answer = async (call) => {
      const answered = await answer(call)
      if (!answered || call.url.host !== 'control.test') return answered
      const hook = WIRES.replicate.hookIn(plane.callsOf('POST')[0]!)
      return Response.json({ ...(await answered.json<object>()), webhook: hook, logs: `will call ${hook}.` })
    }
    const { text } = await submit(plane, 'replicate', 'control')
    expect(JSON.parse(text)).toMatchObject({ webhook: HOOK, logs: `will call ${HOOK}.` })
    const { urls } = JSON.parse(text) as { urls: { get: string } }
    const polled = await plane.request('GET', urls.get, { headers: as('control') })
    expect(await polled.json()).toMatchObject({ webhook: HOOK, logs: `will call ${HOOK}.` })
    expect(control.state.faults).toBe(HEALTHY)
  })
})
