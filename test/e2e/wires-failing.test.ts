/** Backends that fail: it is counted though nothing else is asked, hides no jobs, and fills no memory. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ControlClient, eventually } from '../support/control-client.ts'
import { call, poll, type Reply } from '../support/data-plane.ts'
import { drops, type Handler, jobOf, OddBackend, sendJson } from '../support/odd-backend.ts'
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
      BB: release('downloads', urls, { match: { models: ['downloads'] } }),
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

describe('a finished job without a video', () => {
  type Respond = (response: Parameters<Handler>[1]) => void
  const video = { 'content-type': 'video/mp4' }
  const since = Date.now() - 1000
  const respond =
    (status: number, headers: Record<string, string | number>, ...pieces: string[]): Respond =>
    (response) => {
      response.writeHead(status, headers)
      for (const piece of pieces) response.write(piece)
      response.end()
    }

  /** From now on, downloads and synchronous submits are answered so. */
  const videosAre = (content: Respond) =>
    control.answers(({ method, path }, response, backend) => {
      const id = /^\/v1\/videos\/([^/?]+)/.exec(path)?.[1]
      if (id === 'sync' || path.includes('/content')) return content(response)
      if (method === 'POST') return sendJson(response, 200, jobOf(backend, backend.newId(), { status: 'queued' }))
      sendJson(response, 200, jobOf(backend, id!))
    })

  async function finishedJob(): Promise<string> {
    const { id } = await submit('downloads')
    expect((await poll(gateway, id, SUBJECT)).text).toContain('"completed"')
    return id
  }

  const download = (id: string, query = '', headers: Record<string, string> = {}, method = 'GET') =>
    call(gateway, method, `/v1/videos/${encodeURIComponent(id)}/content${query}`, SUBJECT, { headers })

  /** Of control: requests, and ends other than ok, of an operation. */
  async function counted(operation: string): Promise<Record<string, number>> {
    const sum: Record<string, number> = { requests: 0 }
    for (const row of await new ControlClient(gateway, 'downloads').counters(since)) {
      if (row.arm !== 'control' || row.operation !== operation) continue
      sum['requests']! += row.requests
      for (const [name, n] of Object.entries({ ...row.errors, ...row.other })) sum[name] = (sum[name] ?? 0) + n
    }
    return sum
  }

  async function adds(operation: string, before: Record<string, number>, more: Record<string, number>) {
    const wanted = Object.entries(more).map(([name, n]) => [name, (before[name] ?? 0) + n])
    const last = await eventually(
      `${operation} counts ${JSON.stringify(more)} more`,
      () => counted(operation),
      (now) => wanted.every(([name, n]) => now[name as string] === n),
    )
    const rest = Object.keys(last).filter((name) => !(name in more))
    for (const name of rest) expect([name, last[name]]).toEqual([name, before[name]])
  }

  const LACKING: [string, Respond][] = [
    ['missing', respond(404, { 'content-type': 'application/json' }, '{"detail":"Video file not found on disk"}')],
    ['gone', respond(410, { 'content-type': 'text/plain' }, 'gone')],
    ['empty', respond(200, { ...video, 'content-length': 0 })],
    ['empty, of unknown length', respond(200, video)],
    ['JSON', respond(200, { 'content-type': 'application/json' }, '{"status":"completed"}')],
    ['a page', respond(200, { 'content-type': 'text/html' }, '<html>')],
  ]

  it('is bad output of its arm, as a job and as a download, and the client sees what came', async () => {
    const [contents, jobs] = [await counted('content'), await counted('job')]
    for (const [, content] of LACKING) {
      videosAre(content)
      const reply = await download(await finishedJob())
      const direct = await fetch(`${control.url}/v1/videos/any/content`)
      expect([reply.status, reply.text]).toEqual([direct.status, await direct.text()])
    }
    await adds('content', contents, { requests: LACKING.length, bad_output: LACKING.length })
    expect((await counted('job'))['bad_output']).toBe((jobs['bad_output'] ?? 0) + LACKING.length)
  })

  it('is one error for a hundred downloads, and none once its owner has deleted it', async () => {
    const contents = await counted('content')
    videosAre(LACKING[0]![1])
    const [id, deleted] = [await finishedJob(), await finishedJob()]
    for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 10 }, () => download(id)))
    await call(gateway, 'DELETE', `/v1/videos/${encodeURIComponent(deleted)}`, SUBJECT)
    await download(deleted)
    // Deleted at the backend, and the answer is slow to say so: all is counted before it comes.
    const leaving = await finishedJob()
    const content = LACKING[0]![1]
    const answer = Promise.withResolvers<void>()
    control.answers(({ method }, response, backend) => {
      if (method === 'GET') content(response)
      else void answer.promise.then(() => sendJson(response, 200, jobOf(backend, 'gone', { status: 'deleted' })))
    })
    const leaves = call(gateway, 'DELETE', `/v1/videos/${encodeURIComponent(leaving)}`, SUBJECT)
    await eventually(
      'the backend is asked',
      () => control.calls.at(-1)!,
      ({ method }) => method === 'DELETE',
    )
    await download(leaving)
    await adds('content', contents, { requests: 102, bad_output: 1, client_error: 101 })
    answer.resolve()
    expect((await leaves).status).toBe(200)
  })

  it('is not made by what the client asks for', async () => {
    const contents = await counted('content')
    const ask = async (content: Respond, ...asked: [string?, Record<string, string>?, string?]) => {
      videosAre(content)
      return download(await finishedJob(), ...asked)
    }
    const ranges = await ask(respond(206, { 'content-type': 'multipart/byteranges; boundary=b0' }, '--b0--'), '', {
      range: 'bytes=0-0,4-4',
    })
    expect([ranges.status, ranges.text]).toEqual([206, '--b0--'])
    const pieces = await ask(respond(200, { 'content-type': 'binary/octet-stream' }, 'a', 'b', 'c'))
    expect(pieces.text).toBe('abc')
    await ask(respond(200, { 'content-type': 'application/mp4', 'content-length': 1 }, 'a'))
    await ask(respond(304, {}), '', { 'if-none-match': '"a"' })
    await ask(respond(200, { 'content-type': 'application/json', 'content-length': 0 }), '', {}, 'HEAD')
    await ask(respond(302, { location: `${control.url}/elsewhere` }))
    await adds('content', contents, { requests: 6 })
    await ask(respond(404, { 'content-type': 'application/json' }, '{}'), '?variant=thumbnail')
    await ask(respond(416, { 'content-range': 'bytes */9' }), '', { range: 'bytes=9-' })
    await ask(respond(412, {}), '', { 'if-match': '"a"' })
    await ask(respond(404, {}), '', {}, 'HEAD')
    await adds('content', contents, { requests: 10, client_error: 4 })
  })

  it('is bad output of a synchronous submit too, though not of one that answers with JSON of a job or of a video', async () => {
    const before = await counted('sync')
    const send = (content: Respond) => {
      videosAre(content)
      const headers = { 'content-type': 'application/json' }
      const body = JSON.stringify({ prompt: 'a', model: 'downloads' })
      return call(gateway, 'POST', '/v1/videos/sync', SUBJECT, { body, headers })
    }
    const lacking = LACKING.slice(2)
    for (const [, content] of lacking) expect((await send(content)).status).toBe(200)
    await adds('sync', before, { requests: lacking.length, bad_output: lacking.length })
    const good = [
      respond(200, video, 'fi', 'lm'),
      respond(200, { ...video, 'content-length': 4 }, 'film'),
      respond(200, { 'content-type': 'application/json' }, JSON.stringify({ id: 'a', status: 'completed' })),
      respond(
        200,
        { 'content-type': 'application/json' },
        JSON.stringify({ data: [{ b64_json: 'A'.repeat(70_000) }] }),
      ),
    ]
    for (const content of good) expect((await send(content)).text).toMatch(/^film$|completed|AAAA/)
    await adds('sync', before, { requests: lacking.length + good.length, bad_output: lacking.length })
  })
})
