/** The example of a Worker of one's own with Sluice mounted in it, started as its README says. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type DemoGateway, startWorker } from '../../demo/gateway.ts'
import type { ReleaseView } from '../../src/api/index.ts'
import { eventually } from '../support/control-client.ts'
import { type Backends, startBackends } from '../support/processes.ts'

const CONFIG = 'examples/plugin/wrangler.toml'

const folder = mkdtempSync(join(tmpdir(), 'sluice-plugin-'))
let backends: Backends
let worker: DemoGateway

beforeAll(async () => {
  backends = await startBackends()
  worker = await startWorker(CONFIG, { folder, port: null, secrets: { RELEASE_WAN22: releaseOnFreePorts() } })
})

afterAll(async () => {
  await worker?.stop()
  await Promise.all([backends?.control.close(), backends?.candidate.close()])
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
})

/** The release of the example's own file, but for the backends' addresses. */
function releaseOnFreePorts(): string {
  interface Config {
    vars: { RELEASE_WAN22: { arms: Record<'control' | 'candidate', { url: string }> } }
  }
  const release = (parse(readFileSync(CONFIG, 'utf8')) as unknown as Config).vars.RELEASE_WAN22
  release.arms.control.url = backends.control.url
  release.arms.candidate.url = backends.candidate.url
  return JSON.stringify(release)
}

it('keeps its own routes', async () => {
  const answer = await fetch(`${worker.url}/hello`)
  expect(await answer.text()).toBe('my own route')
  expect(answer.headers.has('x-request-id')).toBe(false)
})

function submit(subject: string): Promise<Response> {
  const body = new FormData()
  for (const [name, value] of Object.entries({ prompt: 'a red fox', model: 'wan-t2v', seconds: '4' })) {
    body.append(name, value)
  }
  return fetch(`${worker.url}/v1/videos`, { method: 'POST', body, headers: { 'x-user-id': subject } })
}

it('proxies submits to the arms', async () => {
  const answer = await submit('user-1')
  expect(answer.status).toBe(200)
  expect(answer.headers.get('x-sluice-arm')).toBe('control')
  const { id } = (await answer.json()) as { id: string }
  expect(backends.control.submits.own).toBe(1)
  const polled = await fetch(`${worker.url}/v1/videos/${id}`, { headers: { 'x-user-id': 'user-1' } })
  expect(await polled.json()).toMatchObject({ id })
})

it('serves the control plane and the dashboard', async () => {
  const headers = { authorization: `Bearer ${worker.token}` }
  const url = `${worker.url}/_sluice/api/v1/releases/wan22_t2v_abtest`
  expect((await fetch(url)).status).toBe(401)
  expect(await (await fetch(url, { headers })).json()).toMatchObject({ state: 'idle', percent: 0 })
  const start = JSON.stringify({ action: 'start', stage: 'canary-50', reason: 'half at once' })
  const json = { ...headers, 'content-type': 'application/json' }
  const after = await fetch(`${url}/actions`, { method: 'POST', headers: json, body: start })
  expect(((await after.json()) as ReleaseView).percent).toBe(50)
  const page = await fetch(`${worker.url}/_sluice/`, { headers })
  expect(page.headers.get('content-type')).toMatch(/^text\/html/)
  expect(await page.text()).toContain('wan22_t2v_abtest')
})

it('logs where its own Worker says', async () => {
  const answer = await submit('user-2')
  const requestId = answer.headers.get('x-request-id')
  const entry = await eventually(
    `the submit ${requestId} is logged`,
    () => entries().find((each) => each['request_id'] === requestId),
    (found) => found !== undefined,
  )
  expect(entry).toMatchObject({ service: 'mine', arm: answer.headers.get('x-sluice-arm'), operation: 'submit' })
})

/** What wrangler has written so far; its last line may be half of one. */
function entries(): Record<string, unknown>[] {
  const lines = readFileSync(worker.logFile, 'utf8').split('\n').slice(0, -1)
  return lines.filter((line) => line.includes('"service":"mine"')).map((line) => JSON.parse(line))
}
