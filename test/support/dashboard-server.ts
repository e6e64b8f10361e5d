/**
 * The dashboard over HTTP with its fake behind it: log-in, Origin check and stream in the shape
 * that the control plane gives them, so that pages can be tried in a browser without a gateway.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { assetResponse } from '../../src/dashboard/assets.ts'
import { PAGE_HEADERS } from '../../src/dashboard/headers.ts'
import { createDashboard } from '../../src/dashboard/index.tsx'
import { languageOf } from '../../src/dashboard/language.ts'
import { loginPage } from '../../src/dashboard/pages/login.tsx'
import { dashboardFake, type Fake } from './dashboard-fake.ts'

export const TOKEN = 'a-token-of-the-twin'

export interface DashboardServer {
  url: string
  fake: Fake
  /** Stops or resumes the stream without a word, as a hung control plane would. */
  mute: (muted: boolean) => void
  close: () => Promise<void>
}

export function dashboardApp(fake: Fake, isMuted: () => boolean): Hono {
  const app = new Hono()
  app.get('/_sluice/assets/*', (c) => assetResponse(c.req.path) ?? c.notFound())
  app.get('/_sluice/login', (c) =>
    c.html(loginPage({ error: false, next: c.req.query('next') ?? '', lang: languageOf(c) }), 200, { ...PAGE_HEADERS }),
  )
  app.post('/_sluice/login', async (c) => {
    const fields = new URLSearchParams(await c.req.text())
    const next = fields.get('next') ?? ''
    if (fields.get('token') !== TOKEN)
      return c.html(loginPage({ error: true, next, lang: languageOf(c) }), 401, { ...PAGE_HEADERS })
    c.header('set-cookie', 'sluice_session=1; Path=/; HttpOnly; SameSite=Strict')
    return c.redirect(next.startsWith('/_sluice') ? next : '/_sluice/', 303)
  })
  app.use('/_sluice/*', async (c, next) => {
    if (!(c.req.header('cookie') ?? '').includes('sluice_session=1'))
      return c.redirect(`/_sluice/login?next=${encodeURIComponent(new URL(c.req.url).pathname)}`, 303)
    if (c.req.method === 'POST' && c.req.header('origin') !== new URL(c.req.url).origin) return c.text('origin', 403)
    return next()
  })
  app.get('/_sluice/api/v1/releases/:name/stream', (c) =>
    streamSSE(c, async (stream) => {
      while (!stream.aborted) {
        if (fake.unreachable) return
        if (!isMuted()) await stream.writeSSE({ event: 'state', data: JSON.stringify(fake.view()) })
        await stream.sleep(250)
      }
    }),
  )
  app.route(
    '/_sluice',
    createDashboard(() => fake.port()),
  )
  return app
}

export async function startDashboard(fake = dashboardFake()): Promise<DashboardServer> {
  let muted = false
  const app = dashboardApp(fake, () => muted)
  const server = createServer((request, response) => void serve(app, request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fake,
    mute: (value) => (muted = value),
    close: () => stop(server),
  }
}

async function serve(app: Hono, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  const headers = new Headers(
    Object.entries(request.headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  )
  const body = request.method === 'POST' ? { body: Buffer.concat(chunks) } : {}
  const url = `http://${request.headers.host}${request.url}`
  const answer = await app.fetch(new Request(url, { method: request.method!, headers, signal: gone.signal, ...body }))
  response.writeHead(answer.status, Object.fromEntries(answer.headers))
  const reader = answer.body?.getReader()
  gone.signal.addEventListener('abort', () => void reader?.cancel().catch(() => undefined))
  for (;;) {
    const part = await reader?.read()
    if (!part || part.done) break
    response.write(part.value)
  }
  response.end()
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}
