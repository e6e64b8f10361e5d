/**
 * Whatever a running control plane answers, to whomever and on whatever input, is what its own OpenAPI document says:
 * a status, a media type or a field that stands nowhere in it fails here.
 */
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashToken } from '../../src/auth/tokens.ts'
import { ControlClient, eventually } from '../support/control-client.ts'
import { inParallel, pollToEnd, routedBy, submit } from '../support/data-plane.ts'
import { subjectsOf } from '../support/subjects.ts'
import { OpenApi, type OpenApiDocument, type Operation } from '../support/openapi.ts'
import { type Asker, type Call, CALLERS, callsOf, mayCall } from '../support/openapi-calls.ts'
import { JudgedClient, send } from '../support/openapi-client.ts'
import { goodCall } from '../support/openapi-samples.ts'
import { type Backends, Gateway, release, startBackends, tokenOf, urlsOf } from '../support/processes.ts'

const RELEASE = 'wan22_t2v_abtest'
/** Whose live configuration takes two people. */
const REVIEWED = 'reviewed'
/** Each is a request to the running gateway; exploring sends more. */
const RUNS_AN_OPERATION = process.env['SLUICE_EXPLORE'] ? 60 : 6
const PAGE_KEY = 'a-key-in-a-page'

let backends: Backends
let gateway: Gateway
let control: ControlClient
let api: OpenApi
let client: JudgedClient
let proposed = 0

beforeAll(async () => {
  backends = await startBackends(0.2)
  const guardrails = [
    { metric: 'error_rate', operations: ['submit', 'job'], max: 0.5, for_windows: 2, min_requests: 2 },
    { metric: 'signal:fvd', max_over_control: 0.1, min_samples: 2, action: 'pause' },
  ]
  const metrics = [{ name: 'liked', kind: 'proportion', role: 'primary', direction: 'increase', mde: 0.1 }]
  gateway = new Gateway({
    releases: {
      A: release(RELEASE, urlsOf(backends), { guardrails, metrics }),
      B: release(REVIEWED, urlsOf(backends), { require_review: true, match: { models: ['none'] } }),
    },
    secrets: { SLUICE_EVENT_KEYS: JSON.stringify([{ name: 'page', sha256: hashToken(PAGE_KEY) }]) },
  })
  await gateway.start()
  control = new ControlClient(gateway, RELEASE)
  const answer = await fetch(`${gateway.url}/_sluice/api/v1/openapi.json`, {
    headers: { authorization: `Bearer ${tokenOf('viewer')}` },
  })
  api = new OpenApi((await answer.json()) as OpenApiDocument)
  client = new JudgedClient(api, gateway.url)
})

/** Where a change request is named, it is a new one of the caller's own; a version, that of the file alone. */
async function goodCallNow(operation: Operation, as: Asker): Promise<Call> {
  const call = goodCall(operation, RELEASE, as)
  if (operation.path.includes('{version}')) return { ...call, at: 0 }
  if (!operation.path.includes('{id}')) return call
  const proposing = api.operation('proposeChange')
  const author = mayCall(as, proposing) ? as : 'admin'
  // Never what acts already: that would be no change.
  const proposal = { title: 'other', patch: { min_jobs: ++proposed } }
  const { body } = await client.call(proposing, { as: author, name: RELEASE, body: JSON.stringify(proposal) })
  return { ...call, at: (body as { id: number }).id }
}

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([backends?.control.close(), backends?.candidate.close()])
})

describe('the answers of a release at work', () => {
  /** Each operation that reads, once, as a viewer or whoever may. */
  const readAll = async () => {
    for (const operation of api.operations.filter(({ method }) => method === 'get')) {
      const answer = await client.call(operation, await goodCallNow(operation, 'admin'))
      expect(answer.status, operation.path).toBe(200)
    }
  }
  const traffic = async (percent: number) => {
    const subjects = [...subjectsOf(RELEASE, 'control', percent, 6), ...subjectsOf(RELEASE, 'candidate', percent, 6)]
    await inParallel(subjects, 6, async (subject) => {
      const { id } = await submit(gateway, subject)
      if (id !== '') await pollToEnd(gateway, id, subject)
    })
  }

  it('are described in every state: idle, shadow, canary, paused, rolled back by a guardrail, reset', async () => {
    await readAll()
    await control.act('start')
    await routedBy(gateway, 'shadow')
    await traffic(50)
    await eventually(
      'pairs are listed',
      () => control.call('GET', '/pairs'),
      ({ body }) => (body as { items: unknown[] }).items.length > 0,
    )
    await readAll()
    await control.act('advance', { force: true })
    await control.act('set_percent', { percent: 50 })
    await routedBy(gateway, 'canary-1')
    await traffic(50)
    await control.act('pause')
    await readAll()
    await control.act('resume')
    backends.candidate.setFaults({ error_rate: 1 })
    // One user's failures in a row would be taken for one.
    const subjects = subjectsOf(RELEASE, 'candidate', 50, 12)
    await eventually(
      'the guardrail rolls back',
      async () => {
        await inParallel(subjects, 4, (each) => submit(gateway, each))
        return control.view()
      },
      ({ state }) => state === 'rolled_back',
    )
    backends.candidate.setFaults({ error_rate: 0 })
    await control.until('its cost is summed up', ({ blast_radius: cost }) => cost !== null)
    await readAll()
    await control.act('reset')
    await control.act('start', { stage: 'canary-20' })
    await readAll()
  })

  it('are described for each role, on what is good for those who may', async () => {
    for (const operation of api.operations) {
      for (const as of CALLERS) {
        const { status } = await client.call(operation, await goodCallNow(operation, as))
        if (mayCall(as, operation)) expect(status, `${operation.operationId} as ${as}`).toBe(200)
      }
    }
  })
})

