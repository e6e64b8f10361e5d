/** A submit makes one job and no second: keys against repetition, failover to control, and what clients are told not to retry. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ControlClient, eventually } from '../support/control-client.ts'
import { poll, type Reply, routedBy, submit, subjectsOf } from '../support/data-plane.ts'
import { drops, OddBackend, sendJson } from '../support/odd-backend.ts'
import { type Backends, Gateway, release, startBackends, urlsOf } from '../support/processes.ts'

const KEYED = 'with_keys'
const FAILING_OVER = 'with_failover'

let backends: Backends
let odd: OddBackend
let gateway: Gateway
let keyed: ControlClient
let failingOver: ControlClient

beforeAll(async () => {
  backends = await startBackends(0.2)
  odd = await OddBackend.start('odd')
  const urls = urlsOf(backends)
  gateway = new Gateway({
    releases: {
      A: release(KEYED, urls, { match: { models: ['keyed'] }, arms: { control: { timeout: '5s' } } }),
      B: release(FAILING_OVER, urls, {
        match: { models: ['failover'] },
        failover: true,
        arms: { candidate: { timeout: '5s' } },
      }),
      C: release('odd', { control: odd.url, candidate: odd.url }, { match: { models: ['odd'] } }),
      D: release(
        'both_odd',
        { control: `${odd.url}/control`, candidate: `${odd.url}/candidate` },
        { match: { models: ['both odd'] }, failover: true },
      ),
    },
  })
  await gateway.start()
  keyed = new ControlClient(gateway, KEYED)
  failingOver = new ControlClient(gateway, FAILING_OVER)
  await keyed.act('start', { stage: 'canary-50' })
  await failingOver.act('start', { stage: 'canary-100' })
  await new ControlClient(gateway, 'both_odd').act('start', { stage: 'canary-100' })
  await routedBy(gateway, 'canary-50', { model: 'keyed' })
  await routedBy(gateway, 'canary-100', { model: 'failover' })
  await routedBy(gateway, 'canary-100', { model: 'both odd' })
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([backends?.control.close(), backends?.candidate.close(), odd?.close()])
})

const own = () => backends.control.submits.own + backends.candidate.submits.own

describe('an Idempotency-Key', () => {
  const [subject, other] = subjectsOf(KEYED, 'candidate', 50, 2) as [string, string]
  const send = (key: string, more: { as?: string; prompt?: string } = {}) =>
    submit(gateway, more.as ?? subject, {
      model: 'keyed',
      headers: { 'idempotency-key': key },
      ...(more.prompt === undefined ? {} : { prompt: more.prompt }),
    })

  it('makes one job, answered again after a rollback though new submits go to control', async () => {
    const before = own()
    const first = await send('once')
    expect([first.status, first.arm]).toEqual([200, 'candidate'])
    await keyed.act('rollback')
    await routedBy(gateway, 'rolled_back', { model: 'keyed' })
    const settled = own()
    const again = await send('once')
    expect([again.status, again.id, again.arm]).toEqual([200, first.id, 'candidate'])
    expect(own()).toBe(settled)
    expect(settled).toBeGreaterThan(before)
  })

  it("is each subject's own", async () => {
    const mine = await send('shared')
    const theirs = await send('shared', { as: other })
    expect([mine.status, theirs.status]).toEqual([200, 200])
    expect(theirs.id).not.toBe(mine.id)
  })

  it('with another body is refused, and nothing is sent', async () => {
    await send('changed')
    const before = own()
    const refused = await send('changed', { prompt: 'another prompt' })
    expect([refused.status, JSON.parse(refused.text).error.code]).toEqual([422, 'idempotency_mismatch'])
    expect(own()).toBe(before)
  })

  it('whose first request is still under way is a conflict, and one job comes of both', async () => {
    const before = own()
    for (const arm of ['control', 'candidate'] as const) backends[arm].setFaults({ latency_ms: 2000 })
    const both = await Promise.all([send('twice'), send('twice')])
    for (const arm of ['control', 'candidate'] as const) backends[arm].setFaults({ latency_ms: 0 })
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409])
    const conflict = both.find(({ status }) => status === 409)!
    expect(JSON.parse(conflict.text).error.code).toBe('idempotency_in_flight')
    expect(own()).toBe(before + 1)
    const job = both.find(({ status }) => status === 200)!
    expect((await send('twice')).id).toBe(job.id)
    expect(own()).toBe(before + 1)
  })
})

describe('an Idempotency-Key whose first submit failed', () => {
  const repeated = async (key: string, model = 'odd') => {
    const before = odd.submits.length
    const send = () => submit(gateway, 'repeats', { model, headers: { 'idempotency-key': key } })
    const replies = [await send(), await send()] as [Reply, Reply]
    return { replies, submits: odd.submits.length - before }
  }

  it.each([400, 401, 403, 404, 405, 413, 415, 422, 429])(
    'is free after %d, which says that nothing was begun',
    async (status) => {
      odd.answers((_, response) => sendJson(response, status, { error: { message: 'no' } }))
      const { replies, submits } = await repeated(`free-${status}`)
      expect([replies.map((reply) => reply.status), submits]).toEqual([[status, status], 2])
    },
  )

  it.each([402, 408, 409, 410, 500, 501, 502, 503, 504, 520, 521, 522, 523, 524, 599])(
    'answers %d again and sends nothing: a job may exist',
    async (status) => {
      odd.answers((_, response) => response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>no</h1>'))
      const { replies, submits } = await repeated(`kept-${status}`)
      const shown = replies.map((reply) => [reply.status, reply.headers.get('content-type'), reply.text])
      expect([shown[1], submits]).toEqual([shown[0], 1])
      expect(shown[0]).toEqual([status, 'text/html', '<h1>no</h1>'])
      expect(replies[1].headers.get('x-should-retry')).toBe('false')
    },
  )

  it('answers again that its backend broke off', async () => {
    odd.answers(drops)
    const { replies, submits } = await repeated('kept-drop')
    expect([replies.map(({ status }) => status), submits]).toEqual([[502, 502], 1])
    expect(JSON.parse(replies[1].text).error.code).toBe('upstream_unreachable')
  })

  it('sends nothing again after an error of 20 MB, which its client gets whole', async () => {
    odd.answers((_, response) => response.writeHead(502, { 'content-type': 'text/plain' }).end('x'.repeat(20_000_000)))
    const { replies, submits } = await repeated('kept-large')
    expect([replies.map(({ status }) => status), submits]).toEqual([[502, 502], 1])
    expect(replies[0].text.length).toBe(20_000_000)
    expect(JSON.parse(replies[1].text).error.code).toBe('idempotency_not_repeatable')
  })

  it('waits for no error that does not end', async () => {
    odd.answers((_, response) => void response.writeHead(502, { 'content-type': 'text/plain' }).write('an endless'))
    const { replies, submits } = await repeated('kept-endless')
    expect(replies.map(({ status, text }) => [status, text])).toEqual(Array(2).fill([502, 'an endless']))
    expect(submits).toBe(1)
  })

  it.each([
    ['is kept where the candidate may have begun a job before control refused', 500, [429, 429], 2],
    ['is free where both arms say that nothing was begun', 429, [429, 429], 4],
  ] as const)('%s', async (_, candidate, statuses, times) => {
    odd.answers(({ path }, response) =>
      sendJson(response, path.startsWith('/candidate') ? candidate : 429, { error: { message: 'no' } }),
    )
    const { replies, submits } = await repeated(`failover-${candidate}`, 'both odd')
    expect([replies.map(({ status }) => status), submits]).toEqual([statuses, times])
    const isUncertain = times === 2
    expect(replies[0].headers.get('x-should-retry')).toBe(isUncertain ? 'false' : null)
  })
})

describe('a submit that may have reached its backend', () => {
  const [subject] = subjectsOf(KEYED, 'control', 50, 1) as [string]

  it.each([
    ['hangs', { hang: true }, 504, 'upstream_timeout'],
    ['drops the connection', { refuse: true }, 502, 'upstream_unreachable'],
  ] as const)('is sent once and never invited to be repeated, when the backend %s', async (_, fault, status, code) => {
    const before = own()
    backends.control.setFaults(fault)
    const reply = await submit(gateway, subject, { model: 'keyed' })
    backends.control.setFaults({ hang: false, refuse: false })
    expect([reply.status, JSON.parse(reply.text).error.code]).toEqual([status, code])
    expect(reply.headers.get('x-should-retry')).toBe('false')
    expect(own()).toBe(before + 1)
  })

  it("passes the backend's own error through unchanged", async () => {
    backends.control.setFaults({ error_rate: 1 })
    const reply = await submit(gateway, subject, { model: 'keyed' })
    backends.control.setFaults({ error_rate: 0 })
    expect(reply.status).toBe(500)
    expect(JSON.parse(reply.text)).toMatchObject({ error: { message: 'CUDA error: device-side assert triggered' } })
    expect(reply.headers.get('x-should-retry')).toBe('false')
  })
})

describe('with failover', () => {
  it.each([
    ['answers 500', { error_rate: 1 }, 'http_5xx'],
    ['drops the connection', { refuse: true }, 'unreachable'],
    ['hangs', { hang: true }, 'timeout'],
  ] as const)('a candidate that %s is answered for by control, and counted as failed', async (_, fault, outcome) => {
    const since = Date.now() - 1000
    const seen = { control: backends.control.submits.own, candidate: backends.candidate.submits.own }
    backends.candidate.setFaults(fault)
    const reply = await submit(gateway, 'failed-over', { model: 'failover' })
    backends.candidate.setFaults({ error_rate: 0, refuse: false, hang: false })
    expect([reply.status, reply.arm, reply.headers.get('x-sluice-reason')]).toEqual([200, 'control', 'failover'])
    expect(backends.control.submits.own).toBe(seen.control + 1)
    expect(backends.candidate.submits.own).toBe(seen.candidate + 1)
    expect((await poll(gateway, reply.id, 'failed-over')).arm).toBe('control')
    await eventually(
      'the failure is counted under the candidate',
      () => failingOver.counters(since),
      (rows) => rows.some((row) => row.arm === 'candidate' && row.operation === 'submit' && row.errors[outcome] === 1),
    )
  })
})
