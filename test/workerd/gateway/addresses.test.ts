/** What answers name: jobs, characters, files and addresses become the client's own, wherever a backend puts them. */
import { describe, expect, it } from 'vitest'
import {
  type Answer,
  DataPlane,
  GATEWAY,
  inStillTime,
  releaseTable,
  type Reply,
  TO_CANDIDATE,
} from '../../support/workerd/data-plane.ts'
import { ScriptedBackends } from '../../support/workerd/scripted-backend.ts'

const RELEASE = 'wan22'
const HOST = 'candidate.test'
const body = { prompt: 'a' }

inStillTime()

function expectClean({ headers, text }: Pick<Reply, 'headers' | 'text'>, ...raws: string[]): void {
  const whole = JSON.stringify([...headers]) + text
  for (const told of [...raws, HOST, '/base']) expect(whole).not.toContain(told)
}

describe('ids and addresses of a backend with a base path', () => {
  const arms = { control: { url: 'http://control.test/base' }, candidate: { url: `http://${HOST}/base` } }
  const vars = { RELEASE_A: releaseTable(RELEASE, { arms, match: { paths: ['/tenant'] } }) }
  const path = '/tenant/v1/videos'
  let made: string[]

  /** Names the job and the backend in every way that backends have been seen to. */
  const telling: Answer = ({ method, url: { pathname } }) => {
    const id = method === 'POST' ? `raw-${made.push('')}` : /videos\/([^/]+)/.exec(pathname)![1]!
    if (method === 'POST') made[made.length - 1] = id
    const from = pathname.endsWith('/remix') ? { remixed_from_video_id: pathname.split('/').at(-2) } : {}
    const home = `http://${HOST}/base`
    const headers = {
      location: `${home}${path}/${id}`,
      'content-location': `/base${path}/${id}`,
      'content-disposition': `attachment; filename="${id}.mp4"`,
    }
    const job = {
      id,
      object: 'video',
      status: 'completed',
      url: `${home}${path}/${id}/content?x=1`,
      polling_url: `/base${path}/${id}`,
      file_name: `${id}.mp4`,
      message: `job ${id} is at ${home}`,
      data: [{ id, url: `${home}/v1/videos/${id}/content` }],
      map: { [id]: 1 },
      ...from,
    }
    return Response.json(job, { headers })
  }

  it('become the client’s own wherever submit, poll, remix, content and list name them', async () => {
    made = []
    const plane = new DataPlane(vars, telling)
    const job = await plane.send('POST', path, { as: 'bea', body, headers: TO_CANDIDATE })
    expect([job.status, job.arm, plane.calls.at(-1)!.url.pathname]).toEqual([200, 'candidate', `/base${path}`])
    const raw = made[0]!
    expectClean(job, raw)
    const own = `${path}/${job.id}`
    expect(job.headers.get('location')).toBe(GATEWAY + own)
    expect(JSON.parse(job.text)).toMatchObject({ file_name: `${job.id}.mp4`, url: `${GATEWAY}${own}/content?x=1` })
    for (const below of ['', '/content']) {
      const reply = await plane.send('GET', own + below, { as: 'bea' })
      expect([reply.status, reply.arm]).toEqual([200, 'candidate'])
      expect(plane.calls.at(-1)!.url.pathname).toBe(`/base${path}/${raw}${below}`)
      // A video's bytes pass unread; its headers do not.
      expectClean(below === '' ? reply : { ...reply, text: '' }, raw)
    }
    const remix = await plane.send('POST', `${own}/remix`, { as: 'bea', body })
    expectClean(remix, ...made)
    expect(JSON.parse(remix.text)).toMatchObject({ remixed_from_video_id: job.id })
    const list = await plane.send('GET', path, { as: 'bea' })
    const { data } = JSON.parse(list.text) as { data: { id: string }[] }
    expect(data.map(({ id }) => id).toSorted()).toEqual([job.id, remix.id].toSorted())
    expectClean(list, ...made)
  })

  it('of a character are signed, and lead to the arm that made it', async () => {
    const plane = new DataPlane(vars, () => Response.json({ id: 'c-raw', object: 'character', name: 'Bob' }))
    const form = new FormData()
    form.set('name', 'Bob')
    form.set('video', new File(['film'], 'bob.mp4', { type: 'video/mp4' }))
    const character = await plane.send('POST', `${path}/characters`, { as: 'bea', body: form, headers: TO_CANDIDATE })
    expect([character.status, character.arm, character.id]).toEqual([200, 'candidate', expect.stringMatching(/^slc_/)])
    const read = await plane.send('GET', `${path}/characters/${character.id}`, { as: 'bea' })
    expect([read.status, read.arm, read.id]).toEqual([200, 'candidate', character.id])
    expect(plane.calls.at(-1)!.url.pathname).toBe(`/base${path}/characters/c-raw`)
  })
})

describe('an answer', () => {
  it('names no backend in any header, error or video’s JSON', async () => {
    const backends = new ScriptedBackends()
    const plane = new DataPlane({ RELEASE_A: releaseTable(RELEASE) }, backends.answer)
    const job = await plane.send('POST', '/v1/videos', { as: 'vera', body, headers: TO_CANDIDATE })
    const raw = backends.lastId
    const home = `http://${HOST}/v1/videos/${raw}`
    plane.answer = ({ url }) => {
      const status = url.pathname.endsWith('/content') ? 400 : 200
      const headers = { 'operation-location': home, link: `<${home}/content>; rel="next"`, 'x-video-id': raw }
      const shown = { id: raw, object: 'video', status: 'completed', note: `see ${home}` }
      return Response.json(shown, { status, headers })
    }
    const replies = [
      await plane.send('GET', `/v1/videos/${job.id}`, { as: 'vera' }),
      await plane.send('GET', `/v1/videos/${job.id}/content`, { as: 'vera' }),
      await plane.send('POST', '/v1/videos/sync', { as: 'vera', body, headers: TO_CANDIDATE }),
    ]
    for (const reply of replies) expectClean(reply, raw)
    expect(replies[0]!.headers.get('x-video-id')).toBe(job.id)
    expect(replies.map(({ status }) => status)).toEqual([200, 400, 200])
  })
})

