/** The control plane through the Worker's own entry point, with the real objects behind it. */
import { exports } from 'cloudflare:workers'
import { evictAllDurableObjects } from 'cloudflare:test'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import type { ConfigView, HistoryEntry, ReleaseView } from '../../../src/api/index.ts'
import { ROUTES } from '../../../src/control/routes/index.ts'

const WAN = 'wan22'
const CHINESE = '视频模型_灰度_2025'

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const worker = (exports as unknown as { default: Fetcher }).default
  return worker.fetch(`http://127.0.0.1/_sluice${path}`, {
    method,
    headers: {
      authorization: 'Bearer token-of-admin',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

async function json<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T> {
  const response = await call(method, path, body, headers)
  const answer = await response.json<T>()
  expect(response.status, JSON.stringify(answer)).toBe(200)
  return answer
}

const releasePath = (name: string) => `/api/v1/releases/${encodeURIComponent(name)}`
const act = (name: string, body: Record<string, unknown>) =>
  json<ReleaseView>('POST', `${releasePath(name)}/actions`, body)

describe('a release', () => {
  it('goes from idle to a canary, is rolled back and reset, each step in the history, through evictions', async () => {
    expect(await json<ReleaseView>('GET', releasePath(CHINESE))).toMatchObject({ stage: 'idle', percent: 0 })
    const started = await act(CHINESE, { action: 'start', stage: 'canary-5', reason: 'go' })
    expect(started).toMatchObject({ state: 'canary', stage: 'canary-5', percent: 5 })
    await evictAllDurableObjects()
    expect(await json<ReleaseView>('GET', releasePath(CHINESE))).toMatchObject({
      stage: 'canary-5',
      version: started.version,
    })
    await act(CHINESE, { action: 'rollback', reason: 'stop' })
    await act(CHINESE, { action: 'reset', reason: 'again' })
    await evictAllDurableObjects()
    const { items } = await json<{ items: HistoryEntry[] }>('GET', `${releasePath(CHINESE)}/history`)
    expect(items.map(({ action, who, reason }) => [action, who, reason])).toEqual([
      ['reset', 'token:admin', 'again'],
      ['rollback', 'token:admin', 'stop'],
      ['start', 'token:admin', 'go'],
    ])
  })

  it('refuses a stale version and an illegal move, with the legal ones', async () => {
    const { version } = await json<ReleaseView>('GET', releasePath(WAN))
    const stale = await call(
      'POST',
      `${releasePath(WAN)}/actions`,
      { action: 'start' },
      { 'if-match': `"${version + 7}"` },
    )
    expect(stale.status).toBe(412)
    await stale.body?.cancel()
    const illegal = await call('POST', `${releasePath(WAN)}/actions`, { action: 'promote' })
    expect(illegal.status).toBe(409)
    expect(await illegal.json()).toMatchObject({ error: { code: 'illegal_transition' } })
  })

  it('shows what an action would do without doing it', async () => {
    const before = await json<ReleaseView>('GET', releasePath(WAN))
    const would = await act(WAN, { action: 'start', stage: 'canary-20', dry_run: true })
    expect(would).toMatchObject({ stage: 'canary-20', dry_run: true })
    expect(await json<ReleaseView>('GET', releasePath(WAN))).toMatchObject({
      stage: before.stage,
      version: before.version,
    })
  })
})

describe('the live configuration', () => {
  it('is published once, and survives an eviction', async () => {
    const before = await json<ConfigView>('GET', `${releasePath(WAN)}/config`)
    const patch = { min_jobs: 7, shadow: { sample: 0.5 } }
    const after = await json<ConfigView>('PATCH', `${releasePath(WAN)}/config?reason=more%20jobs`, patch)
    expect(after.version).toBe(before.version + 1)
    expect(after.values['min_jobs']).toMatchObject({ value: 7, source: 'live', file: 0 })
    await evictAllDurableObjects()
    expect(await json<ConfigView>('GET', `${releasePath(WAN)}/config`)).toMatchObject({
      version: after.version,
      overlay: patch,
    })
  })

  it('takes one of many changes made on top of the same version', async () => {
    const { version } = await json<ConfigView>('GET', `${releasePath(WAN)}/config`)
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        call('PATCH', `${releasePath(WAN)}/config`, { min_jobs: 100 + i }, { 'if-match': `"${version}"` }),
      ),
    )
    const statuses = answers.map(({ status }) => status).sort((a, b) => a - b)
    expect(statuses).toEqual([200, 412, 412, 412, 412, 412, 412, 412])
    for (const answer of answers) await answer.body?.cancel()
    expect((await json<ConfigView>('DELETE', `${releasePath(WAN)}/config`)).overlay).toEqual({})
  })
})

describe('every answer', () => {
  const reads = ROUTES.flatMap(({ method, path, answer }) =>
    method === 'get' && 'schema' in answer && !path.includes('{id}') ? [[path, answer.schema] as const] : [],
  )
  it.each(reads)('of GET %s fits its schema', async (path, schema) => {
    const query = path.endsWith('/assign') ? `?release=${WAN}&subject=user_1` : ''
    const answer = await json('GET', path.replace('{name}', WAN) + query)
    expect(v.safeParse(schema, answer).issues ?? []).toEqual([])
  })
})

describe('the rest of the control plane', () => {
  it('gives metrics for every release', async () => {
    const text = await (await call('GET', '/metrics')).text()
    expect(text).toContain(`sluice_release_info{release="${CHINESE}",`)
    expect(text).toContain(`sluice_rollbacks_total{release="${CHINESE}",cause="manual"}`)
  })

  it('streams the state', async () => {
    const response = await call('GET', `${releasePath(WAN)}/stream`)
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    expect(response.status).toBe(200)
    while (!text.includes('event: state')) text += (await reader.read()).value ?? ''
    await reader.cancel()
    expect(text).toContain(`"name":"${WAN}"`)
  })

  it('shows the dashboard, and its style without a session', async () => {
    const page = await (await call('GET', '/', undefined, { accept: 'text/html' })).text()
    expect(page).toContain(CHINESE)
    const style = /\/_sluice(\/assets\/[^"]+\.css)/.exec(page)?.[1]
    const asset = await call('GET', style ?? '/no-style', undefined, { authorization: '' })
    expect(asset.status).toBe(200)
    await asset.body?.cancel()
  })
})
