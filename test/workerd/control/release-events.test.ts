/** The live feed: each window that closes is told once, whatever was missed between two polls. */
import { describe, expect, it } from 'vitest'
import { type ReleaseFeed, releaseEvents } from '../../../src/control/release-events.ts'
import type { ControlService } from '../../../src/control/service.ts'
import { SharedFeed, StreamPlaces, MAX_STREAMS } from '../../../src/control/shared-feed.ts'
import { SluiceError } from '../../../src/core/errors.ts'
import { ControlFake, RELEASES } from '../../support/control-fake.ts'
import { aReleaseView } from '../../support/workerd/release-view.ts'

const T0 = 1_900_000_000_000
const WINDOW_MS = 1000

/** The spans whose counters were asked for and answered, while each step of the clock takes as long as `steps` says. */
async function spansSent(steps: number[], isDown: (nowMs: number) => boolean = () => false): Promise<number[][]> {
  let nowMs = T0
  const spans: number[][] = []
  const service = {
    windowMs: () => WINDOW_MS,
    release: async () => {
      if (isDown(nowMs)) throw new SluiceError('control_plane_unavailable', 'down')
      return aReleaseView()
    },
    counters: async (_: string, { fromMs, toMs }: { fromMs: number; toMs: number }) => {
      spans.push([fromMs - T0, toMs - T0])
      return []
    },
  } as unknown as ControlService
  const clock = {
    now: () => nowMs,
    goesOn: () => true,
    sleep: async () => void (nowMs += steps.shift() ?? 600_000),
  }
  const events = releaseEvents({ feed: new SharedFeed(), service, name: 'r', clock })
  for await (const _ of events) if (steps.length === 0) break
  return spans
}

it('tells windows that closed between two slow polls, all of them, none twice', async () => {
  expect(await spansSent([1000, 2600, 1000, 100])).toEqual([
    [-3000, -2000],
    [-2000, -1000],
    [-1000, 1000],
    [1000, 2000],
  ])
})

it('tells after an outage of the control plane what closed meanwhile', async () => {
  const isDown = (nowMs: number) => nowMs > T0 && nowMs < T0 + 20_000
  const spans = await spansSent([...Array.from({ length: 25 }, () => 1000), 100], isDown)
  expect(spans.slice(0, 2)).toEqual([
    [-3000, -2000],
    [-2000, 18_000],
  ])
})

describe('viewers of one release', () => {
  it('share one reading a second, however many they are, and each is told all', async () => {
    let nowMs = T0
    const calls = { release: 0, counters: 0 }
    const service = {
      windowMs: () => WINDOW_MS,
      release: async () => (calls.release++, aReleaseView({ version: 1 + Math.floor((nowMs - T0) / 1000) })),
      counters: async () => (calls.counters++, []),
    } as unknown as ControlService
    const feed: ReleaseFeed = new SharedFeed()
    const clock = { now: () => nowMs, goesOn: () => true, sleep: async () => undefined }
    const viewers = Array.from({ length: 300 }, () => releaseEvents({ feed, service, name: 'r', clock }))
    for (const viewer of viewers) await viewer.next()
    for (let second = 0; second < 5; second++) {
      for (const viewer of viewers) {
        const { value } = await viewer.next()
        expect(value).toContain('event: state')
        expect(value).toContain('event: counters')
      }
      nowMs += 1000
    }
    expect(calls).toEqual({ release: 5, counters: 5 })
  })

  it('do not wait for a reading that was lost with the request that began it', async () => {
    let nowMs = T0
    const feed = new SharedFeed<string, string>()
    const now = () => nowMs
    void feed.state(900, now, () => new Promise(() => {}))
    nowMs += 1000
    expect(await feed.state(900, now, async () => 'mine')).toBeNull()
    nowMs += 6000
    expect(await feed.state(900, now, async () => 'mine')).toBe('mine')
    expect(await feed.state(900, now, async () => 'again')).toBe('mine')
  })

  it('have a hundred places; one that was left, or not used for 15 seconds, is free again', () => {
    const places = new StreamPlaces()
    const taken = Array.from({ length: MAX_STREAMS }, () => places.take(T0)!)
    expect(places.take(T0 + 1000)).toBeNull()
    places.leave(taken[0]!)
    expect(places.take(T0 + 1000)).not.toBeNull()
    for (const place of taken.slice(1, 50)) expect(places.keep(place, T0 + 10_000)).toBe(true)
    expect(places.take(T0 + 14_000)).toBeNull()
    expect(places.take(T0 + 15_000)).not.toBeNull()
    expect(places.keep(taken[1]!, T0 + 15_000)).toBe(true)
  })
})

it('the hundred and first stream is refused with the time to come again, and a stream that ends makes room', async () => {
  const rig = new ControlFake()
  const open = () => rig.request('GET', `/api/v1/releases/${RELEASES[0]}/stream`)
  const streams: Response[] = []
  for (let i = 0; i < MAX_STREAMS; i++) streams.push(await open())
  expect(streams.every(({ status }) => status === 200)).toBe(true)
  const refused = await open()
  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).toBe('15')
  await refused.body?.cancel()
  await streams[0]!.body!.cancel()
  const again = await open()
  expect(again.status).toBe(200)
  for (const stream of [again, ...streams.slice(1)]) await stream.body!.cancel()
})