it.each(['text/plain', 'text/html', null])(
  'an error in words under %s names no backend, of a submit, a poll or a video',
  async (type) => {
    const plane = new DataPlane({ RELEASE_A: releaseTable(RELEASE) }, () =>
      Response.json({ id: 'raw-1', status: 'queued' }),
    )
    const { id } = await plane.send('POST', '/v1/videos', { as: 'bea', body, headers: TO_CANDIDATE })
    const words = new TextEncoder().encode(`raw-1 is not at\nhttp://${HOST}/v1/videos/raw-1`)
    const length = { 'content-length': String(words.length) }
    plane.answer = () =>
      new Response(words, { status: 400, headers: { ...(type && { 'content-type': type }), ...length } })
    for (const [method, path] of [
      ['POST', `/v1/videos/${id}/remix`],
      ['GET', `/v1/videos/${id}`],
      ['GET', `/v1/videos/${id}/content`],
    ] as const) {
      const reply = await plane.send(method, path, { as: 'bea', ...(method === 'POST' ? { body } : {}) })
      expect([reply.status, reply.text]).toEqual([400, `${id} is not at\n${GATEWAY}/v1/videos/${id}`])
      expectClean(reply)
    }
  },
)

describe('a job from before Sluice', () => {
  it('is found on whichever of control’s replicas has it', async () => {
    const urls = ['http://control.test', 'http://second.test']
    const arms = { control: { urls }, candidate: { url: `http://${HOST}` } }
    const backends = new ScriptedBackends()
    backends.add('second', 'video-of-old')
    const plane = new DataPlane({ RELEASE_A: releaseTable(RELEASE, { arms }) }, backends.answer)
    for (const below of ['', '/content']) {
      const reply = await plane.send('GET', `/v1/videos/video-of-old${below}`, { as: 'anybody' })
      expect([below, reply.status, reply.arm]).toEqual([below, 200, 'control'])
    }
    const none = await plane.send('GET', '/v1/videos/video-of-nobody', { as: 'anybody' })
    expect([none.status, none.code]).toEqual([404, 'job_not_found'])
    expect(backends.askedFor('video-of-nobody')).toEqual(['GET control', 'GET second'])
  })

  it('names the jobs that it came from as its backend does', async () => {
    const backends = new ScriptedBackends()
    backends.add('control', 'video-of-old')
    backends.more = { remixed_from_video_id: 'video-before' }
    const plane = new DataPlane({ RELEASE_A: releaseTable(RELEASE) }, backends.answer)
    const reply = await plane.send('GET', '/v1/videos/video-of-old', { as: 'anybody' })
    expect(JSON.parse(reply.text)).toMatchObject({ id: 'video-of-old', remixed_from_video_id: 'video-before' })
  })
})

describe('a file that a backend names by URL', () => {
  it('is fetched from the arm that has it, also after a rollback, and by its owner only', async () => {
    const backends = new ScriptedBackends()
    const plane = new DataPlane({ RELEASE_A: releaseTable(RELEASE) }, backends.answer)
    const job = await plane.send('POST', '/v1/videos', { as: 'fay', body, headers: TO_CANDIDATE })
    const raw = backends.lastId
    const file = `/files/${raw}.mp4?sig=a%2Fb`
    plane.answer = ({ url }) => {
      const isFile = url.pathname.startsWith('/files/')
      if (isFile)
        return new Response(`film of ${url.pathname}${url.search}`, { headers: { 'content-type': 'video/mp4' } })
      return Response.json({ id: raw, object: 'video', status: 'completed', url: `http://${HOST}${file}` })
    }
    const { text } = await plane.send('GET', `/v1/videos/${job.id}`, { as: 'fay' })
    const { url } = JSON.parse(text) as { url: string }
    expect(url.startsWith(GATEWAY)).toBe(true)
    plane.canary(RELEASE, 50)
    plane.rollBack(RELEASE)
    const path = url.slice(GATEWAY.length)
    expect(await plane.send('GET', path, { as: 'fay' })).toMatchObject({ status: 200, text: `film of ${file}` })
    const asked = plane.calls.length
    const forged = path.replace(/slc_.{20}/, (id) => `${id.slice(0, -1)}${id.endsWith('A') ? 'B' : 'A'}`)
    for (const [as, at] of [
      ['eve', path],
      ['fay', forged],
    ] as const)
      expect(await plane.send('GET', at, { as })).toMatchObject({ status: 404, code: 'job_not_found' })
    expect((await plane.send('DELETE', path, { as: 'fay' })).status).toBe(405)
    // A signed path is no job's id, whatever is asked of it.
    for (const [method, below] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/content'],
      ['POST', '/remix'],
    ] as const) {
      const asking = { as: 'fay', ...(method === 'POST' ? { body } : {}) }
      const reply = await plane.send(method, `/v1/videos/${path.split('/')[1]}${below}`, asking)
      expect([method, below, reply.status, reply.code]).toEqual([method, below, 404, 'job_not_found'])
    }
    expect(plane.calls.length).toBe(asked)
  })
})
