/** What backends and clients say to each other through the gateway: who is asked, and what is left of the answers. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { call, poll, type Reply } from '../support/data-plane.ts'
import { type Handler, jobOf, OddBackend, sendJson } from '../support/odd-backend.ts'
import { Gateway, release, tokenOf } from '../support/processes.ts'

const JSON_BODY = { 'content-type': 'application/json' }
const UNDER_BASE = '/tenant'
const MIXED = '/mixed'
const SUBJECT = 'alice'

let control: OddBackend
let candidate: OddBackend
let catchAll: OddBackend
let gateway: Gateway

beforeAll(async () => {
  ;[control, candidate, catchAll] = await Promise.all([
    OddBackend.start('control'),
    OddBackend.start('candidate'),
    OddBackend.start('catch-all'),
  ])
  const urls = { control: control.url, candidate: candidate.url }
  const based = { control: `${control.url}/base`, candidate: `${candidate.url}/base` }
  gateway = new Gateway({
    releases: {
      A: release('under_base', based, { match: { paths: [UNDER_BASE] } }),
      B: release('mixed_videos', urls, { match: { paths: [MIXED], models: ['m1'] } }),
      C: {
        name: 'mixed_rest',
        protocol: 'http',
        match: { paths: [MIXED] },
        arms: { control: { url: catchAll.url }, candidate: { url: catchAll.url } },
      },
      D: release('by_model', urls, { match: { models: ['wan-t2v'] } }),
    },
  })
  await gateway.start()
})

afterEach(() => {
  for (const backend of [control, candidate, catchAll]) backend.asUsual()
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([control, candidate, catchAll].map((backend) => backend?.close()))
})

/** A JSON request; with `arm`, as a tester who forces it. The hash gives everybody to control here. */
function send(
  path: string,
  body: Record<string, unknown>,
  arm: 'control' | 'candidate' | null = null,
  subject = SUBJECT,
): Promise<Reply> {
  const forced = arm === null ? {} : { 'x-sluice-arm': arm, authorization: `Bearer ${tokenOf('tester')}` }
  return call(gateway, 'POST', path, subject, { body: JSON.stringify(body), headers: { ...JSON_BODY, ...forced } })
}

describe('a release that matches by model only', () => {
  it.each(['control', 'candidate'] as const)('sends remix and edits that name no model to the job: %s', async (arm) => {
    const owning = arm === 'control' ? control : candidate
    const job = await send('/v1/videos', { prompt: 'a', model: 'wan-t2v' }, arm)
    expect([job.status, job.arm]).toEqual([200, arm])
    const raw = owning.lastId
    const remix = await send(`/v1/videos/${job.id}/remix`, { prompt: 'b' })
    expect([remix.status, remix.arm]).toEqual([200, arm])
    expect(owning.calls.at(-1)!.path).toBe(`/v1/videos/${raw}/remix`)
    expect(JSON.parse(remix.text).remixed_from_video_id).toBe(job.id)
    const edit = await send('/v1/videos/edits', { prompt: 'c', video: { id: job.id } })
    expect([edit.status, edit.arm]).toEqual([200, arm])
    expect(JSON.parse(String(owning.calls.at(-1)!.body))).toMatchObject({ prompt: 'c', video: { id: raw } })
  })

  it('leaves a new job without a model to nobody', async () => {
    const reply = await send('/v1/videos', { prompt: 'a' })
    expect([reply.status, JSON.parse(reply.text).error.code]).toEqual([404, 'not_found'])
  })
})

