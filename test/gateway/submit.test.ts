/** What a submit answers when the gateway itself goes wrong: before anything was sent, and after. */
import { afterEach, expect, it, vi } from 'vitest'
import type { Submit } from '../../src/gateway/attempt.ts'
import type { Exchange } from '../../src/gateway/exchange.ts'
import type { JobRuntime } from '../../src/gateway/isolate.ts'
import { sendSubmit } from '../../src/gateway/submit.ts'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'
import { gatewayDeps } from '../support/workerd/gateway-deps.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const ARM = { urls: ['http://control.test'], model: null, timeoutMs: 1000, syncTimeoutMs: 1000, auth: null }
const RUNTIME = {
  release: { name: 'r', idMode: 'native', arms: { control: ARM, candidate: ARM }, failover: false, rescue: false },
  protocol: openaiVideos,
  telemetry: {
    record: () => undefined,
    submitted: () => {
      throw new TypeError('a bug')
    },
  },
} as unknown as JobRuntime

async function send(rebuild: () => { bytes: Uint8Array; contentType: string; path: string }) {
  const owner = { arm: 'control', replica: 0 }
  const submit = {
    route: { operation: 'submit', prefix: '', answer: 'job', upstreamPath: () => '/v1/videos' },
    submission: { rebuild, jobs: [], promptChars: null, durationSeconds: null, model: null },
    subject: { owners: ['0123456789ab'], anonymous: false, cookie: null },
    referred: { owner, ids: new Map() },
  } as unknown as Submit
  const ctx = {
    method: 'POST',
    headers: new Headers(),
    url: new URL('http://gateway.test/v1/videos'),
    requestId: 'r-1',
    log: {},
    isolate: { deps: gatewayDeps(), env: {}, keys: [], config: { exposeHeaders: false } },
    snapshot: null,
    decided: null,
    submitSent: false,
  } as unknown as Exchange
  return sendSubmit(ctx, RUNTIME, submit)
}

it('a bug after the submit was sent invites nobody to repeat it, and is no word that nothing was begun', async () => {
  vi.spyOn(globalThis, 'fetch').mockResolvedValue(Response.json({ id: 'video-1', status: 'queued' }))
  const { response, clientId, nothingBegun } = await send(() => ({
    bytes: new Uint8Array(),
    contentType: 'text/plain',
    path: '/v1/videos',
  }))
  expect([response.status, response.headers.get('x-should-retry'), clientId, nothingBegun]).toEqual([
    500,
    'false',
    null,
    false,
  ])
})

it('a bug before that is thrown, so that a key can be freed', async () => {
  const fetched = vi.spyOn(globalThis, 'fetch')
  const rebuild = () => {
    throw new TypeError('a bug')
  }
  await expect(send(rebuild)).rejects.toThrow('a bug')
  expect(fetched).not.toHaveBeenCalled()
})
