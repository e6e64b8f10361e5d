/** fal's queue over HTTP, with the demo's faults on the way. */
import { setTimeout as delay } from 'node:timers/promises'
import { drip, json } from './answer.ts'
import { clipOf } from './clip.ts'
import { createFalQueue } from './fal-queue.ts'
import { serveBytes } from './serve-bytes.ts'
import { readAll } from './submit-body.ts'
import type { Wire, WireOptions } from './wire.ts'

/** The app that it runs; its models stand below it. */
const APP = 'fal-ai/wan'

/** Serves one request; a refusal has FastAPI's `detail`, as everything at fal. */
export function createFalApi({ jobSeconds, clip: shown, random, faults, signal }: WireOptions): Wire {
  const clip = (id: string) => clipOf(shown, id)
  const queue = createFalQueue({ apps: [APP], jobSeconds, random, faults, now: Date.now, clip })
  return {
    isSubmit: queue.isSubmit,
    refuse: (response, status, message) => json(response, status, { detail: message }),
    serve: async ({ request, response, seen }, { pathname, search }) => {
      if (faults().latency_ms > 0) await delay(faults().latency_ms, undefined, { signal })
      const url = new URL(`http://${request.headers.host ?? 'backend'}${pathname}${search}`)
      const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET')
      const isSubmit = queue.isSubmit(method, pathname)
      if (isSubmit) seen.model = pathname.slice(1)
      const text = (await readAll(request)).toString()
      if (pathname === '/health') return json(response, 200, {})
      const { status, headers, body, file } = queue.answer({ method, url, body: text })
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
      if (file) return serveBytes(request, response, file, 'video/mp4')
      if (isSubmit && status === 200 && faults().drip) return drip(response, JSON.stringify(body))
      json(response, status, body)
    },
  }
}
