/** Requests that neither make a job nor name one: assigned like a submit, streamed both ways, unread. */
import { pickReplica } from '../config/replica.ts'
import { answer } from './answer.ts'
import { decideArm, expose } from './decide.ts'
import { bodyOf, settle, type Exchange, headersFor, recordEnd } from './exchange.ts'
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
  { runtime, route, bytes }: Extract<Choice, { kind: 'other' }>,
  subject: Subject,
): Promise<Response> {
  const isRead = ['GET', 'HEAD'].includes(ctx.method)
  const served = settle(ctx, runtime, decideArm(ctx, runtime, subject, null))
  const { arm } = served.routed
  // Without jobs no request is a submit, so each of them is one.
  if (!hasJobs(runtime)) expose(ctx, served, subject, null)
  const { deps } = ctx.isolate
  const [owner] = subject.owners
  const config = runtime.release.arms[arm]
  const url = pickReplica(config, deps.random())
  const request = {
    url: url + route.upstreamPath(null, config.model) + ctx.url.search,
    method: ctx.method,
    headers: headersFor(ctx, runtime, arm),
    body: bytes ?? (route.body === 'stream' ? await bodyOf(ctx) : null),
    upload: ctx.streamed,
    timeoutMs: config.timeoutMs,
  }
  const upstream = await callBackend(request, deps)
  if (!upstream.ok) {
    recordEnd(served, route.operation, upstream.failure, upstream.seconds, { owner })
    throw upstreamError(upstream.failure, arm, !isRead)
  }
  const { response, seconds } = upstream
  // What such an answer names is its caller's, so that a later request finds it there.
  const named = route.answer === 'json' && hasJobs(runtime) && response.ok && isJson(response)
  const read = named ? await readAnswer(response, MAX_NAMED_BYTES).catch(() => null) : undefined
  upstream.done()
  const failure = read === null ? upstream.failure() : null
  const outcome = failure ?? outcomeOfStatus(response.status)
  recordEnd(served, route.operation, outcome, seconds, { owner })
  if (failure) throw upstreamError(failure, arm, !isRead)
  const headers = isRead ? response.headers : withoutRetry(response)
  const { status } = response
  if (read && read.text !== null && hasJobs(runtime)) {
    const { text } = read
    const { owners, anonymous } = subject
    const source = { runtime, url, prefix: route.prefix, arm, owner: owners[0], anonymous }
    const translation = await translationOf(ctx, source, new Map(), read.json)
    const body = runtime.protocol.translate(text, translation)
    return answer(ctx, served, { status, headers, body, translation, cookie: subject.cookie })
  }
  const body = read?.rest ?? response.body
  const translation = translationOfNothing(ctx, url, route.prefix)
  return answer(ctx, served, { status, headers, body, translation, cookie: subject.cookie })
}
