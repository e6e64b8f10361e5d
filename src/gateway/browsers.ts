/**
 * Pages of other sites that call the data plane. By default the backends say which may, control's for what Sluice
 * answers by itself; with `cors` in the configuration Sluice says it for both arms.
 */
import { pickReplica } from '../config/replica.ts'
import type { SluiceSettings } from '../config/sluice-schema.ts'
import { answer } from './answer.ts'
import { type HeaderReader, ReceivedHeaders } from './asked.ts'
import { type Decided, type Exchange, headersFor } from './exchange.ts'
import { callBackend, type PlainHeaders, type Upstream, upstreamError } from './forward.ts'
import { isBodiless, responseWith, toClient } from './headers.ts'
import type { ReleaseRuntime } from './isolate.ts'
import { runtimeOfPath } from './select-release.ts'

type Asked = Pick<Exchange, 'method' | 'headers'>
type Cors = NonNullable<SluiceSettings['cors']>

export const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
/** How long a browser need not ask again, in seconds. */
const PREFLIGHT_SECONDS = '600'
const EXPOSED = [
  ...['x-request-id', 'x-sluice-release', 'x-sluice-arm', 'x-sluice-stage', 'x-sluice-epoch', 'x-sluice-reason'],
  ...['x-should-retry', 'retry-after', 'accept-ranges', 'content-disposition', 'content-range', 'etag', 'location'],
].join(', ')
/** Of the question whether a page may read what Sluice answers by itself. */
const ASK_DEADLINE_MS = 3000
const OF_READING = ['access-control-allow-origin', 'access-control-allow-credentials', 'access-control-expose-headers']

export function isPreflight({ method, headers }: Asked): boolean {
  return method === 'OPTIONS' && headers.has('access-control-request-method')
}

/** Browsers send no credentials with a preflight, so none are asked for. It is no request of a user's, and not counted. */
export async function preflight(ctx: Exchange): Promise<Response> {
  ctx.log['operation'] = 'preflight'
  if (ctx.isolate.config.cors) return new Response(null, { status: 204, headers: { 'x-request-id': ctx.requestId } })
  const { runtime, route } = runtimeOfPath(ctx)
  Object.assign(ctx.log, { release: runtime.release.name, arm: 'control' })
  const { timeoutMs } = runtime.release.arms.control
  const upstream = await askControl(ctx, runtime, ctx.headers, route.upstreamPath(null) + ctx.url.search, timeoutMs)
  if (!upstream.ok) throw upstreamError(upstream.failure, 'control', false)
  upstream.done()
  const { status, headers, body } = upstream.response
  const shown = { ...toClient(headers), 'x-request-id': ctx.requestId }
  return responseWith(isBodiless(status) ? null : body, { status, given: headers, headers: shown })
}

/** JSON of Sluice's own, which a page may read as it could control's. */
export async function ownAnswer(ctx: Exchange, decided: Decided, body: unknown, status = 200): Promise<Response> {
  const own = { 'content-type': 'application/json', ...(await allowedByControl(ctx, decided.runtime)) }
  const headers = new ReceivedHeaders(new Map(Object.entries(own)))
  return answer(ctx, decided, { status, headers, body: JSON.stringify(body) })
}

/** What control's backend lets the page of this request read at this path, as headers; nothing where no page asks. */
async function allowedByControl(ctx: Exchange, runtime: ReleaseRuntime): Promise<PlainHeaders> {
  const origin = ctx.headers.get('origin')
  if (origin === null || ctx.isolate.config.cors) return {}
  const asked = new Headers({ origin, 'access-control-request-method': ctx.method })
  const upstream = await askControl(ctx, runtime, asked, ctx.url.pathname, ASK_DEADLINE_MS)
  if (!upstream.ok) return {}
  upstream.done()
  const { headers, body } = upstream.response
  await body?.cancel()
  return { vary: 'origin', ...Object.fromEntries([...headers].filter(([name]) => OF_READING.includes(name))) }
}

function askControl(
  ctx: Exchange,
  runtime: ReleaseRuntime,
  asked: HeaderReader,
  path: string,
  timeoutMs: number,
): Promise<Upstream> {
  const { control } = runtime.release.arms
  const headers = headersFor(ctx, runtime, 'control', asked)
  const url = pickReplica(control, ctx.isolate.deps.random()) + path
  const deadlineMs = Math.min(control.timeoutMs, timeoutMs)
  return callBackend({ url, method: 'OPTIONS', headers, body: null, timeoutMs: deadlineMs }, ctx.isolate.deps)
}

/** The same answer with the configuration's word on which pages may read it, in place of a backend's. */
export function withCors(asked: Asked, response: Response, cors: Cors): Response {
  const { headers } = response
  for (const name of [...headers.keys()]) if (name.startsWith('access-control-')) headers.delete(name)
  const isOpen = cors.origins.includes('*')
  if (!isOpen) headers.append('vary', 'origin')
  const origin = asked.headers.get('origin')
  if (origin === null || !(isOpen || cors.origins.includes(origin))) return response
  headers.set('access-control-allow-origin', isOpen ? '*' : origin)
  if (cors.credentials) headers.set('access-control-allow-credentials', 'true')
  if (!isPreflight(asked)) {
    headers.set('access-control-expose-headers', EXPOSED)
    return response
  }
  const wanted = asked.headers.get('access-control-request-headers')
  headers.set('access-control-allow-methods', METHODS)
  if (wanted !== null) headers.set('access-control-allow-headers', wanted)
  headers.set('access-control-max-age', PREFLIGHT_SECONDS)
  headers.append('vary', 'access-control-request-headers')
  return response
}
