/** A wire of JSON requests and answers over HTTP, with the demo's faults on the way. What it says is the API's own. */
import { setTimeout as delay } from 'node:timers/promises'
import { drip, json } from './answer.ts'
import { clipOf } from './clip.ts'
import { serveBytes } from './serve-bytes.ts'
import { readAll } from './submit-body.ts'
import type { RestApiOf } from './rest-api.ts'
import type { Wire, WireOptions } from './wire.ts'

export function restWire(create: RestApiOf): (options: WireOptions) => Wire {
  return ({ model, jobSeconds, clip: shown, random, faults, signal }) => {
    const clip = (id: string) => clipOf(shown, id)
    const api = create({ model, jobSeconds, random, faults, now: Date.now, clip })
    return {
      isSubmit: api.isSubmit,
      refuse: (response, status, message) => json(response, status, api.error(status, message)),
      serve: async ({ request, response, seen }, { pathname, search }) => {
        if (faults().latency_ms > 0) await delay(faults().latency_ms, undefined, { signal })
        const url = new URL(`http://${request.headers.host ?? 'backend'}${pathname}${search}`)
        const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET')
        const asked = { method, url, body: (await readAll(request)).toString() }
        const isSubmit = api.isSubmit(method, pathname)
        if (isSubmit) seen.model = api.modelOf(asked)
        if (pathname === '/health') return json(response, 200, {})
        const { status, body, file } = api.answer(asked)
        if (file) return serveBytes(request, response, file, 'video/mp4')
        if (isSubmit && status < 300 && faults().drip) return drip(response, JSON.stringify(body))
        json(response, status, body)
      },
    }
  }
}
