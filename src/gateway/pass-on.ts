/** Requests that neither make a job nor name one: assigned like a submit, streamed both ways, unread. */
import { assign } from '../core/assignment.ts'
import type { Snapshot } from '../core/release.ts'
import type { Route } from '../protocols/protocol.ts'
import { answer, attributesOf, type Exchange, outgoing, overrideOf, recordEnd, type Routed } from './exchange.ts'
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
  const routed = await decide(x, snapshot, subject)
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

async function decide(x: Exchange, snapshot: Snapshot | null, subject: Subject): Promise<Routed> {
  if (x.isolate.forceControl) return { arm: 'control', reason: 'forced_control', matched: false }
  const forced = await overrideOf(x)
  if (forced) return { arm: forced, reason: 'override', matched: false }
  if (!snapshot) return { arm: 'control', reason: 'control_plane_unknown', matched: false }
  return assign(snapshot, subject.value, attributesOf(x, subject, null))
}
