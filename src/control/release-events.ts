/**
 * The live feed of one release: its state when that changes, the counters of each window that closes, a heartbeat.
 * It polls the controller, so that nothing is kept open inside an object; sending is the route's work.
 */
import { SluiceError } from '../core/errors.ts'
import { windowStart } from '../core/window.ts'
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

/** Texts in the form of server-sent events. Ends by itself after ten minutes; browsers come again. */
export async function* releaseEvents(service: ControlService, name: string, clock: FeedClock): AsyncGenerator<string> {
  const endMs = clock.now() + LIFETIME_MS
  const windowMs = service.windowMs(name)
  let sentMs = clock.now()
  let state = ''
  let countersSentUntil = windowStart(clock.now() - SETTLE_MS, windowMs) - windowMs
  yield 'retry: 2000\n\n'
  while (clock.now() < endMs) {
    const events: string[] = []
    try {
      const next = JSON.stringify(await service.release(name))
      if (next !== state) events.push(event('state', (state = next)))
      const toMs = windowStart(clock.now() - SETTLE_MS, windowMs)
      if (toMs > countersSentUntil) {
        const rows = await service.counters(name, { fromMs: countersSentUntil, toMs, stepMs: windowMs })
        events.push(event('counters', JSON.stringify({ items: rows, next: null })))
        countersSentUntil = toMs
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

function event(name: string, data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`
}
