/** The isolate's copy of the snapshot: when it is refreshed, how long a request waits for that, and which one is never taken. */
import { describe, expect, it, vi } from 'vitest'
import type { Snapshot } from '../../src/core/release.ts'
import { SnapshotCache } from '../../src/gateway/snapshot.ts'

function snapshot(version: number, percent = 5): Snapshot {
  return {
    schema: 1,
    release: 'r',
    state: 'canary',
    stage: 'canary-5',
    percent,
    epoch: version,
    version,
    shadow: { sample: 0, maxBodyBytes: 0, maxInFlight: 0, maxJobsPerDay: 0, jobTimeoutMs: 0 },
    rules: [],
    failover: false,
  }
}

/** A cache with a clock of its own, and answers that are given by hand. */
function rig() {
  let now = 1_000_000
  const asked: { answer: (snapshot: Snapshot | null) => void; fail: (error: Error) => void }[] = []
  const cache = new SnapshotCache(() => new Promise((answer, fail) => asked.push({ answer, fail })))
  const beside: Promise<unknown>[] = []
  return {
    cache,
    asked,
    beside,
    later: (ms: number) => (now += ms),
    take: (given: Snapshot | null) => cache.take(given, now),
    route: () =>
      cache.forRouting(
        () => now,
        (work) => beside.push(work),
      ),
  }
}

describe('the snapshot cache', () => {
  it('answers from memory without asking while it is young', async () => {
    const { take, route, asked, later } = rig()
    take(snapshot(1))
    later(1200)
    expect(await route()).toMatchObject({ version: 1 })
    expect(asked).toHaveLength(0)
  })

  it('is refreshed beside the request when it is older, once however many ask', async () => {
    const { take, route, asked, later, cache, beside } = rig()
    take(snapshot(1))
    later(1300)
    expect(await Promise.all([route(), route(), route()])).toMatchObject([
      { version: 1 },
      { version: 1 },
      { version: 1 },
    ])
    expect(asked).toHaveLength(1)
    asked[0]!.answer(snapshot(2))
    await Promise.all(beside)
    expect(cache.current).toMatchObject({ version: 2 })
  })

  it('is refreshed before routing when it is old', async () => {
    const { take, route, asked, later } = rig()
    take(snapshot(1))
    later(1600)
    const routed = route()
    asked[0]!.answer(snapshot(2))
    expect(await routed).toMatchObject({ version: 2 })
  })

  it('delays no request for longer than its deadline, and the next ones not at all', async () => {
    vi.useFakeTimers()
    try {
      const { take, route, later } = rig()
      take(snapshot(1))
      later(60_000)
      let done = false
      const routed = Promise.resolve(route()).then((found) => ((done = true), found))
      await vi.advanceTimersByTimeAsync(249)
      expect(done).toBe(false)
      await vi.advanceTimersByTimeAsync(1)
      expect(await routed).toMatchObject({ version: 1 })
      const next = await Promise.race([route(), vi.advanceTimersByTimeAsync(0).then(() => 'waited')])
      expect(next).toMatchObject({ version: 1 })
    } finally {
      vi.useRealTimers()
    }
  })

  it('never goes back to an older version, whichever way it comes', async () => {
    const { take, route, asked, later, cache, beside } = rig()
    take(snapshot(7, 20))
    take(snapshot(6, 50))
    expect(cache.current).toMatchObject({ version: 7, percent: 20 })
    later(1300)
    await route()
    asked[0]!.answer(snapshot(5))
    await Promise.all(beside)
    expect(cache.current).toMatchObject({ version: 7, percent: 20 })
    take(null)
    expect(cache.current).toMatchObject({ version: 7, percent: 20 })
  })

  it('goes on with the last one known when it can not be refreshed', async () => {
    const { take, route, asked, later, cache, beside } = rig()
    take(snapshot(1))
    later(1300)
    await route()
    asked[0]!.fail(new Error('the object is gone'))
    await Promise.all(beside)
    expect(cache.current).toMatchObject({ version: 1 })
    later(300_000)
    expect(cache.ageMs(1_000_000 + 301_300)).toBe(301_300)
  })

  it('knows nothing where it never heard anything', async () => {
    const { route, asked } = rig()
    const routed = route()
    asked[0]!.answer(null)
    expect(await routed).toBeNull()
  })

  it('begins a refresh anew when the one under way was dropped with its request', async () => {
    const { take, route, asked, later } = rig()
    take(snapshot(1))
    later(1300)
    await route()
    later(100)
    await route()
    expect(asked).toHaveLength(1)
    later(2000)
    const routed = route()
    expect(asked).toHaveLength(2)
    asked[1]!.answer(snapshot(3))
    expect(await routed).toMatchObject({ version: 3 })
  })
})
