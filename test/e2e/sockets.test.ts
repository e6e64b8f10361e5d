/**
 * What only real connections show: uploads that are refused, statuses that no HTTP library sends, connections that break
 * on either side, a power cut. What follows from them is shown in test/workerd/gateway.
 */
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startBackend } from '../../demo/backend.ts'
import { ARMS } from '../../src/core/arm.ts'
import { COMFY_MODELS, ComfyClient, type Heard } from '../support/comfy-client.ts'
import { ControlClient, eventually } from '../support/control-client.ts'
import { call, poll, pollToEnd, submit } from '../support/data-plane.ts'
import { drops, jobOf, OddBackend, sendJson } from '../support/odd-backend.ts'
import { type Backends, Gateway, release, tokenOf, urlsOf } from '../support/processes.ts'
import { upload } from '../support/uploads.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const ADMIN = { authorization: `Bearer ${tokenOf('admin')}` }
const SIZES = [11, 40, 25, 11]

let control: OddBackend
let early: Server
const sockets: Socket[] = []
let comfy: Backends
let gateway: Gateway

beforeAll(async () => {
  control = await OddBackend.start('control')
  early = createServer(refuseEarly)
  await new Promise<void>((resolve) => early.listen(0, '127.0.0.1', resolve))
  const earlyUrl = `http://127.0.0.1:${(early.address() as AddressInfo).port}`
  const comfyAt = (name: 'control' | 'candidate') =>
    startBackend({ name, protocol: 'comfyui', model: COMFY_MODELS[name], jobSeconds: 1.5, clip: name })
  comfy = { control: await comfyAt('control'), candidate: await comfyAt('candidate') }
  const site = { url: earlyUrl, timeout: '10s' }
  gateway = new Gateway({
    sluice: { max_body_bytes: 100_000 },
    releases: {
      A: { name: 'site', protocol: 'http', match: { paths: ['/site'] }, arms: { control: site, candidate: site } },
      AC: release('comfy', urlsOf(comfy), {
        protocol: 'comfyui',
        match: { paths: ['/prompt', '/history', '/queue', '/interrupt', '/view', '/ws'] },
        arms: { control: { model: COMFY_MODELS.control }, candidate: { model: COMFY_MODELS.candidate } },
      }),
      AB: release(
        'rescued',
        { control: control.url, candidate: `${control.url}/candidate` },
        { match: { paths: ['/v1'], models: ['rescued'] }, rescue: true },
      ),
      B: release('videos', { control: control.url, candidate: control.url }, { match: { paths: ['/v1'] } }),
    },
  })
  await gateway.start()
})

afterEach(() => {
  control?.asUsual()
})

afterAll(async () => {
  await gateway?.remove()
  for (const socket of sockets) socket.destroy()
  early?.close()
  await Promise.all([control?.close(), comfy?.control.close(), comfy?.candidate.close()])
})

/** A backend that answers as soon as it has read the headers, and then does with the body what the path says. */
function refuseEarly(socket: Socket): void {
  sockets.push(socket)
  socket.on('error', () => undefined)
  socket.once('data', (head: Buffer) => {
    const [, way] = /^POST \/site\/(\w+)/.exec(head.toString()) ?? []
    socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 8\r\nconnection: close\r\n\r\ntoo much')
    if (way === 'closes') socket.end()
    else if (way === 'stops') socket.pause()
    else socket.resume()
  })
}

/** What four clients at once see of the answer, by status and `read`, or of the error in its place. */
async function seenBy(path: string, headers: Record<string, string>, read: (text: string) => unknown) {
  const seen = await Promise.all(
    SIZES.map((megabytes, i) => upload({ url: gateway.url + path, megabytes, chunked: i % 2 === 1, headers })),
  )
  return seen.map((each) => (typeof each === 'string' ? each : [each.status, read(each.text)]))
}

const codeOf = (text: string) => (JSON.parse(text) as { error: { code: string } }).error.code

