/**
 * A shadow that misbehaves changes nothing for control's clients: the same bytes as without shadowing, also for the
 * second request on one connection, and no answer waits for the shadow.
 */
import { type IncomingMessage, Agent, createServer, request, type Server, type ServerResponse } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Backend, startBackend } from '../../demo/backend.ts'
import { freePort } from '../../demo/free-port.ts'
import { ControlClient, eventually } from '../support/control-client.ts'
import { routedBy } from '../support/data-plane.ts'
import { CONTROL_MODEL, Gateway, release } from '../support/processes.ts'

const RELEASE = 'wan22_t2v_abtest'
const SHADOW_TIMEOUT_S = 8
/** Under these a copy ends only when the gateway gives it up. */
const ENDLESS: readonly (Fault | null)[] = ['hang', 'drip', 'no_read']

let controlBackend: Backend
let shadow: OddServer
let gateway: Gateway
let control: ControlClient
let plain: Record<string, unknown>[]

beforeAll(async () => {
  controlBackend = await startBackend({ name: 'control', model: CONTROL_MODEL, jobSeconds: 60 })
  shadow = await OddServer.start()
  const urls = { control: controlBackend.url, candidate: shadow.url }
  const arms = { candidate: { timeout: `${SHADOW_TIMEOUT_S}s` } }
  gateway = new Gateway({ releases: { A: release(RELEASE, urls, { arms }) } })
  await gateway.start()
  control = new ControlClient(gateway, RELEASE)
  plain = await story('idle')
  await control.act('start')
  await routedBy(gateway, 'shadow')
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([controlBackend?.close(), shadow?.close()])
})

describe('control is answered byte for byte as without shadowing', () => {
  beforeEach(() => shadow.healthy())

  it('while the shadow works', async () => {
    await expectSame()
    // Until they are known: the next test cuts the connections of whatever is still under way.
    await control.until('every copy is a job', ({ shadow: { funnel } }) => {
      const isAll = funnel.submitted === funnel.sampled && funnel.submitted === shadow.submits
      return isAll && funnel.submitted >= 2
    })
  })

  it('while the shadow is down', async () => {
    await shadow.close()
    try {
      await expectSame()
      await control.until('both copies are lost', (view) => view.shadow.dropped['submit_unreachable'] === 2)
    } finally {
      await shadow.listen()
    }
  })

  it.each(['hang', 'drip', 'huge', 'no_read', 'reset', 'status_500', 'garbage'] as const)(
    'while the shadow does this: %s',
    async (fault) => {
      const before = shadow.submits
      shadow.fault = fault
      await expectSame()
      await eventually(
        'the copies are at the shadow',
        () => shadow.submits,
        (n) => n >= before + 2,
      )
    },
  )

  it('and what became of the copies is counted by reason', async () => {
    const { shadow: counted } = await control.until(
      'every copy has ended or is a job',
      (view) => Object.values(view.shadow.dropped).reduce((sum, n) => sum + n, 0) >= 16,
    )
    // Two copies for each fault.
    expect(counted.dropped).toEqual({
      submit_timeout: 2 * ['hang', 'drip', 'no_read'].length,
      submit_unreachable: 2 * ['down', 'reset'].length,
      submit_http_5xx: 2 * ['status_500'].length,
      submit_bad_output: 2 * ['huge', 'garbage'].length,
    })
  })
})

async function expectSame(): Promise<void> {
  expect(await story('shadow')).toEqual(plain)
}

/** Two submits and a poll on one connection, with everything in the answers that may not differ. */
async function story(stage: string): Promise<Record<string, unknown>[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  try {
    const first = await exchange(agent, 'POST', '/v1/videos', formOf('a red fox runs through snow'))
    expectNotWaited(0)
    const second = await exchange(agent, 'POST', '/v1/videos', formOf('雨夜的霓虹街道，镜头缓慢推进'))
    expectNotWaited(1)
    const polled = await exchange(agent, 'GET', `/v1/videos/${idIn(first.body)}`, null)
    expect([first, second, polled].map(({ headers }) => headers['x-sluice-stage'])).toEqual([stage, stage, stage])
    expect(second.sameSocket).toBe(true)
    return [first, second, polled].map(({ status, headers, body }) => ({
      status,
      headers: Object.keys(headers).sort(),
      type: headers['content-type'],
      body: withoutWhatIsNew(body),
    }))
  } finally {
    agent.destroy()
  }
}

