/** Requests that neither make a job nor name one: assigned like a submit, streamed both ways, unread. */
import { pickReplica } from '../config/replica.ts'
import type { Snapshot } from '../core/release.ts'
import { decideArm, expose } from './decide.ts'
import { answer } from './answer.ts'
import { bodyOf, type Decided, type Exchange, headersFor, recordEnd } from './exchange.ts'
import { callBackend, isJson, outcomeOfStatus, readAnswer, upstreamError } from './forward.ts'
import { withoutRetry } from './headers.ts'
import { hasJobs } from './isolate.ts'
import type { Choice } from './select-release.ts'
import type { Subject } from './subject.ts'
import { translationOf, translationOfNothing } from './translation.ts'

/** What names a few things is short. */
const MAX_NAMED_BYTES = 64 * 1024

export async function passThrough(
  ctx: Exchange,
  snapshot: Snapshot | null,
  subject: Subject,
  { runtime, route, bytes }: Extract<Choice, { kind: 'other' }>,
): Promise<Response> {
  const isRead = ['GET', 'HEAD'].includes(ctx.method)
  const routed = decideArm(ctx, runtime, snapshot, subject, null)
  const decided: Decided = { runtime, snapshot, routed }
  ctx.decided = decided
  // Without jobs no request is a submit, so each of them is one.
  if (!hasJobs(runtime)) expose(ctx, decided, subject, null)
  const { deps } = ctx.isolate
  const [owner] = subject.owners
  const config = runtime.release.arms[routed.arm]
  const url = pickReplica(config, deps.random())
  const upstream = await callBackend(
    {
      url: url + route.upstreamPath(null, config.model) + ctx.url.search,
      method: ctx.method,
      headers: headersFor(ctx, runtime, routed.arm),
      body: bytes ?? (route.body === 'stream' ? await bodyOf(ctx) : null),
      timeoutMs: config.timeoutMs,
    },
    deps,
  )
  if (!upstream.ok) {
    recordEnd(decided, route.operation, upstream.failure, upstream.seconds, { owner })
    throw upstreamError(upstream.failure, routed.arm, !isRead)
  }
  const { response, seconds } = upstream
  // What such an answer names is its caller's, so that a later request finds it there.
  const named = route.answer === 'json' && hasJobs(runtime) && response.ok && isJson(response)
  const read = named ? await readAnswer(response, MAX_NAMED_BYTES).catch(() => null) : undefined
  upstream.done()
  const failure = read === null ? upstream.failure() : null
  const outcome = failure ?? outcomeOfStatus(response.status)
  recordEnd(decided, route.operation, outcome, seconds, { owner })
  if (failure) throw upstreamError(failure, routed.arm, !isRead)
  const headers = isRead ? response.headers : withoutRetry(response)
  const { status } = response
  if (read && read.text !== null && hasJobs(runtime)) {
    const { text } = read
    const { owners, anonymous } = subject
    const source = { runtime, url, prefix: route.prefix, arm: routed.arm, owner: owners[0], anonymous }
    const translation = await translationOf(ctx, source, new Map(), read.json)
    const body = runtime.protocol.translate(text, translation)
    return answer(ctx, decided, { status, headers, body, translation, cookie: subject.cookie })
  }
  const body = read?.rest ?? response.body
  const translation = translationOfNothing(ctx, url, route)
  return answer(ctx, decided, { status, headers, body, translation, cookie: subject.cookie })
}