describe('a body many times too large', () => {
  it.each([
    ['/v1/videos', 413, 'body_too_large', JSON_TYPE],
    ['/v1/videos', 415, 'unsupported_media_type', { 'content-encoding': 'br' }],
    ['/v1/videos', 403, 'override_not_allowed', { 'x-sluice-arm': 'candidate' }],
    ['/nowhere', 404, 'not_found', {}],
    ['/_sluice/api/v1/signals', 401, 'unauthenticated', JSON_TYPE],
    ['/_sluice/api/v1/signals', 413, 'body_too_large', { ...JSON_TYPE, ...ADMIN }],
    ['/_sluice/releases/videos/config', 413, 'body_too_large', ADMIN],
  ])('is refused in whole words: %s, %i', async (path, status, code, headers) => {
    const seen = await seenBy(path, { 'x-user-id': 'uwe', ...headers }, codeOf)
    expect(seen).toEqual(SIZES.map(() => [status, code]))
    expect(control.calls).toEqual([])
  })

  it.each(['closes', 'stops', 'reads'])('is refused in its backend’s words, which then %s', async (way) => {
    const seen = await seenBy(`/site/${way}`, {}, (text) => text)
    expect(seen).toEqual(SIZES.map(() => [413, 'too much']))
  })
})

describe('a backend', () => {
  const refused = async () => {
    const before = control.submits.length
    const reply = await submit(gateway, 'ann')
    return [reply.status, codeOf(reply.text), reply.headers.get('x-should-retry'), control.submits.length - before]
  }

  it.each([101, 304, 600, 999])('that answers a submit with status %i is asked once', async (status) => {
    const head = `HTTP/1.1 ${status} Odd\r\ncontent-type: application/json\r\nconnection: close\r\n`
    control.answers((_, response) => void response.socket!.end(`${head}content-length: 2\r\n\r\n{}`))
    expect(await refused()).toEqual([502, 'upstream_invalid', 'false', 1])
  })

  it('that drops the connection of a submit is asked once', async () => {
    control.answers(drops)
    expect(await refused()).toEqual([502, 'upstream_unreachable', 'false', 1])
  })

  it('whose answer breaks off is unreachable, and no timeout', async () => {
    control.answers((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 })
      response.write('{"id":"v', () => response.destroy())
    })
    expect(await refused()).toEqual([502, 'upstream_unreachable', 'false', 1])
  })
})

it('headers go on byte by byte, whether they are UTF-8 or not', async () => {
  // As Node has headers, a character is a byte.
  const latin1 = { 'content-disposition': 'attachment; filename="caf\xe9.mp4"' }
  const utf8 = { 'x-title': 'caf\xc3\xa9' }
  for (const more of [utf8, { ...utf8, ...latin1 }]) {
    control.asUsual()
    const { id } = await submit(gateway, 'olga')
    const raw = control.lastId
    const sent = { ...JSON_TYPE, ...more, server: 'odd', 'content-location': `/v1/videos/${raw}` }
    control.answers((_, response, backend) => response.writeHead(200, sent).end(JSON.stringify(jobOf(backend, raw))))
    const { headers, text } = await poll(gateway, id, 'olga')
    const shown = { ...JSON_TYPE, ...more, 'content-location': `/v1/videos/${id}`, 'x-sluice-arm': 'control' }
    expect(Object.fromEntries(headers)).toMatchObject(shown)
    expect([headers.has('server'), JSON.parse(text).id]).toEqual([false, id])
  }
  control.answers((_, response) => response.writeHead(500, { ...latin1, server: 'odd' }).end())
  const { headers } = await submit(gateway, 'olga')
  expect(Object.fromEntries(headers)).toMatchObject({ ...latin1, 'x-should-retry': 'false', 'x-sluice-arm': 'control' })
  expect(headers.has('server')).toBe(false)
})

