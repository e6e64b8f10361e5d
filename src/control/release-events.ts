/**
 * The live feed of one release: its state when that changes, the counters of each window that closes, a heartbeat.
 * It asks the controller once a second for all viewers of the isolate (shared-feed.ts), so that nothing is kept open
 * inside an object; sending is the route's work.
 */
import { asValue, type ErrorCode, SluiceError } from '../core/errors.ts'
import { windowStart } from '../core/window.ts'
import type { ReleaseView } from '../api/index.ts'
import type { ControlService } from './service.ts'
import type { SharedFeed } from './shared-feed.ts'

export interface FeedClock {
  /** Unix ms. */
  now: () => number
  sleep(ms: number): Promise<void>
  /** Whether the feed may take another step. */
  goesOn(): boolean
}

/** As text, so that it is made once for all viewers; `mark` is what has to differ for it to be a change. */
type Reading<T> = ({ ok: true; text: string } & T) | Silence
interface Silence {
  ok: false
  code: ErrorCode
  message: string
}
export type ReleaseFeed = SharedFeed<Reading<{ mark: string }>, Reading<object>>

/** One reader of a release's feed. */
export interface Viewer {
  /** What all viewers of the isolate share. */
  feed: ReleaseFeed
  service: ControlService
  /** The release's. */
  name: string
  clock: FeedClock
}

const POLL_MS = 1000
/** While another viewer's first reading is under way. */
const WAIT_MS = 100
const LONGEST_WAIT_MS = 6000
const HEARTBEAT_MS = 2500
const LIFETIME_MS = 600_000
/** Isolates flush once a second: a window is read when its last counters have arrived. */
const SETTLE_MS = 2000
/** Of windows that a reader missed while it was away. */
const MAX_CATCH_UP_MS = 3_600_000

/** The state as it is now, for whoever asks before a feed is begun. Throws what the controller refuses. */
export async function firstReading(viewer: Viewer): Promise<void> {
  const { clock } = viewer
  for (const endMs = clock.now() + LONGEST_WAIT_MS; clock.now() < endMs; await clock.sleep(WAIT_MS)) {
    const state = await stateOf(viewer)
    if (state === null) continue
    if (!state.ok) throw new SluiceError(state.code, state.message, { headers: { 'retry-after': '2' } })
    return
  }
}

/**
 * Texts in the form of server-sent events. Ends by itself after ten minutes; browsers come again, with the `id` of the
 * last event that they had: the time until which windows were told, from where it goes on (`sinceMs`).
 */
export async function* releaseEvents(viewer: Viewer, sinceMs: number | null = null): AsyncGenerator<string> {
  const { service, name, clock } = viewer
  const endMs = clock.now() + LIFETIME_MS
  const windowMs = service.windowMs(name)
  let sentMs = clock.now()
  let mark = ''
  const lastClosed = windowStart(clock.now() - SETTLE_MS, windowMs)
  let countersSentUntil =
    sinceMs === null ? lastClosed - windowMs : windowStart(Math.max(sinceMs, lastClosed - MAX_CATCH_UP_MS), windowMs)
  const event = (kind: string, data: string) => `id: ${countersSentUntil}\nevent: ${kind}\ndata: ${data}\n\n`
  yield 'retry: 2000\n\n'
  while (clock.now() < endMs && clock.goesOn()) {
    const events: string[] = []
    const lost = ({ code, message }: Silence) => {
      // What is on the reader's screen is old from here on, until a state comes again.
      if (mark !== '') events.push(event('unavailable', JSON.stringify({ code, message })))
      mark = ''
    }
    const state = await stateOf(viewer)
    if (state && !state.ok) lost(state)
    if (state?.ok) {
      if (state.mark !== mark) events.push(event('state', state.text))
      mark = state.mark
      const toMs = windowStart(clock.now() - SETTLE_MS, windowMs)
      if (toMs > countersSentUntil) {
        const rows = await rowsOf(viewer, { fromMs: countersSentUntil, toMs, stepMs: windowMs })
        if (rows && !rows.ok) lost(rows)
        if (rows?.ok) {
          countersSentUntil = toMs
          events.push(event('counters', rows.text))
        }
      }
    }
    if (state && events.length === 0 && clock.now() - sentMs >= HEARTBEAT_MS)
      events.push(event('heartbeat', String(clock.now())))
    if (events.length > 0) {
      yield events.join('')
      sentMs = clock.now()
    }
    await clock.sleep(POLL_MS)
  }
}

function stateOf({ feed, service, name, clock }: Viewer) {
  const read = async () => {
    const view = await service.release(name)
    return { ok: true as const, text: JSON.stringify(view), mark: JSON.stringify(withoutClocks(view)) }
  }
  // A little less than the pause, so that a viewer alone reads at each of its steps.
  return feed.state(POLL_MS * 0.9, clock.now, () => reading(read))
}

function rowsOf({ feed, service, name, clock }: Viewer, span: { fromMs: number; toMs: number; stepMs: number }) {
  const read = async () => {
    const items = await service.counters(name, span)
    return { ok: true as const, text: JSON.stringify({ items, next: null }) }
  }
  return feed.span(`${span.fromMs}-${span.toMs}`, clock.now, () => reading(read))
}

/** A refusal as a value: it is every viewer's. */
async function reading<T>(read: () => Promise<T>): Promise<T | Silence> {
  const done = await asValue(read)
  return 'value' in done ? done.value : { ok: false, code: done.error.code, message: done.error.message }
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
