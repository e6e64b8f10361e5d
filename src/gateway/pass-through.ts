/** Requests that neither make a job nor name one: assigned like a submit, streamed both ways, unread. */
import { pickReplica } from '../config/replica.ts'
import type { Snapshot } from '../core/release.ts'
import type { Route } from '../protocols/protocol.ts'
import { decideArm } from './decide.ts'
import { answer } from './answer.ts'
import { bodyOf, type Decided, type Exchange, outgoing, recordEnd } from './exchange.ts'
import { expose } from './exposure.ts'
import { armErrorOf, callBackend, upstreamError } from './forward.ts'
import { toBackend, withoutRetry } from './headers.ts'
import { hasJobs, type ReleaseRuntime } from './isolate.ts'
import type { Subject } from './subject.ts'

export async function passThrough(
  ctx: Exchange,
  runtime: ReleaseRuntime,
  snapshot: Snapshot | null,
  subject: Subject,
  { route, bytes }: { route: Route; bytes: Uint8Array<ArrayBuffer> | null },
): Promise<Response> {
  const isRead = ['GET', 'HEAD'].includes(ctx.request.method)
  const routed = decideArm(ctx, runtime, snapshot, subject, null)
  const decided: Decided = { runtime, snapshot, routed }
  ctx.decided = decided
  // Without jobs no request is a submit, so each of them is one.
  if (!hasJobs(runtime)) expose(ctx, decided, subject, null)
  const { deps } = ctx.isolate
  const config = runtime.release.arms[routed.arm]
  const url = pickReplica(config, deps.random())
  const upstream = await callBackend(
    {
      url: url + route.upstreamPath(null, config.model) + ctx.url.search,
      method: ctx.request.method,
      headers: toBackend(ctx.request.headers, runtime.protocol.requestHeaders, outgoing(ctx, runtime, routed.arm)),
      body: bytes ?? (route.body === 'stream' ? await bodyOf(ctx) : null),
      timeoutMs: config.timeoutMs,
    },
    deps,
  )
  if (!upstream.ok) {
    recordEnd(decided, route.operation, upstream.failure, { latency: upstream.seconds })
    throw upstreamError(upstream.failure, routed.arm, !isRead)
  }
  upstream.done()
  const { response, seconds } = upstream
  const outcome = armErrorOf(response.status) ?? (response.status >= 400 ? 'client_error' : 'ok')
  recordEnd(decided, route.operation, outcome, { latency: seconds })
  // Nobody owns what such an answer names, so only addresses are translated.
  const ids: ReadonlyMap<string, string> = new Map()
  const translation = { ids, upstreamOrigin: url, gatewayOrigin: ctx.url.origin, prefix: route.prefix }
  const headers = isRead ? response.headers : withoutRetry(response)
  const { status, body } = response
  return answer(ctx, decided, { status, headers, body, translation, cookie: subject.cookie })
}
