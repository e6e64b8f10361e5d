/** `Idempotency-Key` over real ledgers: one key of one subject makes one job, whatever has become of the split or of the first submit. */
import { describe, expect, it } from 'vitest'
import {
  type Answer,
  type Asked,
  DataPlane,
  hangs,
  inStillTime,
  letPass,
  releaseTable,
  until,
} from '../../support/workerd/data-plane.ts'
import { subjectsOf } from '../../support/subjects.ts'
import { ScriptedBackends } from '../../support/workerd/scripted-backend.ts'

const RELEASE = 'wan22'
const PATH = '/v1/videos'
const VARS = { RELEASE_A: releaseTable(RELEASE) }
const [subject, other] = subjectsOf(RELEASE, 'candidate', 50, 2) as [string, string]

inStillTime()

function planeOf(answer: Answer = new ScriptedBackends().answer, vars: Record<string, unknown> = VARS): DataPlane {
  return new DataPlane(vars, answer)
}

function send(plane: DataPlane, key: string, more: Partial<Asked> = {}) {
  return plane.send('POST', PATH, { as: subject, body: { prompt: 'a' }, headers: { 'idempotency-key': key }, ...more })
}

describe('an Idempotency-Key', () => {
  it.each([
    ['tagged', 1],
    ['native', 1],
    ['native', 8],
  ])(
    'makes one job, answered again after a rollback, also by another isolate: %s, %i ledgers',
    async (id_mode, ledger_shards) => {
      const backends = new ScriptedBackends()
      const vars = { RELEASE_A: releaseTable(RELEASE, { id_mode, ledger_shards }) }
      const plane = planeOf(backends.answer, vars)
      plane.canary(RELEASE, 50)
      const first = await send(plane, 'once')
      expect([first.status, first.arm]).toEqual([200, 'candidate'])
      plane.rollBack(RELEASE)
      expect((await plane.send('POST', PATH, { as: subject, body: { prompt: 'a' } })).arm).toBe('control')
      for (const at of [plane, planeOf(backends.answer, vars)]) {
        const again = await send(at, 'once')
        expect([again.status, again.id, again.arm]).toEqual([200, first.id, 'candidate'])
        expect(at.callsOf('POST')).toHaveLength(at === plane ? 2 : 0)
      }
    },
  )

  it("is each subject's own", async () => {
    const plane = planeOf()
    const [mine, theirs] = [await send(plane, 'shared'), await send(plane, 'shared', { as: other })]
    expect([mine.status, theirs.status, theirs.id === mine.id]).toEqual([200, 200, false])
  })

  it('of a caller without identity makes one job', async () => {
    const plane = planeOf()
    const [first, again] = [await send(plane, 'anonymous', { as: null }), await send(plane, 'anonymous', { as: null })]
    expect([first.status, again.status, again.id]).toEqual([200, 200, first.id])
    expect(plane.callsOf('POST')).toHaveLength(1)
  })

  it('with another body is refused, and nothing is sent', async () => {
    const plane = planeOf()
    await send(plane, 'changed')
    const refused = await send(plane, 'changed', { body: { prompt: 'another' } })
    expect([refused.status, refused.code]).toEqual([422, 'idempotency_mismatch'])
    expect(plane.callsOf('POST')).toHaveLength(1)
  })

  it('is one over all releases', async () => {
    const plane = planeOf(new ScriptedBackends().answer, {
      RELEASE_A: releaseTable('measured', { match: { models: ['other'] } }),
      RELEASE_B: releaseTable(RELEASE),
    })
    const first = await send(plane, 'k1', { body: { prompt: 'a', model: 'm' } })
    expect([first.status, first.headers.get('x-sluice-release')]).toEqual([200, RELEASE])
    const again = await send(plane, 'k1', { body: { prompt: 'a', model: 'other' } })
    expect([again.status, again.code]).toEqual([422, 'idempotency_mismatch'])
    expect(plane.callsOf('POST')).toHaveLength(1)
  })

  it('whose first request is still under way is a conflict, and one job comes of both', async () => {
    const backends = new ScriptedBackends()
    const answering = Promise.withResolvers<void>()
    const plane = planeOf(async (call) => (await answering.promise, backends.answer(call)))
    const first = send(plane, 'twice')
    await until('the backend is asked', () => plane.calls.length === 1)
    const second = await send(plane, 'twice')
    expect([second.status, second.code, second.headers.get('retry-after')]).toEqual([409, 'idempotency_in_flight', '1'])
    answering.resolve()
    const job = await first
    expect([job.status, (await send(plane, 'twice')).id]).toEqual([200, job.id])
    expect(plane.callsOf('POST')).toHaveLength(1)
  })

  it('whose answer was a whole video is not repeatable, and generates nothing anew', async () => {
    const video = 'A'.repeat(9_000_000)
    const plane = planeOf(() => Response.json({ id: 'v', status: 'completed', data: [{ b64_json: video }] }))
    const first = await send(plane, 'big')
    expect([first.status, first.text.includes(video)]).toEqual([200, true])
    const again = await send(plane, 'big')
    expect([again.status, again.code]).toEqual([409, 'idempotency_not_repeatable'])
    expect(again.headers.get('x-should-retry')).toBe('false')
    expect(plane.callsOf('POST')).toHaveLength(1)
  })

  it('holds after the signing key was rotated, as do jobs and lists', async () => {
    const backends = new ScriptedBackends()
    const sharded = { RELEASE_A: releaseTable(RELEASE, { ledger_shards: 4 }) }
    const subjects = ['rob', 'ron', 'ray', 'roy', 'rex', 'rik']
    const made = new Map<string, string>()
    const before = planeOf(backends.answer, sharded)
    for (const as of subjects) made.set(as, (await send(before, 'before', { as })).id)
    const SLUICE_COOKIE_KEY = 'a-new-cookie-key,a-cookie-key-for-tests-only'
    const after = planeOf(backends.answer, { ...sharded, SLUICE_COOKIE_KEY })
    for (const as of subjects) {
      const again = await send(after, 'before', { as })
      expect([as, again.status, again.id]).toEqual([as, 200, made.get(as)])
      const { data } = JSON.parse((await after.send('GET', PATH, { as })).text) as { data: { id: string }[] }
      expect([as, data.map(({ id }) => id)]).toEqual([as, [made.get(as)]])
    }
    expect(after.callsOf('POST')).toEqual([])
  })
})

