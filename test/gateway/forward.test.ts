/** A backend's deadline is the backend's: time in which this isolate was busy with something else is not counted. */
import { afterEach, expect, test, vi } from 'vitest'
import { ReceivedHeaders } from '../../src/gateway/asked.ts'
import { callBackend, mayBeJson } from '../../src/gateway/forward.ts'
import type { StreamedBody } from '../../src/gateway/request-body.ts'

afterEach(() => vi.unstubAllGlobals())

/** Timers that run when they are told to, however late; a backend that never answers. */
function silentBackend(upload: StreamedBody | null = null) {
  const timers: { run: () => void; ms: number }[] = []
  vi.stubGlobal('setTimeout', (run: () => void, ms: number) => timers.push({ run, ms }))
  vi.stubGlobal('clearTimeout', () => undefined)
  const fetch = (_: string, { signal }: RequestInit) =>
    new Promise<Response>((_resolve, reject) =>
      signal!.addEventListener('abort', () => reject(signal!.reason as Error)),
    )
  let ended: string | null = null
  const request = { url: 'http://127.0.0.1', method: 'POST', headers: {}, body: null, upload, timeoutMs: 3000 }
  const call = callBackend(request, { fetch, now: () => 0 }).then(
    (upstream) => (ended = upstream.ok ? 'ok' : upstream.failure),
  )
  return { timers, call, ended: () => ended }
}

test('one tick that comes late, however late, does not end a call', async () => {
  const { timers, ended } = silentBackend()
  timers.shift()!.run()
  await Promise.resolve()
  expect(ended()).toBeNull()
  expect(timers).toHaveLength(1)
})

test('a call ends when the isolate was free for the whole of its timeout', async () => {
  const { timers, call, ended } = silentBackend()
  let waitedMs = 0
  for (let timer = timers.shift(); timer; timer = timers.shift()) {
    expect(ended()).toBeNull()
    waitedMs += timer.ms
    timer.run()
  }
  await call
  expect(ended()).toBe('timeout')
  expect(waitedMs).toBe(3000)
})

test("time in which the body is waited for is the client's", async () => {
  const broken = new AbortController()
  const done = { answered: () => undefined, giveUp: () => Promise.resolve() }
  const upload = { stream: new ReadableStream<Uint8Array>(), isAwaited: () => true, broken: broken.signal, ...done }
  const { timers, call, ended } = silentBackend(upload)
  for (let i = 0; i < 100; i++) timers.shift()!.run()
  expect(ended()).toBeNull()
  broken.abort()
  await call
  expect(ended()).toBe('aborted')
})

test.each([
  [200, { 'content-length': '40' }, true],
  [404, { 'content-length': '40', 'content-type': 'text/plain' }, true],
  [200, { 'content-length': '1048576', 'content-type': 'application/octet-stream' }, true],
  [200, { 'content-length': '1048577' }, false],
  [200, { 'content-length': '0' }, false],
  [200, {}, false],
  [206, { 'content-length': '40' }, false],
  [200, { 'content-length': '40', 'content-type': 'video/mp4' }, false],
  [200, { 'content-length': '40', 'content-type': 'image/webp' }, false],
  [200, { 'content-length': '40', 'content-type': 'text/event-stream' }, false],
])('only what is short, and may be text, is looked into for JSON: %i %j', (status, headers, expected) => {
  expect(mayBeJson({ status, headers: new ReceivedHeaders(new Headers(headers as HeadersInit)) })).toBe(expected)
})
