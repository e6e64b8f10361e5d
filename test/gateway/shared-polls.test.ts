/** How many calls a backend gets for how many polls, and that nobody misses a change, waits for ever or gets another's answer. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SeenOnce, type Upstream } from '../../src/gateway/forward.ts'
import { FOLLOW_MS, LIST_AGE_MS, MAX_HELD, MAX_SHARED_BYTES, SAME_MOMENT_MS } from '../../src/gateway/shared-polls.ts'
import { type PollAnswer, SharedPolls } from '../../src/gateway/shared-polls.ts'
import { gatewayDeps } from '../support/workerd/gateway-deps.ts'

const JOB = 'http://control.test video-1'
const TIMEOUT_MS = 10_000
const BACKEND_MS = 100

let polls: SharedPolls
/** Calls that were made. */
let calls: number

beforeEach(() => {
  vi.useFakeTimers()
  calls = 0
  polls = new SharedPolls(gatewayDeps())
})

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function answers(body: BodyInit | null, init: ResponseInit = {}): () => Promise<Upstream> {
  return async () => {
    calls++
    await pause(BACKEND_MS)
    const response = new SeenOnce(new Response(body, init))
    return { ok: true, response, seconds: BACKEND_MS / 1000, done: () => undefined, failure: () => 'unreachable' }
  }
}

const hangs = (): Promise<Upstream> => {
  calls++
  return new Promise(() => undefined)
}

const fails = async (): Promise<Upstream> => {
  calls++
  await pause(BACKEND_MS)
  return { ok: false, failure: 'unreachable', seconds: BACKEND_MS / 1000 }
}

function ask(call: () => Promise<Upstream>, more: { job?: string; variant?: string; maxAgeMs?: number } = {}) {
  const question = { job: JOB, variant: 'v', maxAgeMs: SAME_MOMENT_MS, timeoutMs: TIMEOUT_MS, ...more }
  return polls.ask(question, call)
}

async function textOf(asked: Promise<PollAnswer> | PollAnswer): Promise<string> {
  const { upstream } = await asked
  return upstream.ok ? upstream.response.text() : upstream.failure
}

async function ended<T>(asked: Promise<T>, ms = 2 * BACKEND_MS): Promise<T> {
  await vi.advanceTimersByTimeAsync(ms)
  return asked
}

describe('polls of one job in the same moment', () => {
  it('make one call, and each gets an answer of its own with status and headers', async () => {
    const call = answers('{"id":"video-1"}', { status: 500, headers: { 'x-vendor': 'v' } })
    const all = await ended(Promise.all(Array.from({ length: 600 }, () => ask(call))))
    expect(calls).toBe(1)
    const shown = all.map(async (each) => {
      const { response } = each.upstream as Extract<Upstream, { ok: true }>
      return [response.status, response.headers.get('x-vendor'), await response.text()]
    })
    expect(new Set((await Promise.all(shown)).map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify([500, 'v', '{"id":"video-1"}'])]),
    )
  })

  it('read what the backend sent once between them', async () => {
    const headers = { 'content-type': 'application/json', 'content-length': '16' }
    const call = answers('{"id":"video-1"}', { headers })
    const read = vi.spyOn(Response.prototype, 'text')
    const all = await ended(Promise.all(Array.from({ length: 10 }, () => ask(call))))
    for (const each of all) expect(await textOf(each)).toBe('{"id":"video-1"}')
    expect(read).toHaveBeenCalledTimes(1)
  })

  it('that come a moment later share it too, and those after them do not', async () => {
    await ended(ask(answers('first')), BACKEND_MS)
    await vi.advanceTimersByTimeAsync(SAME_MOMENT_MS)
    expect(await textOf(ask(answers('second')))).toBe('first')
    await vi.advanceTimersByTimeAsync(1)
    expect(await textOf(ended(ask(answers('second'))))).toBe('second')
    expect(calls).toBe(2)
  })

  it('of a list take an answer of some seconds', async () => {
    await ended(ask(answers('first')), BACKEND_MS)
    await vi.advanceTimersByTimeAsync(LIST_AGE_MS)
    const maxAgeMs = LIST_AGE_MS
    expect(await textOf(ask(answers('second'), { maxAgeMs }))).toBe('first')
    await vi.advanceTimersByTimeAsync(1)
    expect(await textOf(ended(ask(answers('second'), { maxAgeMs })))).toBe('second')
  })

  it('are those of one job with equal headers', async () => {
    const all = [{}, { variant: 'w' }, { job: 'http://control.test video-2' }, { variant: 'x'.repeat(2000) }, {}]
    await ended(Promise.all(all.map((more) => ask(answers('a'), more))))
    expect(calls).toBe(4)
  })
})

describe('a change of the job', () => {
  it('ends the sharing of what was seen before it', async () => {
    await ended(ask(answers('before')))
    polls.drop('http://control.test video-2')
    expect(await textOf(ask(answers('after')))).toBe('before')
    polls.drop(JOB)
    expect(await textOf(ended(ask(answers('after'))))).toBe('after')
  })

  it('also of a call under way, which is neither waited for nor kept', async () => {
    const before = ask(answers('before'))
    await vi.advanceTimersByTimeAsync(1)
    const waiting = ask(answers('after'))
    polls.drop(JOB)
    const after = ask(answers('after'))
    await vi.advanceTimersByTimeAsync(2 * BACKEND_MS)
    expect(await Promise.all([before, waiting, after].map(textOf))).toEqual(['before', 'after', 'after'])
    expect([calls, await textOf(ask(answers('later')))]).toEqual([2, 'after'])
  })
})

