/** What a demo backend saw of each request, so that a claim about the gateway can be checked at the far end. No bodies, no secrets. */
import type { IncomingMessage } from 'node:http'

export interface SeenRequest {
  at: string
  method: string
  path: string
  /** Null until it is answered. */
  status: number | null
  /** Whether it asked for a new video. */
  submit: boolean
  /** A copy that the gateway sent to the shadow. */
  shadow: boolean
  /** Model that the body named, on submits. */
  model: string | null
  headers: Record<string, string>
  /** Every header's name, also of those whose value is not shown. */
  header_names: string[]
}

const SHOWN = [
  'x-request-id',
  'idempotency-key',
  'user-agent',
  'content-type',
  'content-length',
  'range',
  'x-sluice-shadow',
]
const KEPT = 2000

export function createRequestLog() {
  const entries: SeenRequest[] = []
  return {
    entries,
    add(request: IncomingMessage, path: string, submit: boolean): SeenRequest {
      const shown = SHOWN.flatMap((name) => {
        const value = request.headers[name]
        return typeof value === 'string' ? [[name, value] as const] : []
      })
      const entry: SeenRequest = {
        at: new Date().toISOString(),
        method: request.method ?? 'GET',
        path,
        status: null,
        submit,
        shadow: request.headers['x-sluice-shadow'] === '1',
        model: null,
        headers: Object.fromEntries(shown),
        header_names: Object.keys(request.headers).toSorted((a, b) => a.localeCompare(b)),
      }
      entries.push(entry)
      if (entries.length > KEPT) entries.shift()
      return entry
    },
  }
}
