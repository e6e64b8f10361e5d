/** How long an upload may take, and what is held of it meanwhile. Time is given. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ReceivedHeaders } from '../../src/gateway/asked.ts'
import type { Exchange } from '../../src/gateway/exchange.ts'
import { GRACE_MS, IDLE_MS, LEAST_BYTES_PER_SECOND } from '../../src/gateway/request-body.ts'
import { readUpload } from '../../src/gateway/upload.ts'
import { gatewayDeps } from '../support/workerd/gateway-deps.ts'

const MAX_BYTES = 1024 * 1024

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

type Controller = ReadableStreamDefaultController<Uint8Array>

function exchange(request: Request): Exchange {
  const isolate = { deps: gatewayDeps(), config: { maxBodyBytes: MAX_BYTES } }
  const { method } = request
  return { request, method, headers: new ReceivedHeaders(request.headers), isolate } as unknown as Exchange
}

/** A client that sends what `feed` says, and an upload that reads it. */
function upload(feed: (controller: Controller) => void, headers: Record<string, string> = {}) {
  let cancelled = false
  const body = new ReadableStream<Uint8Array>({ start: feed, cancel: () => void (cancelled = true) })
  const request = new Request('http://gateway.test/v1/videos', {
    method: 'POST',
    headers,
    body,
    duplex: 'half',
  } as RequestInit)
  const ctx = exchange(request)
  const began = Date.now()
  const read = readUpload(ctx).then(
    (bytes) => ({ size: bytes.length, memory: bytes.buffer.byteLength, tookMs: Date.now() - began }),
    (error: { code: string; status: number; message: string }) => ({
      ...error,
      tookMs: Date.now() - began,
      message: error.message,
    }),
  )
  return { read, request, wasCancelled: () => cancelled }
}

/** Sends `bytes` every `everyMs`, `times` times, and ends. */
const steady = (bytes: number, everyMs: number, times: number) => (controller: Controller) => {
  let left = times
  const timer = setInterval(() => {
    try {
      controller.enqueue(new Uint8Array(new ArrayBuffer(4096), 0, bytes))
      if (--left > 0) return
      controller.close()
    } catch {
      // The reader has given up.
    }
    clearInterval(timer)
  }, everyMs)
}

describe('an upload', () => {
  it('that stops coming is ended after its idle time', async () => {
    const { read, wasCancelled } = upload((controller) => controller.enqueue(new Uint8Array(10)))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(await read).toMatchObject({ code: 'request_timeout', tookMs: IDLE_MS })
    expect(wasCancelled()).toBe(true)
  })

  it('that tells that it is small is read without a stream, and nothing of it is left', async () => {
    const request = new Request('http://gateway.test/v1/videos', {
      method: 'POST',
      headers: { 'content-length': '5' },
      body: 'a fox',
    })
    let asked = 0
    Object.defineProperty(request, 'body', { get: () => (asked++, null) })
    const ctx = exchange(request)
    expect(await readUpload(ctx)).toEqual(new TextEncoder().encode('a fox'))
    expect([ctx.isBodyRead, asked]).toEqual([true, 0])
  })

  it('that tells that it is small has the time of one stall for all of it', async () => {
    const told = { 'content-length': '100' }
    const dripped = upload(steady(1, 1000, 100), told)
    const sent = upload(steady(50, 9000, 2), told)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(await dripped.read).toMatchObject({ code: 'request_timeout', tookMs: IDLE_MS })
    expect(await sent.read).toMatchObject({ size: 100, tookMs: 18_000 })
  })

  it.each([1, 100, 2500])(
    'of %i bytes every five seconds is ended when it falls behind the least rate',
    async (bytes) => {
      const { read } = upload(steady(bytes, 5000, 10_000))
      await vi.advanceTimersByTimeAsync(3_600_000)
      const ended = (await read) as { code: string; message: string; tookMs: number }
      expect(ended).toMatchObject({ code: 'request_timeout' })
      expect(ended.message).toContain(`slower than ${LEAST_BYTES_PER_SECOND} bytes a second`)
      const sent = Math.floor(ended.tookMs / 5000) * bytes
      expect(ended.tookMs).toBeCloseTo(GRACE_MS + (sent / LEAST_BYTES_PER_SECOND) * 1000, -1)
    },
  )

  it.each([
    ['above the least rate, however long it takes', 5500, 5000, 100],
    ['quick enough for the grace', 100, 4000, 7],
    ['in a burst after a pause', 100_000, 19_000, 5],
  ])('is taken %s', async (_, bytes, everyMs, times) => {
    const { read } = upload(
      steady(bytes > 4096 ? 4096 : bytes, everyMs / Math.ceil(bytes / 4096), times * Math.ceil(bytes / 4096)),
    )
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(await read).not.toHaveProperty('code')
  })

  it('in bytes that come one by one is held in memory of its own size', async () => {
    const { read } = upload((controller) => {
      for (let i = 0; i < 20_000; i++) controller.enqueue(new Uint8Array(new ArrayBuffer(4096), 0, 1))
      controller.close()
    })
    await vi.advanceTimersByTimeAsync(0)
    expect(await read).toMatchObject({ size: 20_000, memory: 20_000 })
  })

  it.each([
    ['told by its length', { 'content-length': String(MAX_BYTES + 1) }, 'body_too_large'],
    ['told by nothing', {}, 'body_too_large'],
    ['in compressed form', { 'content-encoding': 'gzip' }, 'unsupported_media_type'],
  ])('that is refused, %s, is left to be drained', async (_, headers, code) => {
    const { read, request, wasCancelled } = upload(
      (controller) => {
        for (let i = 0; i < 40; i++) controller.enqueue(new Uint8Array(64 * 1024))
        controller.close()
      },
      headers as Record<string, string>,
    )
    await vi.advanceTimersByTimeAsync(0)
    expect(await read).toMatchObject({ code })
    expect([request.body!.locked, wasCancelled()]).toEqual([false, false])
  })
})