describe('ids and addresses of a backend with a base path', () => {
  /** Whose list shows nothing of the other releases. */
  const subject = 'bea'

  /** Names the job and the backend in every way that backends have been seen to. */
  const telling: Handler = ({ method, path }, response, backend) => {
    const id = method === 'POST' ? backend.newId() : /videos\/([^/]+)/.exec(path)![1]!
    const from = path.endsWith('/remix') ? { remixed_from_video_id: path.split('/').at(-2) } : {}
    const home = `${backend.url}/base`
    const body = jobOf(backend, id, {
      url: `${home}${UNDER_BASE}/v1/videos/${id}/content?x=1`,
      polling_url: `/base${UNDER_BASE}/v1/videos/${id}`,
      file_name: `${id}.mp4`,
      message: `job ${id} is at ${home}`,
      data: [{ id, url: `${home}/v1/videos/${id}/content` }],
      map: { [id]: 1 },
      ...from,
    })
    sendJson(response, 200, body, {
      location: `${home}${UNDER_BASE}/v1/videos/${id}`,
      'content-location': `/base${UNDER_BASE}/v1/videos/${id}`,
      'content-disposition': `attachment; filename="${id}.mp4"`,
    })
  }

  it('become the client’s own wherever submit, poll, remix, content and list name them', async () => {
    candidate.answers(telling)
    const path = `${UNDER_BASE}/v1/videos`
    const job = await send(path, { prompt: 'a' }, 'candidate', subject)
    expect([job.status, job.arm]).toEqual([200, 'candidate'])
    expect(candidate.calls.at(-1)!.path).toBe(`/base${path}`)
    const raw = candidate.lastId
    expectClean(job, raw)
    const own = `${path}/${job.id}`
    expect(job.headers.get('location')).toBe(gateway.url + own)
    expect(JSON.parse(job.text)).toMatchObject({ file_name: `${job.id}.mp4`, url: `${gateway.url}${own}/content?x=1` })
    for (const below of ['', '/content']) {
      const reply = await call(gateway, 'GET', own + below, subject)
      expect([reply.status, reply.arm]).toEqual([200, 'candidate'])
      expect(candidate.calls.at(-1)!.path).toBe(`/base${path}/${raw}${below}`)
      // A video's bytes pass unread; its headers do not.
      expectClean(below === '' ? reply : { ...reply, text: '' }, raw)
    }
    const remix = await send(`${own}/remix`, { prompt: 'b' }, null, subject)
    expectClean(remix, raw)
    expectClean(remix, candidate.lastId)
    expect(JSON.parse(remix.text).remixed_from_video_id).toBe(job.id)
    const list = await call(gateway, 'GET', path, subject)
    expect((JSON.parse(list.text) as { data: { id: string }[] }).data.map(({ id }) => id)).toEqual([remix.id, job.id])
    for (const id of [raw, candidate.lastId]) expectClean(list, id)
  })

  it('of a character are signed, and lead to the arm that made it', async () => {
    candidate.answers(({ method }, response, backend) =>
      sendJson(response, 200, {
        id: method === 'POST' ? backend.newId() : backend.lastId,
        object: 'character',
        name: 'Bob',
      }),
    )
    const form = new FormData()
    form.set('name', 'Bob')
    form.set('video', new Blob(['film'], { type: 'video/mp4' }), 'bob.mp4')
    const headers = { 'x-sluice-arm': 'candidate', authorization: `Bearer ${tokenOf('tester')}` }
    const path = `${UNDER_BASE}/v1/videos/characters`
    const made = await call(gateway, 'POST', path, subject, { body: form, headers })
    expect([made.status, made.arm]).toEqual([200, 'candidate'])
    expect(made.id).toMatch(/^slc_/)
    const read = await call(gateway, 'GET', `${path}/${made.id}`, subject)
    expect([read.status, read.arm, read.id]).toEqual([200, 'candidate', made.id])
    expect(candidate.calls.at(-1)!.path).toBe(`/base${path}/${candidate.lastId}`)
  })

  function expectClean(reply: Reply, raw: string): void {
    const whole = JSON.stringify([...reply.headers]) + reply.text
    expect(whole).not.toContain(raw)
    expect(whole).not.toContain(new URL(candidate.url).host)
    expect(whole).not.toContain('/base')
  }
})

describe('an answer to a submit', () => {
  const submit = () => send('/v1/videos', { prompt: 'a', model: 'wan-t2v' })

  it.each<[string, Handler]>([
    ['200 with HTML', (_, r) => void r.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
    ['200 with half a JSON', (_, r) => void r.writeHead(200, JSON_BODY).end('{"id":')],
    ['200 with no body', (_, r) => void r.writeHead(200).end()],
    ['200 without an id', (_, r) => sendJson(r, 200, { ok: true })],
    ['204', (_, r) => void r.writeHead(204).end()],
    ['302', (_, r) => void r.writeHead(302, { location: `${control.url}/elsewhere` }).end()],
    ['307', (_, r) => void r.writeHead(307, { location: `${control.url}/v1/videos/` }).end()],
  ])('of %s is no job: 502, not to be repeated', async (_, handler) => {
    control.answers(handler)
    const before = control.calls.length
    const reply = await submit()
    expect([reply.status, JSON.parse(reply.text).error.code]).toEqual([502, 'upstream_invalid'])
    expect(reply.headers.get('x-should-retry')).toBe('false')
    expect(reply.headers.get('location')).toBeNull()
    expect(control.calls.length).toBe(before + 1)
  })

  it('is a job though it calls itself plain text', async () => {
    control.answers((_, r, backend) =>
      r.writeHead(200, { 'content-type': 'text/plain' }).end(JSON.stringify(jobOf(backend, backend.newId()))),
    )
    const reply = await submit()
    expect([reply.status, JSON.parse(reply.text).id]).toEqual([200, expect.stringMatching(/^slc_/)])
    control.asUsual()
    expect((await poll(gateway, reply.id, SUBJECT)).status).toBe(200)
  })
})

describe('a catch-all of protocol http beside a videos release for certain models', () => {
  const path = `${MIXED}/v1/videos`

  it('takes other models with their body byte for byte', async () => {
    const body = '{ "model" : "zz",\n "prompt": "雨夜 🙂\\u0000" , "n":1e3}'
    const reply = await call(gateway, 'POST', path, SUBJECT, { body, headers: JSON_BODY })
    expect([reply.status, reply.headers.get('x-sluice-release')]).toEqual([200, 'mixed_rest'])
    expect(String(catchAll.calls.at(-1)!.body)).toBe(body)
  })

  it('leaves the jobs of the videos release to it', async () => {
    const job = await send(path, { prompt: 'a', model: 'm1' })
    expect([job.status, job.headers.get('x-sluice-release')]).toEqual([200, 'mixed_videos'])
    const before = catchAll.calls.length
    const polled = await call(gateway, 'GET', `${path}/${job.id}`, SUBJECT)
    expect([polled.status, polled.headers.get('x-sluice-release'), polled.id]).toEqual([200, 'mixed_videos', job.id])
    expect(catchAll.calls.length).toBe(before)
  })
})
