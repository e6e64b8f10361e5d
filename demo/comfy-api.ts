/** A demo ComfyUI over HTTP, with the demo's faults on the way. */
import { setTimeout as delay } from 'node:timers/promises'
import { drip, json } from './answer.ts'
import { clipOf } from './clip.ts'
import { createComfyServer } from './comfy-server.ts'
import { serveBytes } from './serve-bytes.ts'
import { readAll } from './submit-body.ts'
import { acceptWebSocket } from './websocket.ts'
import type { Wire, WireOptions } from './wire.ts'

/** How often sockets are told how their jobs go on. */
const TICK_MS = 50

/** Serves one request; what fails has aiohttp's plain text. */
export function createComfyApi({ model, jobSeconds, clip: shown, random, faults, signal }: WireOptions): Wire {
  const clip = (id: string) => clipOf(shown, id)
  const server = createComfyServer({ models: [model], jobSeconds, random, faults, now: Date.now, clip })
  let listeners = 0
  const tick = setInterval(() => listeners > 0 && server.tick(), TICK_MS)
  tick.unref()
  signal.addEventListener('abort', () => clearInterval(tick))
  return {
    upgrade: (request, socket, { pathname, searchParams }) => {
      if (!/^(\/api)?\/ws$/.test(pathname))
        return void socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n')
      listeners++
      const end = acceptWebSocket(request, socket, {
        // What a client can do is of no interest here.
        message: () => undefined,
        left: () => {
          listeners--
          leave()
        },
      })
      const leave = server.connect(searchParams.get('clientId'), end.send)
      signal.addEventListener('abort', () => end.close(1001, 'Server shutdown'))
    },
    isSubmit: server.isSubmit,
    refuse: (response, status, message) =>
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${status}: ${message}`),
    serve: async ({ request, response, seen }, { pathname, search }) => {
      if (faults().latency_ms > 0) await delay(faults().latency_ms, undefined, { signal })
      const url = new URL(`http://${request.headers.host ?? 'backend'}${pathname}${search}`)
      const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET')
      const bytes = await readAll(request)
      const isUpload = method === 'POST' && /^(\/api)?\/upload\/image$/.test(pathname)
      const told = isUpload
        ? server.upload(await imageName(bytes, request.headers['content-type'] ?? ''))
        : server.answer({ method, url, body: bytes.toString() })
      const isSubmit = server.isSubmit(method, pathname)
      if (isSubmit) seen.model = model
      for (const [name, value] of Object.entries(told.headers)) response.setHeader(name, value)
      if (told.file) return serveBytes(request, response, told.file, 'video/mp4')
      if (isSubmit && told.status === 200 && faults().drip) return drip(response, JSON.stringify(told.body))
      if (told.body !== undefined) return json(response, told.status, told.body)
      response.writeHead(told.status, { 'content-type': 'text/plain; charset=utf-8' }).end(told.text)
    },
  }
}

async function imageName(bytes: Buffer, type: string): Promise<string> {
  const form = await new Response(Uint8Array.from(bytes), { headers: { 'content-type': type } }).formData()
  const image = form.get('image')
  return image instanceof File ? image.name : 'image.png'
}
