/** Header hygiene: what may go to a backend, what may come back. An allow-list on the way in. */
import type { ArmConfig } from '../config/release-schema.ts'
import { wellFormedRequestId } from '../core/request-id.ts'
import type { HeaderReader, ReceivedHeaders } from './asked.ts'
import type { Answer, PlainHeaders } from './forward.ts'

const CONDITIONS = ['if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'range']

/** Common to all protocols; each adds its own by `requestHeaders`. */
const TO_BACKEND: ReadonlySet<string> = new Set([
  ...['accept', 'accept-language', 'content-encoding', 'content-type', 'idempotency-key'],
  ...['traceparent', 'tracestate', 'user-agent'],
  ...CONDITIONS,
])

/** What browsers ask for their pages; the backend answers it, unless the configuration does. */
const OF_BROWSERS: ReadonlySet<string> = new Set([
  ...['origin', 'access-control-request-headers', 'access-control-request-method'],
  'access-control-request-private-network',
])

/** Hop-by-hop, the backend's own cookies and fingerprints, and whatever claims to be ours. */
const NOT_TO_CLIENT: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection'],
  ...['transfer-encoding', 'trailer', 'upgrade', 'via', 'alt-svc'],
  ...['server', 'set-cookie', 'x-powered-by', 'x-request-id'],
])

export interface Outgoing {
  requestId: string
  arm: ArmConfig
  /** The arm's own credential as a header's value; null where it has none. */
  authorization: string | null
  /** False where the Authorization header is a credential for Sluice itself. */
  mayForwardAuthorization: boolean
  /** False where Sluice itself says which pages may call. */
  passesOrigin: boolean
}

export function toBackend(client: HeaderReader, extra: readonly string[], outgoing: Outgoing): PlainHeaders {
  const headers: PlainHeaders = {}
  for (const [name, value] of client) {
    const may = TO_BACKEND.has(name) || (outgoing.passesOrigin && OF_BROWSERS.has(name)) || extra.includes(name)
    if (may) headers[name] = value
  }
  headers['x-request-id'] = outgoing.requestId
  const own = client.get('authorization')
  if (outgoing.authorization !== null) headers['authorization'] = outgoing.authorization
  else if (outgoing.arm.forwardAuthorization && outgoing.mayForwardAuthorization && own !== null)
    headers['authorization'] = own
  return headers
}

/** Of a call that the gateway makes by itself for a request: the caller's own credentials go along, for arms that are to see them. */
export function credentialsOf({ headers }: { headers: HeaderReader }, own: Record<string, string> = {}): HeaderReader {
  const authorization = headers.get('authorization')
  return new Headers({ accept: 'application/json', ...own, ...(authorization === null ? {} : { authorization }) })
}

/** A submit's, less what asks for a part of something or for news of it: there is nothing yet that it could be about. */
export function ofSubmit(headers: PlainHeaders): PlainHeaders {
  for (const name of CONDITIONS) if (name in headers) delete headers[name]
  return headers
}

/**
 * A copy carries nothing of its user: no credentials, cookies, ids or user agent. Its idempotency key is its own: clients
 * choose request ids and may use one for all their submits, of which a backend would then make one job.
 */
export function toShadow(
  contentType: string,
  requestId: string,
  key: string,
  authorization: string | null,
  needed: Readonly<Record<string, string>> = {},
): PlainHeaders {
  return {
    ...needed,
    'content-type': contentType,
    accept: 'application/json',
    'x-request-id': `shadow-${requestId}`,
    'idempotency-key': `shadow-${key}`,
    'x-sluice-shadow': '1',
    ...(authorization === null ? {} : { authorization }),
  }
}

/** Headers that name nothing: what looks like an id there is none. */
const ANONYMOUS =
  /^(accept-.*|access-control-.*|age|cache-control|content-(encoding|language|length|range|type)|date|etag|expires|last-modified|retry-after|vary)$/

interface ToClient {
  /** A value as the client may see it. */
  shown?: ((name: string, value: string) => string) | undefined
  /** Another body than the one that these headers came with: neither its length nor its encoding holds, and it is for one client. */
  isRewritten?: boolean
}

/** Of a backend's answer what is for the client. */
export function toClient(given: HeaderReader, { shown, isRewritten = false }: ToClient = {}): PlainHeaders {
  const hops = given
    .get('connection')
    ?.toLowerCase()
    .split(/[,\s]+/)
  const headers: PlainHeaders = isRewritten ? { 'cache-control': 'private, no-store' } : {}
  for (const [name, value] of given) {
    if (NOT_TO_CLIENT.has(name) || name.startsWith('x-sluice-') || hops?.includes(name)) continue
    if (isRewritten && (name === 'content-length' || name === 'content-encoding')) continue
    headers[name] = shown && !ANONYMOUS.test(name) ? shown(name, value) : value
  }
  return headers
}

/** An answer with these headers, which were made of those that a backend has `given`. */
export function responseWith(
  body: BodyInit | null,
  { status, given, headers }: { status: number; given: ReceivedHeaders; headers: PlainHeaders },
): Response {
  if (!given.unreadable) return new Response(body, { status, headers })
  // Bytes that are no UTF-8 go on as they came only where nobody touches them.
  const response = new Response(body, { status, headers: given.unreadable })
  for (const [name] of given.unreadable) if (!(name in headers)) response.headers.delete(name)
  for (const [name, value] of Object.entries(headers))
    if (value !== response.headers.get(name)) response.headers.set(name, value)
  return response
}

/** Whether no answer of this status has a body. */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304
}

/** The client's request id if it is well-formed, else a new one. */
export function requestIdOf(client: HeaderReader, newId: () => string): string {
  return wellFormedRequestId(client.get('x-request-id')) ?? newId()
}

/** Of another body than came with them: neither its length nor its encoding holds. */
export function withoutLength(given: ReceivedHeaders): ReceivedHeaders {
  return given.without('content-length', 'content-encoding')
}

/** The headers of an answer to something that should not simply be repeated: the backend saw it, and may have acted on it. */
export function withoutRetry({ status, headers }: Pick<Answer, 'status' | 'headers'>): ReceivedHeaders {
  // 429 says that nothing was begun: to try again later is what it asks for.
  if (status < 500 && status !== 408 && status !== 409) return headers
  return headers.with('x-should-retry', 'false')
}
