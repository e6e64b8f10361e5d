/** Requests that neither make a job nor name one: assigned like a submit, streamed both ways, unread. */
import { pickReplica } from '../config/replica.ts'
import type { Snapshot } from '../core/release.ts'
import type { Route } from '../protocols/protocol.ts'
import { decideArm } from './decide.ts'
import { answer, type Exchange, outgoing, recordEnd } from './exchange.ts'
import { expose } from './exposure.ts'
import { armErrorOf, callBackend, upstreamError } from './forward.ts'
import { toBackend, withoutRetry } from './headers.ts'
import { type Lane, now } from './isolate.ts'
import type { Subject } from './subject.ts'
import { translationOf } from './translation.ts'

export async function passOn(
  x: Exchange,
  lane: Lane,
  snapshot: Snapshot | null,
  route: Route,
  subject: Subject,
  bytes: Uint8Array<ArrayBuffer> | null,
): Promise<Response> {
  const isRead = ['GET', 'HEAD'].includes(x.request.method)
  const routed = await decideArm(x, lane, snapshot, subject, null)
  // Without jobs no request is a submit, so each of them is one.
  if (!lane.protocol.hasJobs) expose(x, lane, snapshot, subject, routed, null)
  x.decided = { lane, snapshot, routed }
  const config = lane.release.arms[routed.arm]
  const url = pickReplica(config, Math.random())
  const upstream = await callBackend(
    {
      url: url + route.upstreamPath(null) + x.url.search,
      method: x.request.method,
      headers: toBackend(x.request.headers, lane.protocol.requestHeaders, outgoing(x, lane, routed.arm)),
      body: bytes ?? (route.body === 'stream' ? x.request.body : null),
      timeoutMs: config.timeoutMs,
    },
    now,
  )
  if (!upstream.ok) {
    recordEnd(lane, snapshot, routed, route.operation, upstream.failure, { latency: upstream.seconds })
    throw upstreamError(upstream.failure, routed.arm, !isRead)
  }
  upstream.done()
  const { response, seconds } = upstream
  const outcome = armErrorOf(response.status) ?? (response.status >= 400 ? 'client_error' : 'ok')
  recordEnd(lane, snapshot, routed, route.operation, outcome, { latency: seconds })
  const source = { lane, url, arm: routed.arm, owner: '', nameless: false }
  const translation = await translationOf(x, source, new Map(), null)
  const headers = isRead ? response.headers : withoutRetry(response)
  return answer(
    x,
    lane,
    snapshot,
    routed,
    { status: response.status, headers, body: response.body, translation },
    subject,
  )
}
