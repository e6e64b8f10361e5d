/** Idempotency keys in the ledger: claimed once, settled by who claimed them, freed by no clock within a day. */
import { evictDurableObject, reset } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Claim, ClaimEnd } from '../../src/durable/rpc.ts'
import { ledger } from '../support/workerd/objects.ts'

const T0 = 1_900_000_000_000
const DAY_MS = 24 * 3_600_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: T0 })
})

afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

type Ledger = ReturnType<typeof ledger>

async function claim(object: Ledger, owner: string, key: string, body = 'b', token = 'first'): Promise<Claim> {
  return object.claim(owner, key, body, { token, byMs: Date.now() + 2000 })
}

function errorOf(httpStatus: number, body: string, contentType = 'application/json'): ClaimEnd {
  return { error: { httpStatus, contentType, body: Uint8Array.from(new TextEncoder().encode(body)) } }
}

describe('an idempotency key', () => {
  it('is claimed once, by its owner and for its body, and its job is found for a day, also when cold', async () => {
    const object = ledger(30)
    expect(await claim(object, 'anna', 'k')).toEqual({ status: 'new' })
    expect(await claim(object, 'anna', 'k')).toEqual({ status: 'in_flight' })
    expect(await claim(object, 'ben', 'k')).toEqual({ status: 'new' })
    await object.settle('anna', 'k', 'first', { job: { clientId: 'slc_1_slc' } })
    await evictDurableObject(object)
    expect(await claim(object, 'anna', 'k')).toEqual({ status: 'job', clientId: 'slc_1_slc' })
    expect(await claim(object, 'anna', 'k', 'another body')).toEqual({ status: 'mismatch' })
    vi.setSystemTime(T0 + DAY_MS)
    expect(await claim(object, 'anna', 'k')).toMatchObject({ status: 'job' })
    vi.setSystemTime(T0 + DAY_MS + 1)
    expect(await claim(object, 'anna', 'k', 'another body')).toEqual({ status: 'new' })
  })

  it('is free again where nothing was begun, and keeps an error that may have made a job', async () => {
    const object = ledger(31)
    await claim(object, 'anna', 'free')
    await object.settle('anna', 'free', 'first', { release: true })
    expect(await claim(object, 'anna', 'free')).toEqual({ status: 'new' })
    await claim(object, 'anna', 'unsure')
    const end = errorOf(504, 'no answer', 'text/plain')
    await object.settle('anna', 'unsure', 'first', end)
    await evictDurableObject(object)
    expect(await claim(object, 'anna', 'unsure')).toEqual({ status: 'error', ...end })
  })

  it('whose end is never told stays held for a day: in flight while the submit may last, unknown after that', async () => {
    const object = ledger(32)
    await claim(object, 'anna', 'k')
    vi.setSystemTime(T0 + 200_000)
    expect(await claim(object, 'anna', 'k')).toEqual({ status: 'in_flight' })
    // Some release of the configuration lets a client wait for half an hour, at each arm.
    vi.setSystemTime(T0 + 2 * 3_600_000)
    await evictDurableObject(object)
    expect(await claim(object, 'anna', 'k')).toEqual({ status: 'unknown' })
    vi.setSystemTime(T0 + DAY_MS)
    expect(await claim(object, 'anna', 'k')).toEqual({ status: 'unknown' })
    expect(await claim(object, 'anna', 'k', 'another body')).toEqual({ status: 'mismatch' })
  })

  it('is settled by who claimed it and once: what is told late or twice changes nothing', async () => {
    const object = ledger(33)
    await claim(object, 'anna', 'k')
    await object.settle('anna', 'k', 'another', { release: true })
    expect(await claim(object, 'anna', 'k')).toEqual({ status: 'in_flight' })
    await object.settle('anna', 'k', 'first', { job: { clientId: 'slc_1_slc' } })
    await object.settle('anna', 'k', 'first', { release: true })
    await object.settle('anna', 'k', 'first', errorOf(502, 'late'))
    expect(await claim(object, 'anna', 'k')).toEqual({ status: 'job', clientId: 'slc_1_slc' })
  })

  it('is not claimed for a request that has given up meanwhile, which told its client that nothing was sent', async () => {
    const object = ledger(34)
    expect(await object.claim('anna', 'k', 'b', { token: 'slow', byMs: T0 - 1 })).toEqual({ status: 'late' })
    expect(await claim(object, 'anna', 'k')).toEqual({ status: 'new' })
  })
})
