/** What comes of a submit: what its backend answers, that it is sent once, and who answers where the candidate fails. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import {
  type Answer,
  DataPlane,
  GATEWAY,
  hangs,
  inStillTime,
  letPass,
  releaseTable,
} from '../../support/workerd/data-plane.ts'
import { counted, ledger } from '../../support/workerd/objects.ts'
import { ScriptedBackends } from '../../support/workerd/scripted-backend.ts'

const RELEASE = 'wan22'
const VARS = { RELEASE_A: releaseTable(RELEASE) }
const PATH = '/v1/videos'
const ann = { as: 'ann', body: { prompt: 'a' } }
const SHADOW = { sample: 1, maxBodyBytes: 262_144, maxInFlight: 1000, maxJobsPerDay: 1000, jobTimeoutMs: 3_600_000 }
const JSON_TYPE = { 'content-type': 'application/json' }

const brokenOff: Answer = () => {
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"id":"v')),
    pull: (controller) => controller.error(new Error('reset')),
  })
  return new Response(body, { headers: JSON_TYPE })
}

inStillTime()

describe('an answer to a submit', () => {
  it.each<[string, () => Response]>([
    ['200 with HTML', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['200 with half a JSON', () => new Response('{"id":', { headers: JSON_TYPE })],
    ['200 with no body', () => new Response(null)],
    ['200 without an id', () => Response.json({ ok: true })],
    ['204', () => new Response(null, { status: 204 })],
    ['302', () => new Response(null, { status: 302, headers: { location: 'http://control.test/elsewhere' } })],
    ['307', () => new Response(null, { status: 307, headers: { location: 'http://control.test/v1/videos/' } })],
  ])('of %s is no job: 502, not to be repeated', async (_, answer) => {
    const plane = new DataPlane(VARS, answer)
    const reply = await plane.send('POST', PATH, ann)
    expect([reply.status, reply.code]).toEqual([502, 'upstream_invalid'])
    expect([reply.headers.get('x-should-retry'), reply.headers.get('location')]).toEqual(['false', null])
    expect(plane.calls).toHaveLength(1)
  })

  it('is a job though it calls itself plain text', async () => {
    const backends = new ScriptedBackends()
    const plane = new DataPlane(VARS, async (call) => new Response(await (await backends.answer(call))!.text()))
    const job = await plane.send('POST', PATH, ann)
    expect([job.status, job.id]).toEqual([200, expect.stringMatching(/^slc_/)])
    expect((await plane.send('GET', `${PATH}/${job.id}`, { as: 'ann' })).status).toBe(200)
  })

  it('of several megabytes is a job like any other', async () => {
    const backends = new ScriptedBackends()
    backends.more = { log: 'x '.repeat(1_000_000) }
    const made = await new DataPlane(VARS, backends.answer).send('POST', PATH, ann)
    expect(made.id).toMatch(/^slc_/)
    expect(made.text).not.toContain(backends.lastId)
  })

  it.each([
    ['completed', {}, { requests: 1, outcomes: {} }],
    [
      undefined,
      { status: 'failed', error: { code: 'oom', message: 'CUDA' } },
      { requests: 1, outcomes: { job_failed: 1 } },
    ],
  ])('with its video in it, of any length, is a job: %s %j', async (status, behind, expected) => {
    const video = 'AAAA'.repeat(2_200_000)
    const job = (id: string, at: string) => {
      const data = [{ output_format: 'mp4', b64_json: video, fps: 16 }]
      return { id, object: 'video', status, created: 1, data, note: `${id}, ${at}/v1/videos/${id}`, ...behind }
    }
    const text = JSON.stringify(job('dyn-0001', 'http://control.test'))
    for (const length of [{}, { 'content-length': `${text.length}` }] as Record<string, string>[]) {
      const headers = { 'content-type': 'application/json', ...length }
      const plane = new DataPlane({ RELEASE_A: releaseTable('objects') }, () => new Response(text, { headers }))
      const response = await plane.request('POST', PATH, {
        headers: { 'content-type': 'application/json', 'x-user-id': 'ann' },
        body: JSON.stringify(ann.body),
      })
      const shown = await response.text()
      const id = /"id":"(slc_[^"]+)"/.exec(shown.slice(0, 200))?.[1] ?? ''
      // Too long to be shown where it differs.
      expect(shown === JSON.stringify(job(id, GATEWAY))).toBe(true)
      await plane.send('GET', PATH, { as: 'ann' })
      expect(plane.counted('submit')).toEqual({ 'control ok': 1 })
    }
    expect(await counted(ledger(), 'job')).toEqual(expected)
  })

  it('that breaks off is a broken connection, and no timeout', async () => {
    const plane = new DataPlane(VARS, brokenOff)
    const reply = await plane.send('POST', PATH, ann)
    expect([reply.status, reply.code]).toEqual([502, 'upstream_unreachable'])
    expect(reply.headers.get('x-should-retry')).toBe('false')
  })

  it('of the backend’s own error passes unchanged', async () => {
    const error = { error: { message: 'CUDA error: device-side assert triggered' } }
    const plane = new DataPlane(VARS, () => Response.json(error, { status: 500 }))
    const reply = await plane.send('POST', PATH, ann)
    expect([reply.status, JSON.parse(reply.text)]).toEqual([500, error])
    expect(reply.headers.get('x-should-retry')).toBe('false')
  })

  it('that does not come is a timeout, sent once, which no client is invited to repeat', async () => {
    const plane = new DataPlane(VARS, hangs)
    const reply = await letPass(10_000, plane.send('POST', PATH, ann))
    expect([reply.status, reply.code, reply.headers.get('x-should-retry')]).toEqual([504, 'upstream_timeout', 'false'])
    expect(plane.calls).toHaveLength(1)
    expect(plane.counted('submit')).toEqual({ 'control timeout': 1 })
  })
})

describe('with failover', () => {
  it.each<[string, Answer, string]>([
    ['answers 500', () => new Response('no', { status: 500 }), 'http_5xx'],
    ['drops the connection', () => null, 'unreachable'],
    ['hangs', hangs, 'timeout'],
  ])('a candidate that %s is answered for by control, and counted as failed', async (_, failing, outcome) => {
    const backends = new ScriptedBackends()
    const plane = new DataPlane({ RELEASE_A: releaseTable(RELEASE, { failover: true }) }, (call) =>
      call.url.host === 'candidate.test' ? failing(call) : backends.answer(call),
    )
    plane.stage(RELEASE, { state: 'canary', percent: 100, failover: true })
    const reply = await letPass(60_000, plane.send('POST', PATH, ann))
    expect([reply.status, reply.arm, reply.headers.get('x-sluice-reason')]).toEqual([200, 'control', 'failover'])
    expect(plane.calls.map(({ url }) => url.host)).toEqual(['candidate.test', 'control.test'])
    expect((await plane.send('GET', `${PATH}/${reply.id}`, { as: 'ann' })).arm).toBe('control')
    expect(plane.counted('submit')).toEqual({ [`candidate ${outcome}`]: 1, 'control ok': 1 })
  })
})

describe('copies for the shadow', () => {
  /** As Dynamo, which answers with the video itself and has no other route. */
  it.each([
    ['made', 'completed', {}, {}],
    ['of megabytes', 'completed', { data: [{ b64_json: 'A'.repeat(3_000_000) }] }, {}],
    ['refused', 'failed', { error: { code: 400, message: 'no' } }, { content_refused: 1 }],
    ['that failed', 'failed', { error: 'CUDA out of memory' }, { job_failed: 1 }],
  ])('with a video at once, %s, have ended as their answers say', async (_, status, more, outcomes) => {
    const backends = new ScriptedBackends()
    const vars = { RELEASE_A: releaseTable('objects') }
    const plane = new DataPlane(vars, (call) => {
      if (call.url.host === 'control.test') return backends.answer(call)
      return call.method === 'POST'
        ? Response.json({ id: 'd-1', status, ...more })
        : new Response(null, { status: 404 })
    })
    plane.stage('objects', { state: 'shadow', shadow: SHADOW })
    expect((await plane.send('POST', PATH, ann)).status).toBe(200)
    expect(plane.counted('submit')).toEqual({ 'control ok': 1, 'candidate ok': 1 })
    const { funnel, dropped } = await ledger().report({ fromMs: 0, toMs: 0, overdue: null })
    expect([funnel, dropped]).toMatchObject([{ submitted: 1, finished: 1 }, {}])
    expect(await counted(ledger(), 'job')).toEqual({ requests: 1, outcomes })
    vi.setSystemTime(Date.now() + 60_000)
    await runDurableObjectAlarm(ledger())
    expect(plane.calls.filter(({ url, method }) => url.host === 'candidate.test' && method === 'GET')).toEqual([])
  })

  it('follow the stage that the isolate knows, each under a key of its own whatever the request id', async () => {
    const backends = new ScriptedBackends()
    const plane = new DataPlane(VARS, backends.answer)
    const copies = () => plane.calls.filter(({ headers }) => headers.has('x-sluice-shadow'))
    const twenty = async () => {
      for (let i = 0; i < 20; i++)
        expect((await plane.send('POST', PATH, { ...ann, headers: { 'x-request-id': 'one' } })).arm).toBe('control')
    }
    plane.stage(RELEASE, { state: 'shadow', shadow: SHADOW })
    await twenty()
    expect(copies().map(({ url }) => url.host)).toEqual(Array(20).fill('candidate.test'))
    expect(new Set(copies().map(({ headers }) => headers.get('idempotency-key'))).size).toBe(20)
    plane.stage(RELEASE, { shadow: { ...SHADOW, sample: 0 } })
    await twenty()
    expect(copies()).toHaveLength(20)
    plane.stage(RELEASE, { shadow: SHADOW })
    await twenty()
    expect(copies()).toHaveLength(40)
  })

  it.each<[string, Answer, string]>([
    ['breaks off', brokenOff, 'unreachable'],
    ['does not come', hangs, 'timeout'],
    ['holds no job', () => Response.json({ ok: true }), 'bad_output'],
  ])('whose answer %s are counted as that', async (_, answer, outcome) => {
    const backends = new ScriptedBackends()
    const plane = new DataPlane(VARS, (call) => (call.url.host === 'control.test' ? backends : { answer }).answer(call))
    plane.stage(RELEASE, { state: 'shadow', shadow: SHADOW })
    expect((await letPass(10_000, plane.send('POST', PATH, ann))).status).toBe(200)
    expect(plane.counted('submit')).toEqual({ 'control ok': 1, [`candidate ${outcome}`]: 1 })
  })
})
