/** One submit a key, whatever happens between the first submit and its ledger: what is told, kept and refused. Time is the test's. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Submit } from '../../src/gateway/attempt.ts'
import type { Exchange } from '../../src/gateway/exchange.ts'
import { withIdempotency } from '../../src/gateway/idempotency.ts'
import { MAX_STORED_BYTES, READ_DEADLINE_MS } from '../../src/gateway/stored-error.ts'
import type { Submitted } from '../../src/gateway/submit.ts'
import { SluiceError } from '../../src/core/errors.ts'
import type { Claim, ClaimEnd, Hold } from '../../src/durable/rpc.ts'
import { gatewayDeps } from '../support/workerd/gateway-deps.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

/** A ledger that answers claims as a test says, and takes what it is told, or fails to. */
class LedgerFake {
  claims: Hold[] = []
  ends: { token: string; end: ClaimEnd }[] = []
  claimed: Promise<Claim> = Promise.resolve({ status: 'new' })
  /** So many settlings fail before one is taken. */
  failing = 0

  claim(_owner: string, _key: string, _fingerprint: string, hold: Hold): Promise<Claim> {
    this.claims.push(hold)
    return this.claimed
  }

  async settle(_owner: string, _key: string, token: string, end: ClaimEnd): Promise<void> {
    if (this.failing-- > 0) throw new Error('the ledger is not there')
    this.ends.push({ token, end })
  }
}

const SUBMIT = {
  subject: { owners: ['0123456789ab'], anonymous: false },
  submission: { fingerprint: 'f' },
} as unknown as Submit

interface Sent {
  answered: Promise<Response>
  /** What runs on beside the answer. */
  beside: Promise<unknown>[]
  submits: () => number
}

function send(ledger: LedgerFake, first: () => Promise<Submitted> = never): Sent {
  const beside: Promise<unknown>[] = []
  const headers = new Headers({ 'idempotency-key': 'k' })
  const release = { ledger: () => ledger, places: { since: () => [0] }, snapshots: { forRouting: async () => null } }
  const isolate = { deps: gatewayDeps(), claimed: () => release, keys: [] }
  const waitUntil = (work: Promise<unknown>) => void beside.push(work)
  const ctx = { headers, requestId: 'r-1', isolate, waitUntil } as unknown as Exchange
  let n = 0
  const counted = () => {
    n++
    return first()
  }
  const again = async () => new Response('again')
  const answered = withIdempotency(ctx, SUBMIT, { first: counted, again })
  answered.catch(() => undefined)
  return { answered, beside, submits: () => n }
}

function never(): Promise<Submitted> {
  throw new Error('nothing was to be sent')
}

function failed(body: BodyInit | null, headers: Record<string, string> = {}, status = 502): () => Promise<Submitted> {
  return async () => ({ response: new Response(body, { status, headers }), clientId: null, nothingBegun: false })
}

/** A body that begins so and then neither ends nor goes on, or breaks. */
function stream(begins: string[], then: 'hangs' | 'breaks'): ReadableStream<Uint8Array> {
  const chunks = begins.map((each) => new TextEncoder().encode(each))
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks.shift()
      if (chunk) controller.enqueue(chunk)
      else if (then === 'breaks') controller.error(new Error('connection lost'))
      return then === 'hangs' && !chunk ? new Promise(() => undefined) : undefined
    },
  })
}

/** The kept error's body, with the rest of it. */
function kept({ ends }: LedgerFake): { httpStatus: number; contentType: string; text: string } {
  expect(ends).toHaveLength(1)
  const { error } = ends[0]!.end as { error: { httpStatus: number; contentType: string; body: Uint8Array } }
  const { body, ...rest } = error
  return { ...rest, text: new TextDecoder().decode(body) }
}

async function codeOf(answered: Promise<Response>): Promise<unknown> {
  const error: unknown = await answered.then(
    () => null,
    (reason: unknown) => reason,
  )
  return error instanceof SluiceError ? [error.status, error.code, error.headers['x-should-retry'] ?? null] : error
}

