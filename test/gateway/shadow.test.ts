/** A copy for the shadow costs the client nothing: before the answer has left, sizes are looked at and nothing is built. */
import { expect, test, vi } from 'vitest'
import type { Snapshot } from '../../src/core/release.ts'
import { CopyLeases } from '../../src/gateway/copy-leases.ts'
import type { Exchange } from '../../src/gateway/exchange.ts'
import { copyToShadow } from '../../src/gateway/shadow.ts'
import { gatewayDeps } from '../support/workerd/gateway-deps.ts'

const deps = gatewayDeps({ sleep: () => Promise.resolve() })

const shadow = { sample: 1, maxBodyBytes: 262_144, maxInFlight: 1, maxJobsPerDay: 1, jobTimeoutMs: 1 }
const snapshot = { epoch: 1, shadow } as Snapshot

type Arguments = Parameters<typeof copyToShadow>

/** A submit of this many bytes on its way, and what happens to its copy. */
function submitOf(byteLength: number, granted = 1) {
  const answered = Promise.withResolvers<void>()
  const counted: string[] = []
  const rebuild = vi.fn(() => ({
    bytes: new Uint8Array(byteLength),
    contentType: 'application/json',
    path: '/v1/videos',
  }))
  const flush = vi.fn(() => Promise.resolve())
  const copies = new CopyLeases('isolate-1', () => 0)
  copies.want(0, snapshot, 1)
  copies.answered(0, copies.forFlush().get(0)!, 0, { granted, forMs: 1, refusal: 'max_in_flight' })
  const isolate = { deps, copyBytes: 0, forceControl: false }
  const work: Promise<unknown>[] = []
  const runtime = {
    release: { name: 'r', arms: { candidate: { model: 'n' } } },
    telemetry: { shadowCount: (step: string) => counted.push(step), nextFlush: flush },
    copies,
    places: { indexOf: () => 0, sharing: () => 1 },
  }
  const ctx = {
    requestId: 'a',
    isolate,
    answered: answered.promise,
    waitUntil: (each: Promise<unknown>) => work.push(each),
  }
  copyToShadow(
    ctx as unknown as Exchange,
    { runtime, snapshot } as unknown as Arguments[1],
    { submission: { byteLength, jobs: [], rebuild } } as unknown as Arguments[2],
    { owner: 'o', replica: 1, upstreamId: 'v' } as unknown as Arguments[3],
  )
  return { answer: answered.resolve, counted, rebuild, flush, isolate, ended: () => Promise.all(work) }
}

test('nothing of the copy is built before the answer is on its way', async () => {
  const { answer, rebuild, flush, isolate, ended } = submitOf(1000)
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  expect(rebuild).not.toHaveBeenCalled()
  expect(isolate.copyBytes).toBe(2000)
  answer()
  await ended()
  expect(rebuild).toHaveBeenCalledOnce()
  expect(flush).not.toHaveBeenCalled()
  expect(isolate.copyBytes).toBe(0)
})

test('a copy beyond what the ledger has granted is dropped at once, and counted with the reason', async () => {
  const { answer, counted, rebuild, flush, isolate, ended } = submitOf(1000, 0)
  expect(isolate.copyBytes).toBe(0)
  answer()
  await ended()
  expect(rebuild).not.toHaveBeenCalled()
  expect(flush).not.toHaveBeenCalled()
  expect(counted).toEqual(['eligible', 'sampled', 'dropped:max_in_flight'])
})

test('a submit that is too large to be copied is never rebuilt', async () => {
  const { answer, counted, rebuild, ended } = submitOf(262_145)
  answer()
  await ended()
  expect(rebuild).not.toHaveBeenCalled()
  expect(counted).toEqual(['eligible', 'sampled', 'dropped:body_too_large'])
})

test('a copy that is out of bounds is dropped, and its bytes are free again', async () => {
  const { answer, counted, rebuild, isolate, ended } = submitOf(1000)
  rebuild.mockImplementation(() => {
    throw new Error('nests deeper')
  })
  answer()
  await ended()
  expect(counted.at(-1)).toBe('dropped:copy_failed')
  expect(isolate.copyBytes).toBe(0)
})
