/**
 * A video backend whose answers a test chooses, for what no demo backend would answer. What it was sent is kept.
 * It makes no videos and its jobs are done at once.
 */
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as the backend got it. */
export interface Call {
  method: string
  path: string
  headers: IncomingMessage['headers']
  body: Buffer
}

export type Handler = (call: Call, response: ServerResponse, backend: OddBackend) => void

export class OddBackend {
  readonly name: string
  readonly calls: Call[] = []
  readonly #server: Server
  #handler: Handler = usual
  #ids: string[] = []

  private constructor(name: string) {
    this.name = name
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  static async start(name: string): Promise<OddBackend> {
    const backend = new OddBackend(name)
    await new Promise<void>((resolve) => backend.#server.listen(0, '127.0.0.1', resolve))
    return backend
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get submits(): Call[] {
    return this.calls.filter(({ method }) => method === 'POST')
  }

  /** The id of the newest job, as clients must never see it. */
  get lastId(): string {
    return this.#ids.at(-1)!
  }

  newId(): string {
    const id = `${this.name}-raw-${this.#ids.length}-${Math.random().toString(36).slice(2, 10)}`
    this.#ids.push(id)
    return id
  }

  knows(id: string): boolean {
    return this.#ids.includes(id)
  }

  /** Until the next `answers` or `asUsual`. */
  answers(handler: Handler): void {
    this.#handler = handler
  }

  asUsual(): void {
    this.#handler = usual
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray().catch(() => []))
    const call = { method: request.method!, path: request.url!, headers: request.headers, body }
    this.calls.push(call)
    this.#handler(call, response, this)
  }
}

/** A finished job as this backend would show it. */
export function jobOf(backend: OddBackend, id: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id,
    object: 'video',
    status: 'completed',
    progress: 100,
    url: null,
    error: null,
    model: backend.name,
    ...more,
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: OutgoingHttpHeaders = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

/** As a backend that dies in the middle of a request. */
export const drops: Handler = (_, response) => response.destroy()

/** Submit, remix and edits make a job; poll and DELETE know those that were made. */
const usual: Handler = (call, response, backend) => {
  const { pathname } = new URL(call.path, 'http://backend')
  const [, id, below] = /\/v1\/videos(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(pathname) ?? []
  if (call.method === 'POST') {
    const from = below === 'remix' ? { remixed_from_video_id: id } : {}
    return sendJson(response, 200, jobOf(backend, backend.newId(), { status: 'queued', progress: 0, ...from }))
  }
  if (id === undefined || !backend.knows(id)) return sendJson(response, 404, { detail: `Video '${id}' not found` })
  sendJson(response, 200, jobOf(backend, id, call.method === 'DELETE' ? { status: 'deleted' } : {}))
}