describe('a call that does not come back', () => {
  it('is made anew by one of those that wait, once in a while, and its answer serves all', async () => {
    void ask(hangs)
    const followers = Promise.all(Array.from({ length: 50 }, () => ask(answers('here'))))
    await vi.advanceTimersByTimeAsync(FOLLOW_MS - 1)
    expect(calls).toBe(1)
    const all = await ended(followers, 3 * BACKEND_MS)
    expect(calls).toBe(2)
    expect(new Set(await Promise.all(all.map(textOf)))).toEqual(new Set(['here']))
  })

  it('of a slow backend is waited for all the same, so that nobody starves', async () => {
    const slow = async () => {
      await pause(2500)
      return answers('slow')()
    }
    const all = await ended(Promise.all(Array.from({ length: 50 }, () => ask(slow))), 6000)
    expect(new Set(await Promise.all(all.map(textOf)))).toEqual(new Set(['slow']))
    // The first, and one a second until it has answered.
    expect(calls).toBe(3)
  })

  it('is waited for no longer than the arm’s timeout', async () => {
    const all = Promise.all(Array.from({ length: 50 }, () => ask(hangs).then(textOf)))
    void all
    const last = ask(hangs)
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS + FOLLOW_MS)
    expect(await textOf(last)).toBe('timeout')
    expect(calls).toBeLessThanOrEqual(TIMEOUT_MS / FOLLOW_MS + 1)
  })
})

describe('an answer that can not be shared', () => {
  it('as a failure serves those that waited for it, and nobody after them', async () => {
    const all = await ended(Promise.all(Array.from({ length: 50 }, () => ask(fails))))
    expect([calls, await Promise.all(all.map(textOf))]).toEqual([1, Array(50).fill('unreachable')])
    expect(await textOf(ended(ask(answers('up again'))))).toBe('up again')
  })

  it.each([404, 503])('as an error does so, too: %d', async (status) => {
    const all = await ended(
      Promise.all(Array.from({ length: 50 }, () => ask(answers('no', { status })))),
      BACKEND_MS + 50,
    )
    expect([calls, new Set(await Promise.all(all.map(textOf)))]).toEqual([1, new Set(['no'])])
    expect(await textOf(ended(ask(answers('a job of that name'))))).toBe('a job of that name')
  })

  it('as one that is too large goes to each asker whole, at the same time', async () => {
    const large = 'x'.repeat(MAX_SHARED_BYTES + 1)
    const all = await ended(Promise.all(Array.from({ length: 20 }, () => ask(answers(large)))), 3 * BACKEND_MS)
    expect(calls).toBe(20)
    expect(new Set(await Promise.all(all.map(textOf)))).toEqual(new Set([large]))
  })

  it('as one that breaks off is a failure', async () => {
    const broken = () => new ReadableStream({ pull: (controller) => controller.error(new Error('lost')) })
    expect(await textOf(ended(ask(answers(broken()))))).toBe('unreachable')
  })

  it.each([204, 304])('but one without a body can: %d', async (status) => {
    const all = await ended(Promise.all([ask(answers(null, { status })), ask(answers(null, { status }))]))
    expect(calls).toBe(1)
    for (const { upstream } of all) expect(upstream.ok && upstream.response.status).toBe(status)
  })
})

it('holds a bounded number of answers, the oldest dropped first', async () => {
  for (let i = 0; i <= MAX_HELD; i++) void ask(answers('a'), { job: `job-${i}` })
  await vi.advanceTimersByTimeAsync(2 * BACKEND_MS)
  expect(calls).toBe(MAX_HELD + 1)
  await ended(ask(answers('a'), { job: 'job-1' }))
  expect(calls).toBe(MAX_HELD + 1)
  await ended(ask(answers('a'), { job: 'job-0' }))
  expect(calls).toBe(MAX_HELD + 2)
})

describe('requests about a job', () => {
  const url = 'http://control.test/v1/videos/video-1'
  const send = (operation: 'poll' | 'content' | 'cancel', method: string, headers: Record<string, string> = {}) => {
    const request = { url, method, headers, body: null, timeoutMs: TIMEOUT_MS }
    return polls.call('video-1', operation, request).then(textOf)
  }

  beforeEach(() => {
    vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response(String(++calls)))
  })

  it('share polls whatever their request id, agent and trace, and nothing of other headers', async () => {
    const plain = { accept: 'application/json', 'x-request-id': 'r-1', 'user-agent': 'a', traceparent: 't-1' }
    expect(await send('poll', 'GET', plain)).toBe('1')
    expect(await send('poll', 'GET', { ...plain, 'x-request-id': 'r-2', 'user-agent': 'b', traceparent: 't-2' })).toBe(
      '1',
    )
    expect(await send('poll', 'GET', { ...plain, authorization: 'Bearer of-anna' })).toBe('2')
    expect(await send('poll', 'GET', { ...plain, authorization: 'Bearer of-ben' })).toBe('3')
    expect(await send('poll', 'HEAD', plain)).toBe('4')
    expect(await send('content', 'GET', plain)).toBe('5')
    expect(await send('poll', 'GET', plain)).toBe('1')
  })

  it('show what a cancel has made of the job at once', async () => {
    expect(await send('poll', 'GET')).toBe('1')
    expect(await send('cancel', 'DELETE')).toBe('2')
    expect(await send('poll', 'GET')).toBe('3')
  })

  it('show it also where the poll before the cancel was answered after it was sent', async () => {
    let cancelled = () => undefined as void
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (_, init) => {
      const made = String(++calls)
      if (init!.method === 'DELETE') await new Promise<void>((resolve) => (cancelled = resolve))
      return new Response(made)
    })
    const cancel = send('cancel', 'DELETE')
    expect(await send('poll', 'GET')).toBe('2')
    cancelled()
    expect(await cancel).toBe('1')
    expect(await send('poll', 'GET')).toBe('3')
  })
})
