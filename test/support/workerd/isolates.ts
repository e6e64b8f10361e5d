/** The data plane in-process: isolates of one deployment over the real objects, and two backends that number their jobs as a test says. */
import { createExecutionContext, env } from 'cloudflare:test'
import type { Env } from '../../../src/config/env.ts'
import { controllerOf, ledgerAt, shardOf } from '../../../src/durable/stubs.ts'
import { createGateway } from '../../../src/gateway/app.ts'
import { gatewayDeps } from './gateway-deps.ts'
import type { Call, StubBackends } from './stub-backends.ts'

type Vars = Record<string, unknown>

export interface Answer {
  status: number
  headers: Headers
  text: string
  /** The body's `id`, or empty. */
  id: string
  /** The code of an error of Sluice's own, or empty. */
  code: string
}

export interface Asked {
  /** Null shows no identity. */
  as: string | null
  body?: Record<string, unknown>
  headers?: Record<string, string>
}

/** Sends a submit to the candidate, by a tester's right. */
export const TO_CANDIDATE = { 'x-sluice-arm': 'candidate', authorization: 'Bearer token-of-tester' }

/** One isolate: what it holds in memory no other one knows. `vars` are the tables of its configuration. */
export class Isolate {
  readonly logged: Vars[] = []
  readonly #env: Env
  readonly #app = createGateway(
    gatewayDeps({
      sleep: (ms) => scheduler.wait(ms),
      objects: { controller: controllerOf, shard: shardOf, ledger: ledgerAt },
      log: (entry) => void this.logged.push(entry),
    }),
  )

  constructor(vars: Vars) {
    const { CONTROLLER, COUNTER_SHARD, JOB_LEDGER, LIVE_CONFIG, SLUICE, SLUICE_COOKIE_KEY, SLUICE_TOKENS } =
      env as unknown as Vars
    const bindings = { CONTROLLER, COUNTER_SHARD, JOB_LEDGER, LIVE_CONFIG, SLUICE, SLUICE_COOKIE_KEY, SLUICE_TOKENS }
    this.#env = { ...bindings, ...vars } as unknown as Env
  }

  async send(method: string, path: string, { as, body, headers = {} }: Asked): Promise<Answer> {
    const request = new Request(`http://gateway.test${path}`, {
      method,
      headers: {
        ...(as === null ? {} : { 'x-user-id': as }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const response = await this.#app.fetch(request, this.#env, createExecutionContext())
    const text = await response.text()
    const { id = '', error } = (text.startsWith('{') ? JSON.parse(text) : {}) as {
      id?: string
      error?: { code?: string }
    }
    return { status: response.status, headers: response.headers, text, id, code: error?.code ?? '' }
  }
}

/** A release over the two backends; its name must be one that the objects know, such as `objects`. */
export function releaseTable(name: string, more: Vars = {}): Vars {
  const arms = { control: { url: 'http://control.test' }, candidate: { url: 'http://candidate.test' } }
  return { name, protocol: 'openai-videos', arms, ...more }
}

/** Jobs by backend and id: a submit makes the job that was named last, everything else finds those that are there. */
export class NumberedBackends {
  nextId = ''
  /** Members that the backends add to each job that they show. */
  more: Record<string, unknown> = {}
  readonly #stub: StubBackends
  readonly #jobs = new Set<string>()

  constructor(stub: StubBackends) {
    this.#stub = stub
    stub.answer((call) => this.#answer(call))
    stub.content((call) => this.#answer(call))
  }

  /** Puts a job there that no Sluice has seen. */
  add(backend: string, id: string): void {
    this.#jobs.add(`${backend}.test/${id}`)
  }

  has(backend: string, id: string): boolean {
    return this.#jobs.has(`${backend}.test/${id}`)
  }

  /** Requests that named this id, as `METHOD backend`. */
  askedFor(id: string): string[] {
    return [...this.#stub.calls, ...this.#stub.downloads]
      .filter(({ url }) => decodeURIComponent(url).includes(`/${id}`))
      .map(({ method, url }) => `${method} ${new URL(url).host.replace('.test', '')}`)
  }

  #answer({ method, url, body }: Call): Response {
    const { host, pathname } = new URL(url)
    const [, id, below] = /\/v1\/videos(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(pathname) ?? []
    if (method === 'POST') {
      const source = below === 'remix' ? id : (JSON.parse(body) as { video?: { id?: string } }).video?.id
      if (source !== undefined && !this.#jobs.has(`${host}/${decodeURIComponent(source)}`))
        return Response.json({ detail: `no ${source}` }, { status: 404 })
      this.#jobs.add(`${host}/${this.nextId}`)
      return Response.json({ id: this.nextId, object: 'video', status: 'queued', ...this.more })
    }
    const place = `${host}/${decodeURIComponent(id ?? '')}`
    if (!this.#jobs.has(place)) return Response.json({ detail: `no ${id}` }, { status: 404 })
    if (method === 'DELETE') this.#jobs.delete(place)
    if (below === 'content') return new Response(`film at ${place}`, { headers: { 'content-type': 'video/mp4' } })
    return Response.json({ id: decodeURIComponent(id!), object: 'video', status: 'completed', ...this.more })
  }
}
