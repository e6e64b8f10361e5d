/** The live feed of a release over server-sent events. What it says stands in release-events.ts. */
import { type FeedClock, releaseEvents } from '../release-events.ts'
import { route } from '../route.ts'

export const streamRoutes = [
  route({
    method: 'get',
    path: '/api/v1/releases/{name}/stream',
    operationId: 'streamRelease',
    summary: 'State, verdicts and counters as they change',
    role: 'viewer',
    answer: {
      mediaType: 'text/event-stream',
      description:
        'Events `state` (a Release, when it changed), `counters` (rows of the windows that closed since the last), `unavailable` (an error) and, in silence, `heartbeat` (unix ms). Counters go on after the `Last-Event-ID` that is sent.',
    },
    refusals: ['release_not_found'],
    run: async ({ c, service, name, now }) => {
      // Asked first, so that an unknown release is a 404 and not a feed of nothing.
      await service.release(name)
      const last = c.req.header('last-event-id')
      const sinceMs = last !== undefined && /^\d{1,15}$/.test(last) ? Math.min(Number(last), now()) : null
      return new Response(bodyOf(releaseEvents(service, name, clockOf(now), sinceMs)), {
        headers: { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' },
      })
    },
  }),
]

/** Pulled by the reader: when the client goes, the generator ends at its next step. */
function bodyOf(events: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await events.next()
      if (done) controller.close()
      else controller.enqueue(encoder.encode(value))
    },
    cancel: () => void events.return(undefined),
  })
}

function clockOf(now: () => number): FeedClock {
  return { now, sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) }
}
