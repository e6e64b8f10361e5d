/** A fetch handler over real HTTP on the loopback, for clients that are processes or browsers; keeps what was asked. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  method: string
  url: string
  headers: IncomingMessage['headers']
  /** As JSON where it is some, else as text; null where there is none. */
  body: unknown
}

export interface HttpServer {
  url: string
  requests: Asked[]
  /** Set to answer anything else than the handler would. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | null
  /** Stops or resumes what answers under way send, without a word, as a server that hangs. */
  isMuted: boolean
  stop(): Promise<void>
}

export async function serveHttp(handle: (request: Request) => Promise<Response> | Response): Promise<HttpServer> {
  const server = createServer((request, response) => {
    if (!served.intercept?.(request, response)) void answer(served, handle, request, response)
  })
  const served: HttpServer = { url: '', requests: [], intercept: null, isMuted: false, stop: () => stop(server) }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  served.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return served
}

async function answer(
  served: HttpServer,
  handle: (request: Request) => Promise<Response> | Response,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const bytes = Buffer.concat(chunks)
  const { method = 'GET', headers } = request
  served.requests.push({ method, url: request.url!, headers, body: parsed(bytes.toString()) })
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  const pairs = Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : []))
  const made = new Request(served.url + request.url, {
    method,
    headers: new Headers(pairs as [string, string][]),
    signal: gone.signal,
    ...(bytes.length > 0 ? { body: bytes } : {}),
  })
  const answered = await handle(made)
  response.writeHead(answered.status, Object.fromEntries(answered.headers))
  const reader = answered.body?.getReader()
  gone.signal.addEventListener('abort', () => void reader?.cancel().catch(() => undefined))
  for (;;) {
    const part = await reader?.read()
    if (!part || part.done) break
    const isStream = answered.headers.get('content-type')?.startsWith('text/event-stream')
    if (!(isStream && served.isMuted)) response.write(part.value)
  }
  response.end()
}

function parsed(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    return text
  }
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}
