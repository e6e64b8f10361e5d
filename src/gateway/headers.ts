/** Header hygiene: what may go to a backend, what may come back. An allow-list on the way in. */
import type { ArmConfig } from '../config/release-schema.ts'
import { wellFormedRequestId } from '../core/request-id.ts'
import type { HeaderReader } from './asked.ts'
import type { SentHeaders } from './forward.ts'

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

export function toBackend(client: HeaderReader, extra: readonly string[], outgoing: Outgoing): SentHeaders {
  const headers: SentHeaders = {}
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
export function ofSubmit(headers: SentHeaders): SentHeaders {
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
): SentHeaders {
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

/**
 * Takes out of an answer's headers, copied from a backend, what is not for the client. In place, since each header that
 * is copied by a script costs a call.
 */
export function toClient(headers: Headers, { shown, isRewritten = false }: ToClient = {}): void {
  const names = [...headers.keys()]
  const connection = names.includes('connection') ? headers.get('connection') : null
  const hops = connection?.toLowerCase().split(/[,\s]+/)
  let saysWhoKeeps = false
  for (const name of names) {
    if (NOT_TO_CLIENT.has(name) || name.startsWith('x-sluice-') || hops?.includes(name)) headers.delete(name)
    else if (isRewritten && (name === 'content-length' || name === 'content-encoding')) headers.delete(name)
    else if (name === 'cache-control') saysWhoKeeps = true
    else if (shown && !ANONYMOUS.test(name)) {
      const value = headers.get(name)!
      const own = shown(name, value)
      if (own !== value) headers.set(name, own)
    }
  }
  if (isRewritten && !saysWhoKeeps) headers.set('cache-control', 'private, no-store')
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
export function withoutLength(given: Headers): Headers {
  const headers = new Headers(given)
  for (const name of ['content-length', 'content-encoding']) headers.delete(name)
  return headers
}

/** The headers of an answer to something that should not simply be repeated: the backend saw it, and may have acted on it. */
export function withoutRetry({ status, headers }: Pick<Response, 'status' | 'headers'>): Headers {
  // 429 says that nothing was begun: to try again later is what it asks for.
  if (status < 500 && status !== 408 && status !== 409) return headers
  const out = new Headers(headers)
  out.set('x-should-retry', 'false')
  return out
}
