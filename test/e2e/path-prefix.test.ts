/** Backends that serve their API below a path prefix only: whatever Sluice asks by itself about a job goes there too. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { PairView } from '../../src/api/index.ts'
import { ControlClient, eventually } from '../support/control-client.ts'
import { call, type Reply } from '../support/data-plane.ts'
import { type Handler, jobOf, OddBackend, sendJson } from '../support/odd-backend.ts'
import { Gateway, release } from '../support/processes.ts'

const PREFIX = '/n'
const RELEASE = 'prefixed'
const RESCUED = 'prefixed_rescue'
const RESCUED_PREFIX = '/r'
const SUBJECT = 'alice'

let control: OddBackend
let candidate: OddBackend
let gateway: Gateway
let client: ControlClient

/** What each job is shown as by polls. */
let status = 'completed'

/** Knows its jobs below one of the prefixes and nothing at all elsewhere. */
const belowPrefix: Handler = ({ method, path }, response, backend) => {
  const [, id, below] = /^\/[nr]\/v1\/videos(?:\/([^/]+)(\/content)?)?$/.exec(path) ?? []
  if (method === 'POST' && /^\/[nr]\/v1\/videos$/.test(path))
    return sendJson(response, 200, jobOf(backend, backend.newId(), { status: 'queued', progress: 0 }))
  if (id === undefined || !backend.knows(id)) return sendJson(response, 404, { detail: 'Not Found' })
  if (below) return void response.writeHead(200, { 'content-type': 'video/mp4' }).end('a video')
  sendJson(response, 200, jobOf(backend, id, { status: method === 'DELETE' ? 'deleted' : status }))
}

beforeAll(async () => {
  ;[control, candidate] = await Promise.all([OddBackend.start('control'), OddBackend.start('candidate')])
  for (const backend of [control, candidate]) backend.answers(belowPrefix)
  const urls = { control: control.url, candidate: candidate.url }
  gateway = new Gateway({
    releases: {
      A: release(RELEASE, urls, { match: { paths: [PREFIX] }, quiet_after: '1s', job_timeout: '60s' }),
      B: release(RESCUED, urls, {
        match: { paths: [RESCUED_PREFIX] },
        quiet_after: '1s',
        job_timeout: '60s',
        rescue: true,
      }),
    },
  })
  await gateway.start()
  client = new ControlClient(gateway, RELEASE)
  await client.act('start')
  await eventually(
    'the data plane shadows',
    () => submit(PREFIX),
    ({ stage }) => stage === 'shadow',
  )
})

afterEach(() => {
  status = 'completed'
})

afterAll(async () => {
  await gateway?.remove()
  await Promise.all([control?.close(), candidate?.close()])
})

function submit(prefix: string, headers: Record<string, string> = {}): Promise<Reply> {
  const body = JSON.stringify({ prompt: 'a red fox', model: 'wan-t2v' })
  return call(gateway, 'POST', `${prefix}/v1/videos`, SUBJECT, {
    body,
    headers: { 'content-type': 'application/json', ...headers },
  })
}

function ended(of: ControlClient, id: string, shadow: boolean) {
  return eventually(
    `job ${id} ends`,
    async () => (await of.jobs()).find((job) => job.id === id && job.shadow === shadow),
    (job) => job !== undefined && job.ended_at !== null,
  )
}

it('a quiet job and its shadow copy end well by the ledger’s own looks, and their pair says where the videos are', async () => {
  const job = await submit(PREFIX)
  expect(job.stage).toBe('shadow')
  expect(await ended(client, job.id, false)).toMatchObject({ status: 'succeeded', outcome: 'ok' })
  expect(await ended(client, job.id, true)).toMatchObject({ status: 'succeeded', outcome: 'ok' })
  const { body } = await client.call('GET', '/pairs')
  const pair = (body as { items: PairView[] }).items.find(({ job_id: id }) => id === job.id)!
  for (const [side, { url }] of [
    [pair.control, control],
    [pair.candidate, candidate],
  ] as const) {
    expect(side.url).toBe(`${url}${PREFIX}/v1/videos/${side.id}/content`)
  }
})

it('a list shows the job, and a repeated submit is answered with it', async () => {
  const key = { 'idempotency-key': 'once' }
  const job = await submit(PREFIX, key)
  const listed = await call(gateway, 'GET', `${PREFIX}/v1/videos`, SUBJECT)
  const { data } = JSON.parse(listed.text) as { data: { id: string; status: string }[] }
  expect(data.find(({ id }) => id === job.id)).toMatchObject({ status: 'completed' })
  const again = await submit(PREFIX, key)
  expect({ status: again.status, id: again.id }).toEqual({ status: 200, id: job.id })
})

it('a running job of a candidate that is to be rescued is not sent to control', async () => {
  const rescued = new ControlClient(gateway, RESCUED)
  await rescued.act('start', { stage: 'canary-100' })
  await eventually(
    'the candidate serves',
    () => submit(RESCUED_PREFIX),
    ({ arm }) => arm === 'candidate',
  )
  const before = control.submits.length
  const job = await submit(RESCUED_PREFIX)
  expect(await ended(rescued, job.id, false)).toMatchObject({ status: 'succeeded', outcome: 'ok', rescued: false })
  expect(control.submits.length).toBe(before)
})

it('a rollback stops a shadow copy where it is', async () => {
  status = 'in_progress'
  const before = candidate.submits.length
  await submit(PREFIX)
  await eventually(
    'the copy is at the candidate',
    () => candidate.submits.length,
    (n) => n > before,
  )
  const copy = candidate.lastId
  await client.act('rollback')
  await eventually(
    'the copy is stopped',
    () => candidate.calls.filter(({ method }) => method === 'DELETE').map(({ path }) => path),
    (paths) => paths.includes(`${PREFIX}/v1/videos/${copy}`),
  )
})
