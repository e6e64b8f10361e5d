/** The live feed of a release over server-sent events. What it says stands in release-events.ts. */
import { SluiceError } from '../../core/errors.ts'
import { type FeedClock, firstReading, releaseEvents } from '../release-events.ts'
import { releaseRead, route } from '../route.ts'
import { MAX_STREAMS } from '../shared-feed.ts'

export const streamRoutes = [
  route({
    ...releaseRead,
    path: '/api/v1/releases/{name}/stream',
    operationId: 'streamRelease',
    summary: 'State, verdicts and counters as they change',
    answer: {
      mediaType: 'text/event-stream',
      description:
        'Events `state` (a Release, when it changed), `counters` (rows of the windows that closed since the last), `unavailable` (an error) and, in silence, `heartbeat` (unix ms). Counters go on after the `Last-Event-ID` that is sent.',
    },
    run: async ({ c, service, name, now }) => {
      // Refused before anything is asked; an unknown release is a 404 and not a feed of nothing.
      service.windowMs(name)
      const { places } = service.streams
      const place = places.take(now())
      if (place === null) {
        throw new SluiceError('control_plane_unavailable', `${MAX_STREAMS} streams are open here, and no more are`, {
          headers: { 'retry-after': '15' },
        })
      }
      const clock = clockOf(now, () => places.keep(place, now()))
      const viewer = { feed: service.streams.feed(name), service, name, clock }
      try {
        await firstReading(viewer)
      } catch (error) {
        places.leave(place)
        throw error
      }
      const last = c.req.header('last-event-id')
      const sinceMs = last !== undefined && /^\d{1,15}$/.test(last) ? Math.min(Number(last), now()) : null
      const events = releaseEvents(viewer, sinceMs)
      return new Response(
        bodyOf(events, () => places.leave(place)),
        {
          headers: { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' },
        },
      )
    },
  }),
]

const STALLED_MS = 30_000

/** Pulled by the reader, a text at a time: for one who stops reading one text is kept, and not for long. */
function bodyOf(events: AsyncGenerator<string>, leave: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let watch: ReturnType<typeof setTimeout> | null = null
  const end = () => {
    if (watch !== null) clearTimeout(watch)
    leave()
    void events.return(undefined)
  }
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (watch !== null) clearTimeout(watch)
      const { done, value } = await events.next()
      if (done) {
        leave()
        controller.close()
        return
      }
      controller.enqueue(encoder.encode(value))
      watch = setTimeout(() => {
        end()
        controller.error(new Error('the reader has stopped reading'))
      }, STALLED_MS)
    },
    cancel: end,
  })
}

function clockOf(now: () => number, goesOn: () => boolean): FeedClock {
  return { now, goesOn, sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) }
}