it('polls are answered though the client whose poll they wait for has gone', async () => {
  const { id } = await submit(gateway, 'olga')
  const raw = control.lastId
  const polls = () => control.calls.filter(({ method, path }) => method === 'GET' && path.endsWith(raw))
  // The first one is never answered.
  control.answers((_, response, backend) => {
    if (polls().length > 1) sendJson(response, 200, jobOf(backend, raw))
  })
  const leaves = new AbortController()
  const left = call(gateway, 'GET', `/v1/videos/${id}`, 'olga', { signal: leaves.signal }).catch(() => 'left')
  await eventually('it is under way', polls, ({ length }) => length === 1)
  const others = Array.from({ length: 30 }, () => poll(gateway, id, 'olga'))
  leaves.abort()
  expect(new Set((await Promise.all(others)).map(({ status }) => status))).toEqual(new Set([200]))
  expect(await left).toBe('left')
})

it('a rescue that a power cut interrupts is made again under the same key, and its client sees no failure', async () => {
  const keys = () =>
    control.submits.map(({ headers }) => String(headers['idempotency-key'])).filter((key) => key.startsWith('rescue-'))
  control.answers(({ method, path }, response, backend) => {
    const status = method === 'POST' ? 'queued' : 'failed'
    if (path.startsWith('/candidate')) return sendJson(response, 200, jobOf(backend, 'v_1', { status }))
    // Control takes the first one and never says so.
    if (method === 'POST' && keys().length === 1) return
    sendJson(response, 200, jobOf(backend, 'v_1'))
  })
  const headers = { 'x-sluice-arm': 'candidate', authorization: `Bearer ${tokenOf('tester')}` }
  const { id } = await submit(gateway, 'cut-off', { model: 'rescued', headers })
  void poll(gateway, id, 'cut-off').catch(() => undefined)
  await eventually('control is asked', keys, ({ length }) => length === 1)
  await gateway.kill()
  await gateway.start()
  expect((await pollToEnd(gateway, id, 'cut-off')).status).toBe('completed')
  expect([keys().length, new Set(keys()).size]).toEqual([2, 1])
})

describe.each(ARMS)('a ComfyUI client at the %s', (arm) => {
  const headers = { 'x-user-id': 'fox', 'x-sluice-arm': arm, authorization: `Bearer ${tokenOf('tester')}` }
  const clip = readFileSync(new URL(`../../demo/${arm}.mp4`, import.meta.url))
  const isClip = (bytes: Uint8Array) => Buffer.from(bytes.subarray(0, clip.length)).equals(clip)
  const endsOf = async (end: string) =>
    (await new ControlClient(gateway, 'comfy').jobs()).filter((job) => job.arm === arm && job.outcome === end).length

  it('hears on its WebSocket how its job goes on, and downloads what was made', async () => {
    const heard: Heard = { messages: [], pictures: 0 }
    expect(isClip(await new ComfyClient(gateway.url, headers).make(heard))).toBe(true)
    const types = heard.messages.map(({ type }) => type)
    expect(types).toEqual(
      expect.arrayContaining(['status', 'execution_start', 'progress', 'executed', 'execution_success']),
    )
    expect(heard.pictures).toBe(4)
    const ids = heard.messages.flatMap(({ data }) => data.prompt_id ?? [])
    expect(new Set(ids).size).toBe(1)
    await eventually(
      'the ledger has it',
      () => endsOf('ok'),
      (n) => n === 1,
    )
  })

  it('polls, and cancels what waits or runs', async () => {
    const client = new ComfyClient(gateway.url, headers)
    expect(isClip(await client.poll())).toBe(true)
    const id = await client.submit()
    await client.cancel(id)
    await eventually(
      'the ledger has it',
      () => endsOf('cancelled'),
      (n) => n === 1,
    )
    expect(comfy[arm].submits.own).toBe(3)
  })
})

it('a WebSocket ends with the code that its backend ends it with', async () => {
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/ws?clientId=last`)
  const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener('close', resolve))
  await new Promise((resolve) => socket.addEventListener('message', resolve))
  await comfy.control.close()
  const { code, reason } = await closed
  expect([code, reason]).toEqual([1001, 'Server shutdown'])
})
