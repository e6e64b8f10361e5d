/** Isolates and a ledger over a network that loses calls and answers: the caps of copies hold whatever happens. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Snapshot } from '../../src/core/release.ts'
import type { CopyBatch, CopyResult } from '../../src/durable/rpc.ts'
import { CopyLeases, CopyPlace } from '../../src/gateway/copy-leases.ts'
import { copying, entry, ledger } from '../support/workerd/objects.ts'

const T0 = 1_900_000_000_000
const MOST = 10
const shadow = { sample: 1, maxBodyBytes: 1, maxInFlight: MOST, maxJobsPerDay: 1_000_000, jobTimeoutMs: 600_000 }
const snapshot = { epoch: 1, shadow } as Snapshot

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: T0 }))
afterEach(() => void vi.useRealTimers())

/** From 0 to below 1, the same at every run. */
function draws(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

type Network = 'whole' | 'loses the call' | 'loses the answer'

function isolateOf(source: string, object: ReturnType<typeof ledger>) {
  const leases = new CopyLeases(source, () => Date.now())
  const flush = async (network: Network = 'whole') => {
    const batch = leases.forFlush().get(0)
    if (!batch || network === 'loses the call') return
    const sentAt = Date.now()
    const lease = await copying(object, structuredClone<CopyBatch>(batch))
    if (network === 'whole') leases.answered(0, batch, sentAt, lease)
  }
  return { leases, flush }
}

it.each([1, 2])('no more copies are in flight than may be, and none is withheld in the end: draws %i', async (seed) => {
  const object = ledger(200 + seed)
  const random = draws(seed)
  const isolates = ['a', 'b', 'c'].map((source) => isolateOf(source, object))
  const running: ((result: CopyResult) => void)[] = []
  let begun = 0
  let most = 0
  for (let step = 0; step < 300; step++) {
    const { leases, flush } = isolates[Math.floor(random() * 3)]!
    const what = random()
    if (what < 0.5) {
      const place = leases.want(0, snapshot, 1)
      if (!(place instanceof CopyPlace)) continue
      const network = random() < 0.3 ? 'loses the call' : random() < 0.3 ? 'loses the answer' : 'whole'
      if ((await place.refused(() => flush(network))) === null)
        running.push(place.begin(entry(`${seed}-${begun++}`, { arm: 'control' })))
      place.end()
      most = Math.max(most, running.length)
      expect(running.length).toBeLessThanOrEqual(MOST)
    } else if (what < 0.7) running.splice(Math.floor(random() * running.length), 1)[0]?.({ outcome: 'unreachable' })
    else {
      vi.setSystemTime(Date.now() + 200)
      await flush(random() < 0.2 ? 'loses the answer' : 'whole')
    }
  }
  expect(most).toBe(MOST)
  expect(begun).toBeGreaterThan(50)
  for (const tell of running) tell({ outcome: 'unreachable' })
  for (let second = 0; second < 3; second++) {
    vi.setSystemTime(Date.now() + 1000)
    for (const { flush } of isolates) await flush()
  }
  const { funnel, dropped, open } = await object.report({ fromMs: 0, toMs: 0, overdue: null })
  expect({ ...funnel, ...dropped, open: open.shadow }).toMatchObject({
    admitted: begun,
    submit_unreachable: begun,
    open: 0,
  })
  expect(await copying(object, { source: 'd', seq: 1, caps: shadow, waiting: 99 })).toMatchObject({ granted: MOST })
})

it('what was granted is of no use once its time is over, however long nobody is reached', async () => {
  const { leases, flush } = isolateOf('cut-off', ledger(210))
  const place = () => leases.want(0, snapshot, 1) as CopyPlace
  const first = place()
  expect(await first.refused(() => flush())).toBeNull()
  first.end()
  vi.setSystemTime(T0 + 10_000)
  expect(await place().refused(() => flush('loses the call'))).toBe('copy_failed')
  const again = place()
  expect(await again.refused(() => flush())).toBeNull()
})

it('a refusal holds for the copies of the next moment, without asking, and is asked about again after it', async () => {
  const { leases, flush } = isolateOf('full', ledger(211))
  const none = { ...snapshot, shadow: { ...shadow, maxInFlight: 0 } }
  expect(await (leases.want(0, none, 1) as CopyPlace).refused(() => flush())).toBe('max_in_flight')
  expect(leases.want(0, none, 1)).toBe('max_in_flight')
  expect(leases.want(0, { ...none, epoch: 2 }, 1)).toBeInstanceOf(CopyPlace)
  vi.setSystemTime(T0 + 1500)
  expect(leases.want(0, none, 1)).toBeInstanceOf(CopyPlace)
})
