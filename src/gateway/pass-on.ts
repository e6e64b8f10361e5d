/** Requests that neither make a job nor name one: assigned like a submit, streamed both ways, unread. */
import type { Snapshot } from '../core/release.ts'
import type { Route } from '../protocols/protocol.ts'
import { decideArm } from './decide.ts'
import { answer, type Exchange, outgoing, recordEnd } from './exchange.ts'
import { expose } from './exposure.ts'
import { armErrorOf, callBackend, upstreamError } from './forward.ts'
import { toBackend } from './headers.ts'
import { type Lane, now } from './isolate.ts'
import type { Subject } from './subject.ts'

export async function passOn(
  x: Exchange,
  lane: Lane,
  snapshot: Snapshot | null,
  route: Route,
  subject: Subject,
): Promise<Response> {
  const routed = await decideArm(x, lane, snapshot, subject, null)
  // Without jobs no request is a submit, so each of them is one.
  if (!lane.protocol.hasJobs) expose(x, lane, snapshot, subject, routed, null)
  const config = lane.release.arms[routed.arm]
  const upstream = await callBackend(
    {
      url: config.urls[Math.floor(Math.random() * config.urls.length)]! + route.upstreamPath(null) + x.url.search,
      method: x.request.method,
      headers: toBackend(x.request.headers, lane.protocol.requestHeaders, outgoing(x, lane, routed.arm)),
      body: route.body === 'stream' ? x.request.body : null,
      timeoutMs: config.timeoutMs,
    },
    now,
  )
  if (!upstream.ok) {
    recordEnd(lane, snapshot, routed, route.operation, upstream.failure, { latency: upstream.seconds })
    throw upstreamError(upstream.failure, routed.arm, x.request.method === 'POST')
  }
  upstream.done()
  const { response, seconds } = upstream
  const outcome = armErrorOf(response.status) ?? (response.status >= 400 ? 'client_error' : 'ok')
  recordEnd(lane, snapshot, routed, route.operation, outcome, { latency: seconds })
  return answer(x, lane, snapshot, routed, response, subject)
}