/** Who waits for a copy is answered after its end; copies of `before` earlier submits may have ended by now. */
function expectNotWaited(before: number): void {
  if (ENDLESS.includes(shadow.fault)) expect(shadow.ended.get(shadow.fault) ?? 0).toBeLessThanOrEqual(before)
}

function formOf(prompt: string): string {
  const fields = { prompt, model: 'wan-t2v', seconds: '4', size: '832x480' }
  const part = ([name, value]: [string, string]) =>
    `--frontier\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  return `${Object.entries(fields).map(part).join('')}--frontier--\r\n`
}

function idIn(body: string): string {
  return (JSON.parse(body) as { id: string }).id
}

/** Ids and times are new with each job; every other byte stays as it came. */
function withoutWhatIsNew(body: string): string {
  return body.replaceAll(idIn(body), 'ID').replace(/"created_at":\d+/, '"created_at":0')
}

interface Exchanged {
  status: number
  headers: IncomingMessage['headers']
  body: string
  sameSocket: boolean
}

function exchange(agent: Agent, method: string, path: string, body: string | null): Promise<Exchanged> {
  const headers = {
    'x-user-id': 'the-same-user',
    ...(body === null ? {} : { 'content-type': 'multipart/form-data; boundary=frontier' }),
  }
  return new Promise((resolve, reject) => {
    const sent = request(gateway.url + path, { method, agent, headers, timeout: 20_000 }, (response) => {
      response.toArray().then(
        (chunks: Buffer[]) =>
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
            sameSocket: sent.reusedSocket,
          }),
        reject,
      )
    })
    sent.on('error', reject).on('timeout', () => sent.destroy(new Error('no answer in 20 s')))
    sent.end(body ?? undefined)
  })
}

type Fault = 'hang' | 'drip' | 'huge' | 'no_read' | 'reset' | 'status_500' | 'garbage'

/** A candidate that misbehaves in ways that no video backend would offer as a switch. */
class OddServer {
  fault: Fault | null = null
  submits = 0
  /** Submits that were over, by what went on when they came. */
  readonly ended = new Map<Fault | null, number>()
  readonly #server: Server
  #port = 0

  private constructor() {
    this.#server = createServer((incoming, response) => this.#serve(incoming, response))
  }

  static async start(): Promise<OddServer> {
    const server = new OddServer()
    server.#port = await freePort()
    await server.listen()
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve))
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }

  healthy(): void {
    this.fault = null
  }

  #serve(incoming: IncomingMessage, response: ServerResponse): void {
    const { fault } = this
    if (incoming.method === 'POST') {
      this.submits++
      response.once('close', () => this.ended.set(fault, (this.ended.get(fault) ?? 0) + 1))
    }
    if (this.fault === 'no_read') return void incoming.pause()
    incoming.resume()
    const json = { 'content-type': 'application/json' }
    switch (incoming.method === 'POST' ? this.fault : null) {
      case 'hang':
        return
      case 'reset':
        return void incoming.socket.destroy()
      case 'status_500':
        return void response.writeHead(500, json).end('{"error":{"message":"CUDA error","code":500}}')
      case 'garbage':
        return void response.writeHead(200, json).end('<html>')
      case 'drip': {
        response.writeHead(200, json)
        const timer = setInterval(() => (response.destroyed ? clearInterval(timer) : response.write(' ')), 250)
        return
      }
      case 'huge':
        response.writeHead(200, json)
        return pourInto(response)
      default:
        response.writeHead(200, json).end(`{"id":"shadow-${this.submits}","object":"video","status":"in_progress"}`)
    }
  }
}

/** Without end, as fast as anybody reads. */
function pourInto(response: ServerResponse): void {
  const block = Buffer.alloc(64 * 1024, ' ')
  while (!response.destroyed && response.write(block));
  if (!response.destroyed) response.once('drain', () => pourInto(response))
}