describe('an error that may have made a job', () => {
  it('is kept whole, with its status and type, and its client gets it unchanged', async () => {
    const ledger = new LedgerFake()
    const { answered } = send(ledger, failed('<h1>Bad gateway</h1>', { 'content-type': 'text/html', 'x-vendor': 'v' }))
    const response = await answered
    expect([response.status, response.headers.get('x-vendor'), await response.text()]).toEqual([
      502,
      'v',
      '<h1>Bad gateway</h1>',
    ])
    expect(kept(ledger)).toEqual({ httpStatus: 502, contentType: 'text/html', text: '<h1>Bad gateway</h1>' })
  })

  it.each([
    ['without a type', 'oops', {}, 'text/plain;charset=UTF-8'],
    ['without a body', null, {}, 'text/plain'],
  ])('%s is one, too', async (_, body, headers, contentType) => {
    const ledger = new LedgerFake()
    await send(ledger, failed(body, headers)).answered
    expect(kept(ledger)).toEqual({ httpStatus: 502, contentType, text: body ?? '' })
  })

  it('is cut where its body does not end by the deadline, and waits for no longer', async () => {
    const ledger = new LedgerFake()
    const headers = { 'content-type': 'text/plain', 'content-length': '1000' }
    const { answered } = send(ledger, failed(stream(['upstream ', 'request'], 'hangs'), headers))
    await vi.advanceTimersByTimeAsync(READ_DEADLINE_MS)
    const response = await answered
    expect(await response.text()).toBe('upstream request')
    expect(response.headers.get('content-length')).toBeNull()
    expect(kept(ledger).text).toBe('upstream request')
  })

  it('is cut where its body breaks off', async () => {
    const ledger = new LedgerFake()
    const { answered } = send(ledger, failed(stream(['half of'], 'breaks')))
    expect(await (await answered).text()).toBe('half of')
    expect(kept(ledger).text).toBe('half of')
  })

  it('passes whole though it is too large to keep; then it is kept that there was one', async () => {
    const ledger = new LedgerFake()
    const large = 'x'.repeat(20_000_000)
    const response = await send(ledger, failed(large)).answered
    expect((await response.text()).length).toBe(large.length)
    const { httpStatus, contentType, text } = kept(ledger)
    expect([httpStatus, contentType, JSON.parse(text).error.code]).toEqual([
      502,
      'application/json',
      'idempotency_not_repeatable',
    ])
    expect(text.length).toBeLessThan(MAX_STORED_BYTES)
  })

  it('is kept up to the cap to the byte', async () => {
    const ledger = new LedgerFake()
    await send(ledger, failed('x'.repeat(MAX_STORED_BYTES))).answered
    expect(kept(ledger).text.length).toBe(MAX_STORED_BYTES)
    const more = new LedgerFake()
    await send(more, failed('x'.repeat(MAX_STORED_BYTES + 1))).answered
    expect(kept(more).text).toContain('not kept')
  })

  it('is answered again as it was, and nothing is sent', async () => {
    const ledger = new LedgerFake()
    const body = Uint8Array.from(new TextEncoder().encode('<h1>Bad gateway</h1>'))
    ledger.claimed = Promise.resolve({ status: 'error', error: { httpStatus: 502, contentType: 'text/html', body } })
    const response = await send(ledger).answered
    const headers = ['content-type', 'x-should-retry', 'x-request-id'].map((name) => response.headers.get(name))
    expect([response.status, ...headers]).toEqual([502, 'text/html', 'false', 'r-1'])
    expect(await response.text()).toBe('<h1>Bad gateway</h1>')
  })
})

describe('a ledger that can not be told', () => {
  it('is told again beside the answer, under the same token, until it has heard', async () => {
    const ledger = new LedgerFake()
    ledger.failing = 3
    const { answered, beside } = send(ledger, failed('oops'))
    expect((await answered).status).toBe(502)
    expect(ledger.ends).toEqual([])
    await vi.advanceTimersByTimeAsync(60_000)
    await Promise.all(beside)
    expect(kept(ledger).text).toBe('oops')
    expect(ledger.ends[0]!.token).toBe(ledger.claims[0]!.token)
  })

  it('is left alone in the end, and never hears that the key is free', async () => {
    const ledger = new LedgerFake()
    ledger.failing = 1000
    const { answered, beside } = send(ledger, failed('oops'))
    expect((await answered).status).toBe(502)
    await vi.advanceTimersByTimeAsync(60_000)
    await Promise.all(beside)
    expect([ledger.ends, 1000 - ledger.failing]).toEqual([[], 4])
  })

  it('holds the key: the next request learns that the answer is not known, and is not invited to try again', async () => {
    const ledger = new LedgerFake()
    ledger.claimed = Promise.resolve({ status: 'unknown' })
    const { answered, submits } = send(ledger)
    expect(await codeOf(answered)).toEqual([409, 'idempotency_outcome_unknown', 'false'])
    expect(submits()).toBe(0)
  })
})

describe('where nothing was sent', () => {
  it('a refusal of our own frees the key before its client reads it', async () => {
    const ledger = new LedgerFake()
    const { answered } = send(ledger, async () => {
      throw new SluiceError('override_not_allowed', 'no')
    })
    expect(await codeOf(answered)).toEqual([403, 'override_not_allowed', null])
    expect(ledger.ends.map(({ end }) => end)).toEqual([{ release: true }])
  })

  it('a backend that says that nothing was begun frees it', async () => {
    const ledger = new LedgerFake()
    const response = new Response('{}', { status: 429 })
    await send(ledger, async () => ({ response, clientId: null, nothingBegun: true })).answered
    expect(ledger.ends.map(({ end }) => end)).toEqual([{ release: true }])
  })

  it.each([
    ['does not answer', () => new Promise<Claim>(() => undefined)],
    ['fails', () => Promise.reject<Claim>(new Error('reset'))],
  ])('since the ledger %s, a claim that was made all the same is freed', async (_, claimed) => {
    const ledger = new LedgerFake()
    ledger.claimed = claimed()
    ledger.claimed.catch(() => undefined)
    const began = Date.now()
    const { answered, beside, submits } = send(ledger)
    await vi.advanceTimersByTimeAsync(5000)
    expect(await codeOf(answered)).toEqual([503, 'control_plane_unavailable', null])
    await Promise.all(beside)
    expect(submits()).toBe(0)
    expect(ledger.ends).toEqual([{ token: ledger.claims[0]!.token, end: { release: true } }])
    // And none is made once this request has given up.
    expect(ledger.claims[0]!.byMs).toBeLessThanOrEqual(began + 2000)
  })
})
