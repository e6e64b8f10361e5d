/** A wire whose backend is a function from request to answer, served over HTTP with the demo's faults on the way. */
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { drip, json } from './answer.ts'
import type { PlainAnswer, PlainRequest } from './plain-backend.ts'
import { serveBytes } from './serve-bytes.ts'
import { readAll } from './submit-body.ts'
import type { Wire, WireOptions } from './wire.ts'

export interface PlainBackend {
  answer: (request: PlainRequest) => PlainAnswer | Promise<PlainAnswer>
  isSubmit: (method: string, path: string) => boolean
  /** Model that a submit names. */
  modelOf: (request: PlainRequest) => string
  /** What a refusal of the server itself looks like. */
  refusal: (status: number, message: string) => unknown
}

export function plainWire(backend: PlainBackend, { faults, signal }: Pick<WireOptions, 'faults' | 'signal'>): Wire {
  return {
    isSubmit: backend.isSubmit,
    refuse: (response: ServerResponse, status, message) => json(response, status, backend.refusal(status, message)),
    serve: async ({ request, response, seen }, { pathname, search }) => {
      if (faults().latency_ms > 0) await delay(faults().latency_ms, undefined, { signal })
      const url = new URL(`http://${request.headers.host ?? 'backend'}${pathname}${search}`)
      const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET')
      const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
      const asked: PlainRequest = { method, url, headers, body: (await readAll(request)).toString() }
      const isSubmit = backend.isSubmit(method, pathname)
      if (isSubmit) seen.model = backend.modelOf(asked)
      if (pathname === '/health') return json(response, 200, {})
      const answered = await backend.answer(asked)
      for (const [name, value] of Object.entries(answered.headers)) response.setHeader(name, value)
      if (answered.file) return serveBytes(request, response, answered.file, 'video/mp4')
      if (isSubmit && answered.status < 300 && faults().drip) return drip(response, JSON.stringify(answered.body))
      json(response, answered.status, answered.body)
    },
  }
}