describe('an Idempotency-Key whose first submit failed', () => {
  /** Two submits under one key, and how many of them were sent. */
  async function repeated(answer: Answer, vars = VARS) {
    const plane = planeOf(answer, vars)
    if (vars !== VARS) plane.stage(RELEASE, { state: 'canary', percent: 100, failover: true })
    const replies = [await letPass(60_000, send(plane, 'k')), await send(plane, 'k')] as const
    return { replies, statuses: replies.map(({ status }) => status), submits: plane.callsOf('POST').length }
  }

  it.each([400, 401, 403, 404, 405, 413, 415, 422, 429])('is free after %d: nothing was begun', async (status) => {
    const { statuses, submits } = await repeated(() => Response.json({ error: { message: 'no' } }, { status }))
    expect([statuses, submits]).toEqual([[status, status], 2])
  })

  it.each([402, 408, 409, 410, 500, 501, 502, 503, 504, 520, 521, 522, 523, 524, 599])(
    'answers %d again and sends nothing: a job may exist',
    async (status) => {
      const html = { 'content-type': 'text/html' }
      const { replies, submits } = await repeated(() => new Response('<h1>no</h1>', { status, headers: html }))
      for (const { headers, ...reply } of replies)
        expect([reply.status, headers.get('content-type'), reply.text]).toEqual([status, 'text/html', '<h1>no</h1>'])
      expect([submits, replies[1].headers.get('x-should-retry')]).toEqual([1, 'false'])
    },
  )

  it.each<[string, Answer, number, string]>([
    ['broke off', () => null, 502, 'upstream_unreachable'],
    ['did not answer', hangs, 504, 'upstream_timeout'],
  ])('answers again that its backend %s', async (_, answer, status, code) => {
    const { replies, statuses, submits } = await repeated(answer)
    expect([statuses, replies[1].code, submits]).toEqual([[status, status], code, 1])
  })

  it('sends nothing again after an error of 20 MB, which its client gets whole', async () => {
    const { replies, statuses, submits } = await repeated(() => new Response('x'.repeat(20_000_000), { status: 502 }))
    expect([statuses, submits]).toEqual([[502, 502], 1])
    expect([replies[0].text.length, replies[1].code]).toEqual([20_000_000, 'idempotency_not_repeatable'])
  })

  it('waits for no error that does not end', async () => {
    const endless = () => {
      const start = (controller: ReadableStreamDefaultController) =>
        controller.enqueue(new TextEncoder().encode('an endless'))
      return new Response(new ReadableStream({ start }), { status: 502 })
    }
    const { replies, submits } = await repeated(endless)
    expect(replies.map(({ status, text }) => [status, text])).toEqual(Array(2).fill([502, 'an endless']))
    expect(submits).toBe(1)
  })

  it.each([
    ['is kept where the candidate may have begun a job before control refused', 500, 2, 'false'],
    ['is free where both arms say that nothing was begun', 429, 4, null],
  ])('%s', async (_, status, times, retry) => {
    const { replies, statuses, submits } = await repeated(
      ({ url }) =>
        Response.json({ error: { message: 'no' } }, { status: url.host === 'candidate.test' ? status : 429 }),
      { RELEASE_A: releaseTable(RELEASE, { failover: true }) },
    )
    expect([statuses, submits, replies[0].headers.get('x-should-retry')]).toEqual([[429, 429], times, retry])
  })
})
