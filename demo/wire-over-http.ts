/** A plain wire over HTTP, with the demo's faults on the way. */
import { setTimeout as delay } from 'node:timers/promises'
import { drip, json } from './answer.ts'
import type { PlainWire } from './plain-wire.ts'
import { serveBytes } from './serve-bytes.ts'
import { readAll } from './submit-body.ts'
import type { Wire, WireOptions } from './wire.ts'

export function overHttp(
  wire: PlainWire,
  { faults, signal }: Pick<WireOptions, 'faults' | 'signal'>,
  refuse: Wire['refuse'],
): Wire {
  return {
    isSubmit: wire.isSubmit,
    refuse,
    serve: async ({ request, response, seen }, { pathname, search }) => {
      if (faults().latency_ms > 0) await delay(faults().latency_ms, undefined, { signal })
      const url = new URL(`http://${request.headers.host ?? 'backend'}${pathname}${search}`)
      const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET')
      const text = (await readAll(request)).toString()
      const isSubmit = wire.isSubmit(method, pathname)
      if (isSubmit) seen.model = wire.modelOf(text)
      const header = (name: string) => request.headers[name]?.toString() ?? null
      const answer = wire.answer({ method, url, headers: { get: header }, body: text })
      const { status, headers = {}, body, file } = answer
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
      if (file && answer.ignoresRange) {
        response.writeHead(status, { 'accept-ranges': 'bytes', 'content-length': file.length })
        return void response.end(request.method === 'HEAD' ? undefined : file)
      }
      if (file) return serveBytes(request, response, file, headers['content-type'] ?? 'application/octet-stream')
      if (isSubmit && status === 200 && faults().drip) return drip(response, JSON.stringify(body))
      json(response, status, body)
    },
  }
}
