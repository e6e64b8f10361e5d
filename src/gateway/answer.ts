/** How an answer leaves: the backend's headers cleaned, our own added, ids and addresses in headers rewritten. */
import { SluiceError } from '../core/errors.ts'
import type { Translation } from '../protocols/translate-string.ts'
import type { HeaderReader, ReceivedHeaders } from './asked.ts'
import type { Decided, Exchange } from './exchange.ts'
import type { PlainHeaders } from './forward.ts'
import { isBodiless, responseWith, toClient } from './headers.ts'

export interface Shown {
  status: number
  headers: ReceivedHeaders
  body: BodyInit | null
  translation?: Translation
  /** The subject's cookie, where one is to be set. */
  cookie?: string | null
}

export function answer(ctx: Exchange, decided: Decided, { status, headers: given, body, ...more }: Shown): Response {
  const { protocol } = decided.runtime
  const translation = more.translation && { ...more.translation, isError: status >= 400 }
  const hasBody = !isBodiless(status) && ctx.method !== 'HEAD'
  const headers = toClient(given, {
    shown: translation && ((name, value) => protocol.translateHeader(name, value, translation)),
    isRewritten: typeof body === 'string',
  })
  mark(ctx, decided, headers)
  if (more.cookie) headers['set-cookie'] = more.cookie
  return responseWith(hasBody ? body : null, { status, given, headers })
}

/** What a request is known by before anything of it is read. */
export type Asked = Pick<Exchange, 'headers' | 'requestId' | 'log'>

/**
 * Any error as our answer, marked with the arm where one was decided. What is no SluiceError is a bug: the client
 * reads `internal`, the log line tells the rest. `ctx` is null where the request failed before it was read.
 */
export function errorAnswer(error: unknown, { headers: asked, requestId, log }: Asked, ctx: Exchange | null): Response {
  const known =
    error instanceof SluiceError ? error : new SluiceError('internal', 'an error inside the gateway', { cause: error })
  log['code'] = known.code
  if (known.code === 'internal')
    log['error'] = error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error)
  const headers: PlainHeaders = {
    'content-type': 'application/json',
    'x-request-id': requestId,
    'cache-control': 'no-store',
    ...readByAnyPage(asked),
    ...known.headers,
  }
  if (ctx?.decided) mark(ctx, ctx.decided, headers)
  return new Response(JSON.stringify(known.body(requestId)), { status: known.status, headers })
}

/** Of our own refusals: they tell a page nothing that it must not know, and without this not even that it was refused. */
export function readByAnyPage(asked: HeaderReader): Record<string, string> {
  return asked.has('origin') ? { 'access-control-allow-origin': '*' } : {}
}

/** Our own headers, and the same facts for the log line. */
export function mark(ctx: Exchange, { runtime, snapshot, routed }: Decided, headers: PlainHeaders): void {
  const { stage, epoch } = snapshot ?? { stage: 'idle', epoch: 0 }
  Object.assign(ctx.log, { release: runtime.release.name, arm: routed.arm, stage, epoch, reason: routed.reason })
  headers['x-request-id'] = ctx.requestId
  if (!ctx.isolate.config.exposeHeaders) return
  headers['x-sluice-release'] = encodeURIComponent(runtime.release.name)
  headers['x-sluice-arm'] = routed.arm
  headers['x-sluice-stage'] = stage
  headers['x-sluice-epoch'] = String(epoch)
  headers['x-sluice-reason'] = routed.reason
}
