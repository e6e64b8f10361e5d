/** Both backends of the objects under test, answered by a function; time stands still, and what hangs is given up early. */
import { afterEach, beforeEach, vi } from 'vitest'

export interface Call {
  method: string
  url: string
  body: string
  idempotencyKey: string | null
}

type Answer = (call: Call) => Response | Promise<Response> | 'hangs'

/** Seconds of waiting for a backend go by so much faster. */
const HASTE = 50

export interface StubBackends {
  calls: Call[]
  answer: (answer: Answer) => void
  /** Downloads, which `calls` leaves out; answered with a video unless told otherwise. */
  downloads: Call[]
  content: (answer: Answer) => void
  /** Calls of this method. */
  of: (method: string) => Call[]
}

/** Unix ms; far ahead, so that no alarm goes off by itself. */
export const T0 = 1_900_000_000_000

/** For each test of the file new ones, and time at `T0`; what is given back stands for those of the test that runs. */
export function backendsOfEachTest(): StubBackends {
  let current: StubBackends
  beforeEach(() => void (current = stubBackends(T0)))
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
  })
  return {
    get calls() {
      return current.calls
    },
    get downloads() {
      return current.downloads
    },
    answer: (answer) => current.answer(answer),
    content: (answer) => current.content(answer),
    of: (method) => current.of(method),
  }
}

/** To be undone by `vi.useRealTimers()` and `vi.restoreAllMocks()`. */
export function stubBackends(nowMs: number): StubBackends {
  vi.useFakeTimers({ toFake: ['Date'], now: nowMs })
  vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), ms / HASTE)
    return controller.signal
  })
  const calls: Call[] = []
  const downloads: Call[] = []
  let answer: Answer = () => new Response('{}', { status: 404 })
  let content: Answer = () => new Response('x', { status: 206, headers: { 'content-type': 'video/mp4' } })
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input as string, { ...init, signal: null })
    const { method, url, headers } = request
    const call = { method, url, body: await request.text(), idempotencyKey: headers.get('idempotency-key') }
    const isDownload = url.endsWith('/content')
    ;(isDownload ? downloads : calls).push(call)
    const answered = (isDownload ? content : answer)(call)
    if (answered !== 'hangs') return answered
    return new Promise((_, reject) => {
      init!.signal!.addEventListener('abort', () => reject(new Error('given up')))
    })
  })
  return {
    calls,
    downloads,
    content: (next) => void (content = next),
    answer: (next) => void (answer = next),
    of: (method) => calls.filter((call) => call.method === method),
  }
}

export function shows(id: string, status: string, more: object = {}): Response {
  return Response.json({ id, object: 'video', status, ...more })
}

/** The job that a poll's address names. */
export function named({ url }: Call): string {
  return url.split('/').at(-1)!
}
