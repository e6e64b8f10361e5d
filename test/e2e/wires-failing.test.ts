/** Backends that fail: it is counted though nothing else is asked, hides no jobs, and fills no memory. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ControlClient, eventually } from '../support/control-client.ts'
import { call, poll, type Reply } from '../support/data-plane.ts'
import { drops, jobOf, OddBackend, sendJson } from '../support/odd-backend.ts'
import { Gateway, release, tokenOf } from '../support/processes.ts'

const PAGES = '/pages'
const SUBJECT = 'alice'
/** Whatever is read ahead of a cap of 1 MiB lies in buffers of both processes and of the system. */
const MAX_WRITTEN_BYTES = 16 * 1024 * 1024

let control: OddBackend
let candidate: OddBackend
let pages: OddBackend
let gateway: Gateway

beforeAll(async () => {
  ;[control, candidate, pages] = await Promise.all([
    OddBackend.start('control'),
    OddBackend.start('candidate'),
    OddBackend.start('pages'),
  ])
  const urls = { control: control.url, candidate: candidate.url }
  gateway = new Gateway({
    releases: {
      A: {
        name: 'pages',
        protocol: 'http',
        match: { paths: [PAGES] },
        window_seconds: 1,
        arms: { control: { url: control.url }, candidate: { url: pages.url } },
      },
      B: release('shadowed', urls, { match: { models: ['shadowed'] } }),
      C: release('plain', urls),
    },
  })
  await gateway.start()
})

afterEach(() => {
  for (const backend of [control, candidate]) backend.asUsual()
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([control, candidate, pages].map((backend) => backend?.close()))
})

/** With `arm`, as a tester who forces it. The hash gives everybody to control here. */
function submit(model: string, arm: 'control' | 'candidate' | null = null): Promise<Reply> {
  const forced = arm === null ? {} : { 'x-sluice-arm': arm, authorization: `Bearer ${tokenOf('tester')}` }
  const headers = { 'content-type': 'application/json', ...forced }
  return call(gateway, 'POST', '/v1/videos', SUBJECT, { body: JSON.stringify({ prompt: 'a', model }), headers })
}

describe('failures are counted though nothing else is asked', () => {
  it('of a candidate of protocol http that refuses connections', async () => {
    const client = new ControlClient(gateway, 'pages')
    await client.act('start', { stage: 'canary-100' })
    const get = () => call(gateway, 'GET', `${PAGES}/index.html`, SUBJECT)
    await eventually('the candidate serves', get, ({ arm }) => arm === 'candidate')
    await pages.close()
    const since = Date.now() - 1000
    for (let i = 0; i < 5; i++) expect((await get()).status).toBe(502)
    await countsUnreachable(client, since, 'candidate', 'other', 5)
  })

  it('of polls', async () => {
    const job = await submit('wan-t2v')
    control.answers(drops)
    const since = Date.now() - 1000
    for (let i = 0; i < 3; i++) expect((await poll(gateway, job.id, SUBJECT)).status).toBe(502)
    await countsUnreachable(new ControlClient(gateway, 'plain'), since, 'control', 'poll', 3)
  })

  async function countsUnreachable(client: ControlClient, since: number, arm: string, operation: string, n: number) {
    await eventually(
      `${n} are counted as unreachable`,
      () => client.counters(since),
      (rows) => {
        const own = rows.filter((row) => row.arm === arm && row.operation === operation)
        return own.reduce((sum, { errors }) => sum + (errors['unreachable'] ?? 0), 0) === n
      },
    )
  }
})

it.each([101, 304, 600, 999])('status %i to a submit is a typed error that no client repeats', async (status) => {
  const raw = `HTTP/1.1 ${status} Odd\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}`
  control.answers((_, response) => void response.socket!.end(raw))
  const sent = control.submits.length
  const reply = await submit('wan-t2v')
  const { error } = JSON.parse(reply.text) as { error: { code: string } }
  expect([reply.status, error.code, reply.headers.get('x-should-retry')]).toEqual([502, 'upstream_invalid', 'false'])
  expect(control.submits.length).toBe(sent + 1)
})

it('an endless answer to the ledger’s own poll of a shadow job is cut off, not read', async () => {
  const shadowed = new ControlClient(gateway, 'shadowed')
  await shadowed.act('start')
  await eventually(
    'the data plane shadows',
    () => submit('shadowed'),
    ({ stage }) => stage === 'shadow',
  )
  const polls: { written: number; closed: boolean }[] = []
  candidate.answers(({ method }, response, backend) => {
    if (method === 'POST') return sendJson(response, 200, jobOf(backend, backend.newId(), { status: 'queued' }))
    const poll = { written: 0, closed: false }
    polls.push(poll)
    response.on('close', () => (poll.closed = true))
    response.writeHead(200, { 'content-type': 'application/json' })
    const block = Buffer.alloc(64 * 1024, ' ')
    const pour = () => {
      // A cap of its own, lest a gateway that reads on fill the machine's memory.
      while (!response.destroyed && poll.written < 10 * MAX_WRITTEN_BYTES) {
        poll.written += block.length
        if (!response.write(block)) return void response.once('drain', pour)
      }
    }
    pour()
  })
  await submit('shadowed')
  await eventually(
    'polls of the shadow job were cut off',
    () => polls,
    (seen) => seen.length > 0 && seen.every(({ closed }) => closed),
    20_000,
  )
  for (const { written } of polls) expect(written).toBeLessThan(MAX_WRITTEN_BYTES)
})

it.each(['control', 'candidate'] as const)(
  'a list still shows the jobs of the backend that is down: %s',
  async (arm) => {
    const jobs = [await submit('wan-t2v', 'control'), await submit('wan-t2v', 'candidate')]
    expect(jobs.map((job) => job.arm)).toEqual(['control', 'candidate'])
    ;(arm === 'control' ? control : candidate).answers(drops)
    const listed = await call(gateway, 'GET', '/v1/videos', SUBJECT)
    expect(listed.status).toBe(200)
    const ids = (JSON.parse(listed.text) as { data: { id: string }[] }).data.map(({ id }) => id)
    expect(ids).toEqual(expect.arrayContaining(jobs.map(({ id }) => id)))
  },
)
