/** Where jobs, keys and files are found again: lists, replicas, other releases, new signing keys, and whatever an answer names. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ControlClient, eventually } from '../support/control-client.ts'
import { call, type Reply } from '../support/data-plane.ts'
import { type Handler, jobOf, OddBackend, sendJson } from '../support/odd-backend.ts'
import { COOKIE_KEY, Gateway, release, tokenOf } from '../support/processes.ts'

const MODEL = 'wan-t2v'
const SHARDED = '/sharded'
const REPLICAS = '/replicas'
const NATIVE = '/native'

let control: OddBackend
let second: OddBackend
let candidate: OddBackend
let gateway: Gateway

beforeAll(async () => {
  ;[control, second, candidate] = await Promise.all([
    OddBackend.start('control'),
    OddBackend.start('second'),
    OddBackend.start('candidate'),
  ])
  const urls = { control: control.url, candidate: candidate.url }
  const replicas = { control: { url: undefined, urls: [control.url, second.url] } }
  gateway = new Gateway({
    releases: {
      A: release('sharded', urls, { match: { paths: [SHARDED] }, ledger_shards: 4 }),
      B: release('replicas', urls, { match: { paths: [REPLICAS] }, arms: replicas }),
      C: release('other_model', urls, { match: { paths: ['/v1'], models: ['other'] } }),
      D: release('by_model', urls, { match: { paths: ['/v1'], models: [MODEL] } }),
      E: release('native_1', urls, { match: { paths: [NATIVE], models: ['other'] }, id_mode: 'native' }),
      F: release('native_2', urls, { match: { paths: [NATIVE], models: [MODEL] }, id_mode: 'native' }),
    },
  })
  await gateway.start()
})

afterEach(() => {
  for (const backend of [control, second, candidate]) backend.asUsual()
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([control, second, candidate].map((backend) => backend?.close()))
})

function send(path: string, subject: string, more: Record<string, unknown> = {}, headers: Record<string, string> = {}) {
  const body = JSON.stringify({ prompt: 'a red fox', model: MODEL, ...more })
  return call(gateway, 'POST', path, subject, { body, headers: { 'content-type': 'application/json', ...headers } })
}

const toCandidate = { 'x-sluice-arm': 'candidate', authorization: `Bearer ${tokenOf('tester')}` }
const codeOf = ({ text }: Reply) => (JSON.parse(text) as { error: { code: string } }).error.code
const pageOf = ({ text }: Reply) => JSON.parse(text) as { data: { id: string }[]; last_id: string; has_more: boolean }

describe('a list', () => {
  it('fills its page past jobs that are gone, and forgets them', async () => {
    const ids: string[] = []
    let lost = ''
    for (let i = 0; i < 4; i++) {
      const { id } = await send('/v1/videos', 'lena')
      expect((await call(gateway, 'GET', `/v1/videos/${id}`, 'lena')).status).toBe(200)
      ids.unshift(id)
      if (i === 2) lost = control.lastId
    }
    await call(gateway, 'DELETE', `/v1/videos/${ids[0]}`, 'lena')
    control.answers(({ path }, response, backend) => {
      const raw = path.split('/').at(-1)!
      // The second newest went with a restart of the backend.
      return raw === lost ? sendJson(response, 404, {}) : sendJson(response, 200, jobOf(backend, raw))
    })
    const page = pageOf(await call(gateway, 'GET', '/v1/videos?limit=1', 'lena'))
    expect(page.data.map(({ id }) => id)).toEqual([ids[2]])
    expect([page.last_id, page.has_more]).toEqual([ids[2], true])
    const next = pageOf(await call(gateway, 'GET', `/v1/videos?limit=1&after=${page.last_id}`, 'lena'))
    expect([next.data.map(({ id }) => id), next.has_more]).toEqual([[ids[3]], false])
    const asked = control.calls.length
    const whole = pageOf(await call(gateway, 'GET', '/v1/videos', 'lena'))
    expect(whole.data.map(({ id }) => id)).toEqual([ids[2], ids[3]])
    expect(control.calls.length).toBeLessThanOrEqual(asked + 2)
  })

  it('is paged by native ids of whichever release', async () => {
    const path = `${NATIVE}/v1/videos`
    const ids = [(await send(path, 'nat')).id, (await send(path, 'nat')).id]
    const page = pageOf(await call(gateway, 'GET', `${path}?limit=1`, 'nat'))
    expect([page.data.map(({ id }) => id), page.has_more]).toEqual([[ids[1]], true])
    const next = pageOf(await call(gateway, 'GET', `${path}?limit=1&after=${page.last_id}`, 'nat'))
    expect([next.data.map(({ id }) => id), next.has_more]).toEqual([[ids[0]], false])
  })

  it('is not held up by a backend that hangs', async () => {
    for (let i = 0; i < 8; i++) await send('/v1/videos', 'hugo')
    control.answers(() => undefined)
    const asked = control.calls.length
    const page = pageOf(await call(gateway, 'GET', '/v1/videos', 'hugo'))
    expect(page.data).toHaveLength(8)
    // Those that were under way when the first one failed; nobody asks the silent backend for the rest.
    expect(control.calls.length - asked).toBeLessThanOrEqual(6)
  })
})

describe('a job from before Sluice', () => {
  it('is found on whichever of control’s replicas has it', async () => {
    second.answers(({ path }, response, backend) => sendJson(response, 200, jobOf(backend, path.split('/').at(-1)!)))
    const path = `${REPLICAS}/v1/videos`
    for (const below of ['', '/content']) {
      const reply = await call(gateway, 'GET', `${path}/video-of-old${below}`, 'anybody')
      expect([below, reply.status, reply.arm]).toEqual([below, 200, 'control'])
    }
    const before = candidate.calls.length
    second.asUsual()
    const none = await call(gateway, 'GET', `${path}/video-of-nobody`, 'anybody')
    expect([none.status, codeOf(none)]).toEqual([404, 'job_not_found'])
    expect(candidate.calls.length).toBe(before)
  })

  it('names the jobs that it came from as its backend does', async () => {
    control.answers((_, response, backend) =>
      sendJson(response, 200, jobOf(backend, 'video-of-old', { remixed_from_video_id: 'video-before' })),
    )
    const reply = await call(gateway, 'GET', '/v1/videos/video-of-old', 'anybody')
    expect(JSON.parse(reply.text)).toMatchObject({ id: 'video-of-old', remixed_from_video_id: 'video-before' })
  })
})

describe('an Idempotency-Key', () => {
  const key = { 'idempotency-key': 'k1' }

  it('is one over all releases', async () => {
    const first = await send('/v1/videos', 'ida', {}, key)
    expect([first.status, first.headers.get('x-sluice-release')]).toEqual([200, 'by_model'])
    const before = control.submits.length
    const other = await send('/v1/videos', 'ida', { model: 'other' }, key)
    expect([other.status, codeOf(other)]).toEqual([422, 'idempotency_mismatch'])
    expect(control.submits.length).toBe(before)
  })
})

describe('x-sluice-arm without the right to it', () => {
  it('is refused on whatever it stands', async () => {
    const { id } = await send('/v1/videos', 'nobody')
    for (const [method, path] of [
      ['GET', `/v1/videos/${id}`],
      ['GET', '/v1/videos'],
      ['POST', `/v1/videos/${id}/remix`],
      ['DELETE', `/v1/videos/${id}`],
    ] as const) {
      const reply = await call(gateway, method, path, 'nobody', { headers: { 'x-sluice-arm': 'candidate' } })
      expect([method, path, reply.status, codeOf(reply)]).toEqual([method, path, 403, 'override_not_allowed'])
    }
  })
})

describe('an answer', () => {
  it('names no backend in any header, error or video’s JSON', async () => {
    const made = await send('/v1/videos', 'vera', {}, toCandidate)
    const raw = candidate.lastId
    const naming: Handler = (call, response, backend) => {
      const status = call.path.endsWith('/content') ? 400 : 200
      const home = `${backend.url}/v1/videos/${raw}`
      sendJson(
        response,
        status,
        { ...jobOf(backend, raw), note: `see ${home}` },
        {
          'operation-location': home,
          link: `<${home}/content>; rel="next"`,
          'x-video-id': raw,
        },
      )
    }
    candidate.answers(naming)
    const replies = [
      await call(gateway, 'GET', `/v1/videos/${made.id}`, 'vera'),
      await call(gateway, 'GET', `/v1/videos/${made.id}/content`, 'vera'),
      await send('/v1/videos/sync', 'vera', {}, toCandidate),
    ]
    for (const reply of replies) {
      const whole = JSON.stringify([...reply.headers]) + reply.text
      expect(whole).not.toContain(raw)
      expect(whole).not.toContain(new URL(candidate.url).host)
    }
    expect(replies[0]!.headers.get('x-video-id')).toBe(made.id)
    expect(replies.map(({ status }) => status)).toEqual([200, 400, 200])
  })

  it('that breaks off is a broken connection, and no timeout', async () => {
    control.answers((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 })
      response.write('{"id":"v')
      setTimeout(() => response.destroy(), 100)
    })
    const reply = await send('/v1/videos', 'otto')
    expect([reply.status, codeOf(reply)]).toEqual([502, 'upstream_unreachable'])
    expect(reply.headers.get('x-should-retry')).toBe('false')
  })

  it('of several megabytes is a job like any other', async () => {
    control.answers((_, response, backend) =>
      sendJson(response, 200, jobOf(backend, backend.newId(), { log: 'x '.repeat(1_000_000) })),
    )
    const made = await send('/v1/videos', 'olga')
    expect(made.id).toMatch(/^slc_/)
    expect(made.text).not.toContain(control.lastId)
  })
})

describe('a file that a backend names by URL', () => {
  it('is fetched from the arm that has it, also after a rollback, and by its owner only', async () => {
    const releaseControl = new ControlClient(gateway, 'by_model')
    const made = await send('/v1/videos', 'fay', {}, toCandidate)
    const raw = candidate.lastId
    candidate.answers(({ path }, response, backend) => {
      if (path.startsWith('/files/'))
        return void response.writeHead(200, { 'content-type': 'video/mp4' }).end(`film of ${path}`)
      sendJson(response, 200, jobOf(backend, raw, { url: `${backend.url}/files/${raw}.mp4?sig=a%2Fb` }))
    })
    const { url } = JSON.parse((await call(gateway, 'GET', `/v1/videos/${made.id}`, 'fay')).text) as { url: string }
    expect(url.startsWith(gateway.url)).toBe(true)
    await releaseControl.act('start', { stage: 'canary-50' })
    await releaseControl.act('rollback')
    const path = url.slice(gateway.url.length)
    const film = await call(gateway, 'GET', path, 'fay')
    expect([film.status, film.text]).toEqual([200, `film of /files/${raw}.mp4?sig=a%2Fb`])
    for (const [subject, at] of [
      ['eve', path],
      ['fay', path.replace(/slc_.{20}/, (id) => `${id.slice(0, -1)}${id.endsWith('A') ? 'B' : 'A'}`)],
    ] as const) {
      const reply = await call(gateway, 'GET', at, subject)
      expect([subject, reply.status, codeOf(reply)]).toEqual([subject, 404, 'job_not_found'])
    }
    expect((await call(gateway, 'DELETE', path, 'fay')).status).toBe(405)
    // A signed path is no job's id, whatever is asked of it.
    const asked = candidate.calls.length
    for (const [method, below] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/content'],
      ['POST', '/remix'],
    ] as const) {
      const body = method === 'POST' ? { body: '{"prompt":"b"}', headers: { 'content-type': 'application/json' } } : {}
      const reply = await call(gateway, method, `/v1/videos/${path.split('/')[1]}${below}`, 'fay', body)
      expect([method, below, reply.status, codeOf(reply)]).toEqual([method, below, 404, 'job_not_found'])
    }
    expect(candidate.calls.length).toBe(asked)
  })
})

describe('after the signing key was rotated', () => {
  it('jobs, lists and idempotency keys of before are still their owners’', async () => {
    const path = `${SHARDED}/v1/videos`
    const subjects = ['rob', 'ron', 'ray', 'roy', 'rex', 'rik']
    const key = { 'idempotency-key': 'before' }
    const made = new Map<string, string>()
    for (const subject of subjects) made.set(subject, (await send(path, subject, {}, key)).id)
    await eventually(
      'the ledger has them',
      () => call(gateway, 'GET', path, 'rob'),
      (reply) => pageOf(reply).data.length === 1,
    )
    await gateway.restartWith({ SLUICE_COOKIE_KEY: `a-new-cookie-key,${COOKIE_KEY}` })
    const before = control.submits.length
    for (const subject of subjects) {
      const again = await send(path, subject, {}, key)
      expect([subject, again.status, again.id]).toEqual([subject, 200, made.get(subject)])
      const list = pageOf(await call(gateway, 'GET', path, subject))
      expect([subject, list.data.map(({ id }) => id)]).toEqual([subject, [made.get(subject)]])
    }
    expect(control.submits.length).toBe(before)
  })
})