describe('refusals', () => {
  it('of bodies and versions that cannot be are described', async () => {
    for (const operation of api.operations.filter(({ body }) => Object.keys(body).length > 0)) {
      const asked = goodCall(operation, RELEASE, 'admin')
      const bad: [number, Partial<Call>][] = [
        [400, { body: '{' }],
        [400, { body: '{"no_such_key":1}' }],
        [413, { body: 'x'.repeat(operation.responses['207'] ? 1_048_577 : 65_537) }],
        [415, { headers: { 'content-type': 'application/xml' } }],
      ]
      for (const [status, call] of bad) {
        expect((await client.call(operation, { ...asked, ...call })).status, operation.operationId).toBe(status)
      }
    }
    for (const operation of api.operations.filter(({ responses }) => responses['412'])) {
      const now = await goodCallNow(operation, 'admin')
      // By its header, or by the revision in its body.
      const body = now.body?.replace('"revision":1', '"revision":999')
      const stale = { ...now, body, headers: { 'if-match': '"999999"' } }
      expect((await client.call(operation, stale)).status, operation.operationId).toBe(412)
    }
    const act = api.operation('actOnRelease')
    const illegal = await client.call(act, {
      ...goodCall(act, RELEASE, 'operator'),
      body: JSON.stringify({ action: 'start' }),
    })
    expect(illegal.status).toBe(409)
  })

  it('of changes that take a second person, or that are no longer open, are described', async () => {
    const operation = (id: string) => api.operation(id)
    const patch: Call = { as: 'admin', name: REVIEWED, body: '{"bake":"2s"}' }
    const inNeed = { ...patch, query: { break_glass: 'true', reason: 'on fire' } }
    expect((await client.call(operation('patchConfig'), inNeed)).status).toBe(200)
    const propose = { ...patch, body: '{"title":"more","patch":{"bake":"3s"}}' }
    expect((await client.call(operation('proposeChange'), propose)).status).toBe(200)
    const own = { ...patch, at: 1, body: '{"revision":1,"verdict":"approve"}' }
    const alone: [string, Call][] = [
      ['patchConfig', { ...patch, body: '{"bake":"4s"}' }],
      ['clearConfig', { as: 'admin', name: REVIEWED }],
      ['restoreVersion', { as: 'admin', name: REVIEWED, at: 0 }],
      ['reviewChange', own],
      ['publishChange', { ...own, body: '{"revision":1}' }],
    ]
    for (const [id, call] of alone) expect((await client.call(operation(id), call)).status, id).toBe(409)
    const revision = { ...own, body: '{"revision":1}' }
    expect((await client.call(operation('discardChange'), revision)).status).toBe(200)
    for (const id of ['editChange', 'rebaseChange', 'discardChange', 'publishChange'])
      expect((await client.call(operation(id), revision)).status, id).toBe(409)
  })

  it('of queries that say nothing are described', async () => {
    for (const operation of api.operations) {
      const query = operation.parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => [name, ''])
      const call = { ...goodCall(operation, RELEASE, 'admin'), query: Object.fromEntries(query) }
      if (query.length > 0) expect((await client.call(operation, call)).status, operation.operationId).toBe(400)
    }
  })

  it('of methods that the document does not name are 405', async () => {
    for (const path of new Set(api.operations.filter(({ role }) => role !== null).map((operation) => operation.path))) {
      const here = api.operations.filter((operation) => operation.path === path)
      const method = ['post', 'delete'].find((each) => here.every((operation) => operation.method !== each))!
      const answer = await send(gateway.url, { ...here[0]!, method }, { as: 'admin', name: RELEASE })
      expect(answer.status, `${method} ${path}`).toBe(405)
      expect(api.faultsOf('Error', answer.body)).toEqual([])
    }
  })

  it('of a change with a key in its query that it does not know are 400', async () => {
    for (const operation of api.operations.filter(({ method }) => method !== 'get')) {
      const call = goodCall(operation, RELEASE, 'admin')
      const { status, body } = await client.call(operation, { ...call, query: { ...call.query, dry: 'true' } })
      expect([status, body], operation.operationId).toMatchObject([400, { error: { details: [{ path: 'dry' }] } }])
    }
  })

  it('of a batch are row by row', async () => {
    const signals = api.operation('postSignals')
    const [row] = JSON.parse(goodCall(signals, RELEASE, 'operator').body!) as [object]
    const rows = [row, { ...row, value: 'high' }, { ...row, release: 'no_such_release' }]
    const lines = rows.map((each) => JSON.stringify(each)).join('\n')
    for (const call of [
      { body: JSON.stringify(rows) },
      { body: lines, headers: { 'content-type': 'application/x-ndjson' } },
    ]) {
      const { status, body } = await client.call(signals, { as: 'operator', ...call })
      expect(status).toBe(207)
      expect(body).toMatchObject({ accepted: 1, details: [{ path: '1.value' }, { path: expect.stringMatching(/^2/) }] })
    }
    const postEvents = api.operation('postEvents')
    const [event] = JSON.parse(goodCall(postEvents, RELEASE, 'operator').body!) as [object]
    const events = JSON.stringify([event, { ...event, subject: undefined }])
    expect((await client.call(postEvents, { as: 'operator', body: events })).status).toBe(207)
    const flood = JSON.stringify(Array.from({ length: 1000 }, () => event))
    const page = { as: 'operator', headers: { 'x-sluice-key': PAGE_KEY }, body: flood } as const
    const statuses: number[] = []
    while (!statuses.includes(429) && statuses.length < 10) statuses.push((await client.call(postEvents, page)).status)
    expect(statuses.at(-1)).toBe(429)
  })

  it('of a release that is not there are 404, wherever one is named', async () => {
    for (const operation of api.operations.filter(({ path }) => path.includes('{name}'))) {
      const { status } = await client.call(operation, {
        ...goodCall(operation, RELEASE, 'admin'),
        name: 'no such release',
      })
      expect(status, operation.operationId).toBe(404)
    }
    const assign = api.operation('assign')
    const query = { release: 'no such release', subject: 'user-1' }
    expect((await client.call(assign, { as: 'viewer', query })).status).toBe(404)
  })

  it("of a browser's change from another site's page are described", async () => {
    const login = await fetch(`${gateway.url}/_sluice/login`, {
      method: 'POST',
      headers: { origin: gateway.url, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ token: tokenOf('admin') }),
      redirect: 'manual',
    })
    const cookie = login.headers.get('set-cookie')!.split(';')[0]!
    for (const operation of api.operations.filter(({ method }) => method !== 'get')) {
      const call: Call = {
        ...goodCall(operation, RELEASE, 'nobody'),
        headers: { cookie, origin: 'https://elsewhere.example' },
      }
      expect((await client.call(operation, call)).status, operation.operationId).toBe(403)
    }
  })
})

