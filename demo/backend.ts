/**
 * A text-to-video backend for the demo: a real HTTP server on loopback around one wire's API,
 * which keeps a log of what it saw and can be told to misbehave at `/__demo/`.
 */
import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json, Refusal } from './answer.ts'
import type { Clip } from './clip.ts'
import { createComfyApi } from './comfy-api.ts'
import { createDashscopeApi } from './dashscope-api.ts'
import { createFalApi } from './fal-api.ts'
import { HEALTHY, changeFaults, type FaultChange, type Faults } from './faults.ts'
import { createLightX2vApi } from './lightx2v-api.ts'
import { createOpenrouterVideos } from './openrouter-videos.ts'
import { createRequestLog, type SeenRequest } from './request-log.ts'
import { createReplicateApi } from './replicate-api.ts'
import { restWire } from './rest-wire.ts'
import { createRunpodEndpoint } from './runpod-endpoint.ts'
import { createVideosApi } from './videos-api.ts'

/** By the names that `protocol` has in a release; of the wires that a release declares by their own. */
const WIRES = {
  'openai-videos': createVideosApi,
  fal: createFalApi,
  replicate: createReplicateApi,
  comfyui: createComfyApi,
  dashscope: createDashscopeApi,
  lightx2v: createLightX2vApi,
  runpod: restWire(createRunpodEndpoint),
  openrouter: restWire(createOpenrouterVideos),
}

export interface BackendOptions {
  name: string
  /** The wire that it speaks; `openai-videos` by default. */
  protocol?: keyof typeof WIRES
  /** The only model it serves; submits that name another are refused. */
  model: string
  /** 0, the default, picks a free one. */
  port?: number
  /** Mean time of a job, 4 by default; each takes up to a fifth more or less. */
  jobSeconds?: number
  /** What its videos show; control's by default. */
  clip?: Clip
  /** Takes JSON beside forms, as SGLang does. */
  acceptJson?: boolean
  /** Decides which submits and jobs fail; uniform in [0, 1). */
  random?: () => number
}

export interface Backend {
  url: string
  port: number
  faults: () => Faults
  /** Changes the faults named and keeps the others; throws on a bad one. */
  setFaults: (change: FaultChange) => void
  /** Submits received since the start, refused ones too; `shadow` are the gateway's copies. */
  readonly submits: Readonly<{ own: number; shadow: number }>
  log: readonly SeenRequest[]
  close: () => Promise<void>
}

export async function startBackend(options: BackendOptions): Promise<Backend> {
  const {
    name,
    model,
    protocol = 'openai-videos',
    port = 0,
    jobSeconds = 4,
    clip = 'control',
    acceptJson = false,
    random = Math.random,
  } = options
  const closing = new AbortController()
  setMaxListeners(0, closing.signal)
  const log = createRequestLog()
  const submits = { own: 0, shadow: 0 }
  let faults = HEALTHY
  const setFaults = (change: unknown) => {
    const changed = changeFaults(faults, change)
    if ('problems' in changed) throw new Refusal(400, changed.problems.join('; '))
    faults = changed.faults
  }
  const { signal } = closing
  const wire = WIRES[protocol]({ model, jobSeconds, clip, acceptJson, random, faults: () => faults, signal })

  const serveDemo = async (request: IncomingMessage, response: ServerResponse, path: string) => {
    const what = `${request.method} ${path}`
    if (what === 'GET /__demo/log') return json(response, 200, { name, submits, requests: log.entries })
    if (what === 'DELETE /__demo/faults') faults = HEALTHY
    else if (what === 'POST /__demo/faults') setFaults(await readJson(request))
    else if (what !== 'GET /__demo/faults') throw new Refusal(404, 'Not Found')
    json(response, 200, faults)
  }

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://backend')
    if (url.pathname.startsWith('/__demo/')) return serveDemo(request, response, url.pathname)
    const seen = log.add(request, url.pathname, wire.isSubmit(request.method ?? 'GET', url.pathname))
    response.on('finish', () => (seen.status = response.statusCode))
    if (seen.submit) submits[seen.shadow ? 'shadow' : 'own']++
    if (faults.refuse) request.socket.destroy()
    else if (!faults.hang) await wire.serve({ request, response, seen }, url)
  }

  const server = createServer((request, response) => {
    response.setHeader('x-request-id', request.headers['x-request-id'] ?? randomUUID())
    serve(request, response).catch((error: unknown) => {
      if (response.headersSent || signal.aborted) response.destroy()
      else if (error instanceof Refusal) wire.refuse(response, error.status, error.message)
      else wire.refuse(response, 500, String(error))
    })
  })
  server.on('upgrade', (request, socket) => {
    const url = new URL(request.url ?? '/', 'http://backend')
    log.add(request, url.pathname, false)
    if (wire.upgrade && !faults.refuse && !faults.hang) wire.upgrade(request, socket, url)
    else if (!faults.hang) socket.destroy()
    signal.addEventListener('abort', () => socket.end(() => socket.destroy()))
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  const own = (server.address() as AddressInfo).port

  return {
    url: `http://127.0.0.1:${own}`,
    port: own,
    faults: () => faults,
    setFaults,
    submits,
    log: log.entries,
    close: async () => {
      closing.abort()
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  try {
    return JSON.parse(Buffer.concat(await request.toArray()).toString())
  } catch {
    throw new Refusal(400, 'body: JSON decode error')
  }
}
