/** Which release takes a request that does not name its model, and what a catch-all beside it gets. */
import { describe, expect, it } from 'vitest'
import { DataPlane, inStillTime, releaseTable, TO_CANDIDATE } from '../../support/workerd/data-plane.ts'
import { ScriptedBackends } from '../../support/workerd/scripted-backend.ts'

const PATH = '/v1/videos'
const catchAll = { control: { url: 'http://rest.test' }, candidate: { url: 'http://rest.test' } }

inStillTime()

function planeOf(vars: Record<string, unknown>) {
  const backends = new ScriptedBackends()
  const rest = () => new Response('the rest')
  const plane = new DataPlane(vars, (call) => (call.url.host === 'rest.test' ? rest() : backends.answer(call)))
  return { plane, backends }
}

describe('a release that matches by model only', () => {
  const vars = { RELEASE_A: releaseTable('wan22', { match: { models: ['wan-t2v'] } }) }

  it.each(['control', 'candidate'])('sends remix and edits that name no model to the job: %s', async (arm) => {
    const { plane, backends } = planeOf(vars)
    const headers = arm === 'candidate' ? TO_CANDIDATE : {}
    const job = await plane.send('POST', PATH, { as: 'ann', body: { prompt: 'a', model: 'wan-t2v' }, headers })
    expect([job.status, job.arm]).toEqual([200, arm])
    const raw = backends.lastId
    const remix = await plane.send('POST', `${PATH}/${job.id}/remix`, { as: 'ann', body: { prompt: 'b' } })
    expect([remix.status, remix.arm]).toEqual([200, arm])
    expect(plane.calls.at(-1)!.url.href).toBe(`http://${arm}.test${PATH}/${raw}/remix`)
    expect(JSON.parse(remix.text)).toMatchObject({ remixed_from_video_id: job.id })
    const body = { prompt: 'c', video: { id: job.id } }
    const edit = await plane.send('POST', `${PATH}/edits`, { as: 'ann', body })
    expect([edit.status, edit.arm]).toEqual([200, arm])
    expect(JSON.parse(plane.calls.at(-1)!.body)).toMatchObject({ prompt: 'c', video: { id: raw } })
  })

  it('leaves a new job without a model to nobody', async () => {
    const reply = await planeOf(vars).plane.send('POST', PATH, { as: 'ann', body: { prompt: 'a' } })
    expect([reply.status, reply.code]).toEqual([404, 'not_found'])
  })
})

describe('a catch-all of protocol http beside a videos release for certain models', () => {
  const vars = {
    RELEASE_A: releaseTable('wan22', { match: { paths: ['/v1'], models: ['m1'] } }),
    RELEASE_B: { name: 'rest', protocol: 'http', match: { paths: ['/v1'] }, arms: catchAll },
  }

  it('takes other models with their body byte for byte', async () => {
    const { plane } = planeOf(vars)
    const body = '{ "model" : "zz",\n "prompt": "雨夜 🙂\\u0000" , "n":1e3}'
    const reply = await plane.send('POST', PATH, { as: 'ann', body })
    expect([reply.status, reply.headers.get('x-sluice-release')]).toEqual([200, 'rest'])
    expect(plane.calls.map((call) => call.body)).toEqual([body])
  })

  it('leaves the jobs of the videos release to it', async () => {
    const { plane } = planeOf(vars)
    const job = await plane.send('POST', PATH, { as: 'ann', body: { prompt: 'a', model: 'm1' } })
    expect([job.status, job.headers.get('x-sluice-release')]).toEqual([200, 'wan22'])
    const polled = await plane.send('GET', `${PATH}/${job.id}`, { as: 'ann' })
    expect([polled.status, polled.headers.get('x-sluice-release'), polled.id]).toEqual([200, 'wan22', job.id])
    expect(plane.calls.map(({ url }) => url.host)).toEqual(['control.test', 'control.test'])
  })

  it('is sent to the candidate that refuses connections as any request, and that is counted', async () => {
    const { plane } = planeOf({ RELEASE_A: releaseTable('wan22', { protocol: 'http' }) })
    plane.canary('wan22', 100)
    plane.answer = () => null
    for (let i = 0; i < 5; i++) expect((await plane.send('GET', '/index.html', { as: 'ann' })).status).toBe(502)
    expect(plane.counted('other')).toEqual({ 'candidate unreachable': 5 })
  })
})

describe('x-sluice-arm without the right to it', () => {
  it('is refused on whatever it stands', async () => {
    const { plane } = planeOf({ RELEASE_A: releaseTable('wan22') })
    const { id } = await plane.send('POST', PATH, { as: 'ann', body: { prompt: 'a' } })
    for (const [method, path] of [
      ['GET', `${PATH}/${id}`],
      ['GET', PATH],
      ['POST', `${PATH}/${id}/remix`],
      ['DELETE', `${PATH}/${id}`],
    ] as const) {
      const reply = await plane.send(method, path, { as: 'ann', headers: { 'x-sluice-arm': 'candidate' } })
      expect([method, path, reply.status, reply.code]).toEqual([method, path, 403, 'override_not_allowed'])
    }
  })
})
