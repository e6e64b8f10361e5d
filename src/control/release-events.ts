/**
 * The live feed of one release: its state when that changes, the counters of each window that closes, a heartbeat.
 * It polls the controller, so that nothing is kept open inside an object; sending is the route's work.
 */
import { SluiceError } from '../core/errors.ts'
import { windowStart } from '../core/window.ts'
import type { ReleaseView } from './api.ts'
import type { ControlService } from './service.ts'

export interface FeedClock {
  now(): number
  sleep(ms: number): Promise<void>
}

const POLL_MS = 1000
const HEARTBEAT_MS = 2500
const LIFETIME_MS = 600_000
/** Isolates flush once a second: a window is read when its last counters have arrived. */
const SETTLE_MS = 2000
/** Of windows that a reader missed while it was away. */
const MAX_CATCH_UP_MS = 3_600_000

/**
 * Texts in the form of server-sent events. Ends by itself after ten minutes; browsers come again, with the `id` of the
 * last event that they had: the time until which windows were told, from where it goes on (`sinceMs`).
 */
export async function* releaseEvents(
  service: ControlService,
  name: string,
  clock: FeedClock,
  sinceMs: number | null = null,
): AsyncGenerator<string> {
  const endMs = clock.now() + LIFETIME_MS
  const windowMs = service.windowMs(name)
  let sentMs = clock.now()
  let state = ''
  const lastClosed = windowStart(clock.now() - SETTLE_MS, windowMs)
  let countersSentUntil =
    sinceMs === null ? lastClosed - windowMs : windowStart(Math.max(sinceMs, lastClosed - MAX_CATCH_UP_MS), windowMs)
  const event = (kind: string, data: string) => `id: ${countersSentUntil}\nevent: ${kind}\ndata: ${data}\n\n`
  yield 'retry: 2000\n\n'
  while (clock.now() < endMs) {
    const events: string[] = []
    try {
      const view = await service.release(name)
      const next = JSON.stringify(withoutClocks(view))
      if (next !== state) events.push(event('state', JSON.stringify(view)))
      state = next
      const toMs = windowStart(clock.now() - SETTLE_MS, windowMs)
      if (toMs > countersSentUntil) {
        const rows = await service.counters(name, { fromMs: countersSentUntil, toMs, stepMs: windowMs })
        countersSentUntil = toMs
        events.push(event('counters', JSON.stringify({ items: rows, next: null })))
      }
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error
      // What is on the reader's screen is old from here on, until a state comes again.
      if (state !== '') events.push(event('unavailable', JSON.stringify({ code: error.code, message: error.message })))
      state = ''
    }
    if (events.length === 0 && clock.now() - sentMs >= HEARTBEAT_MS)
      events.push(event('heartbeat', String(clock.now())))
    if (events.length > 0) {
      yield events.join('')
      sentMs = clock.now()
    }
    await clock.sleep(POLL_MS)
  }
}

/** What only counts time away is no change: its begin or end stands beside it. */
function withoutClocks(view: ReleaseView): unknown {
  const { draining } = view
  return {
    ...view,
    blocked_by: view.blocked_by.map(({ code, message, until }) => ({ code, until, message: until ? null : message })),
    draining: draining && { jobs: draining.jobs },
  }
}
