/** The live feed: each window that closes is told once, whatever was missed between two polls. */
import { expect, it } from 'vitest'
import { releaseEvents } from '../../../src/control/release-events.ts'
import type { ControlService } from '../../../src/control/service.ts'
import { SluiceError } from '../../../src/core/errors.ts'
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
  const events = releaseEvents(service, 'r', {
    now: () => nowMs,
    sleep: async () => void (nowMs += steps.shift() ?? 600_000),
  })
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