it('every operation was seen to answer well and to refuse in each way that it can', () => {
  for (const { operationId, responses, role } of api.operations) {
    const reachable = Object.keys(responses).filter((status) => status !== '500' && status !== '503')
    const missing = reachable.filter((status) => !client.seen.has(`${operationId} ${status}`))
    // Whoever is known at all may do what a viewer may.
    expect(missing, operationId).toEqual(role === 'viewer' && missing.includes('403') ? ['403'] : [])
  }
})

describe('for any caller, query, version and body', () => {
  const known = {
    release: fc.constant<unknown>(RELEASE),
    cursor: fc.constantFrom<unknown>('1', 'x', '0'),
    reason: fc.constant<unknown>('a reason'),
    stage: fc.constantFrom<unknown>('shadow', 'canary-1', 'canary-50', 'canary-7'),
    subject: fc.constantFrom<unknown>('user-1', 'ünï', ' '),
  }

  it('each operation answers as the document says', async () => {
    // Streams and long polls wait: others go on meanwhile.
    await inParallel(api.operations, 4, (operation) =>
      fc.assert(
        fc.asyncProperty(callsOf(operation, api, known), async (call) => void (await client.call(operation, call))),
        { numRuns: RUNS_AN_OPERATION, endOnFailure: true },
      ),
    )
  })
})
