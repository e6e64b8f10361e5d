/** A wire of JSON requests and answers over HTTP, with the demo's faults on the way. What it says is the API's own. */
import { setTimeout as delay } from 'node:timers/promises'
import { drip, json } from './answer.ts'
import { clipOf } from './clip.ts'
import { serveBytes } from './serve-bytes.ts'
import { readAll } from './submit-body.ts'
import type { RestApi, RestApiOf, RestOptions, RestRequest } from './rest-api.ts'
import type { Wire, WireOptions } from './wire.ts'

/** A wire that says nothing beyond its answers. */
export function restWire(create: RestApiOf): (options: WireOptions) => Wire {
  return (options) => serveRest(create(restOptions(options)), options)
}

/** By the clock of this machine. */
export function restOptions({ model, jobSeconds, clip, random, faults }: WireOptions): RestOptions {
  return { model, jobSeconds, random, faults, now: Date.now, clip: (id) => clipOf(clip, id) }
}

export function serveRest(api: RestApi, { faults, signal }: Pick<WireOptions, 'faults' | 'signal'>): Wire {
  return {
    isSubmit: api.isSubmit,
    refuse: (response, status, message) => json(response, status, api.error(status, message)),
    serve: async ({ request, response, seen }, { pathname, search }) => {
      if (faults().latency_ms > 0) await delay(faults().latency_ms, undefined, { signal })
      const url = new URL(`http://${request.headers.host ?? 'backend'}${pathname}${search}`)
      const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET')
      const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
      const asked: RestRequest = { method, url, headers, body: (await readAll(request)).toString() }
      const isSubmit = api.isSubmit(method, pathname)
      if (isSubmit) seen.model = api.modelOf(asked)
      if (pathname === '/health') return json(response, 200, {})
      const { status, headers: more = {}, body, file } = await api.answer(asked)
      for (const [name, value] of Object.entries(more)) response.setHeader(name, value)
      if (file) return serveBytes(request, response, file, 'video/mp4')
      if (isSubmit && status < 300 && faults().drip) return drip(response, JSON.stringify(body))
      json(response, status, body)
    },
  }
}
