/**
 * The whole Worker with variables of a test's own, backends that a function answers, and counters that are kept here.
 * The other objects behind it are the real ones, by the releases of wrangler.toml.
 */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import type { Env } from '../../../src/config/env.ts'
import type { CounterBatch } from '../../../src/durable/rpc.ts'
import { createSluice } from '../../../src/plugin.ts'

export const GATEWAY = 'http://gateway.test'

/** One call that reached a backend. */
export interface BackendCall {
  method: string
  url: URL
  headers: Headers
  body: string
}

/** Throws, or answers with null, where the connection breaks. */
type Answer = (call: BackendCall) => Response | null | Promise<Response | null>

export class DataPlane {
  readonly calls: BackendCall[] = []
  readonly logged: Record<string, unknown>[] = []
  readonly #rows: CounterBatch['rows'] = []
  answer: Answer
  readonly #env: Env
  readonly #app = createSluice({ log: (entry) => void this.logged.push(entry) })

  /** `vars` beside what wrangler.toml has but for its releases. To be undone by `vi.restoreAllMocks()`. */
  constructor(vars: Record<string, unknown>, answer: Answer) {
    const others = Object.entries(env).filter(([name]) => !name.startsWith('RELEASE_'))
    this.#env = { ...(Object.fromEntries(others) as unknown as Env), ...vars, COUNTER_SHARD: this.#shards() }
    this.answer = answer
    // Counters are flushed at once instead of a second later.
    vi.spyOn(scheduler, 'wait').mockResolvedValue()
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
      const request = new Request(input as string, { ...init, signal: null })
      const { method, headers } = request
      const call = { method, url: new URL(request.url), headers, body: await request.text() }
      this.calls.push(call)
      const answered = await this.answer(call)
      if (!answered) throw new Error('Network connection lost.')
      return answered
    })
  }

  /** One request; `path` may be a whole URL, spelled as it is to arrive. */
  async request(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const context = createExecutionContext()
    const url = path.startsWith('http') ? path : GATEWAY + path
    const response = await this.#app.fetch(new Request(url, { ...init, method }), this.#env, context)
    // Read before what runs beside it has ended, since it may wait for the reader.
    const bytes = [204, 205, 304].includes(response.status) || method === 'HEAD' ? null : await response.arrayBuffer()
    await waitOnExecutionContext(context)
    return new Response(bytes, response)
  }

  /** A submit of `subject` to the release of wrangler.toml for this model. */
  submit(subject: string, headers: Record<string, string> = {}, model = 'wan-t2v'): Promise<Response> {
    const body = JSON.stringify({ prompt: 'a red fox', model })
    return this.request('POST', '/v1/videos', {
      body,
      headers: { 'content-type': 'application/json', 'x-user-id': subject, ...headers },
    })
  }

  /** What became of the requests of this operation, as `arm outcome`, with how often. */
  counted(operation: string): Record<string, number> {
    const sums: Record<string, number> = {}
    for (const { series, counters } of this.#rows) {
      if (series.operation !== operation) continue
      const ends: Record<string, number> = counters.outcomes
      const others = Object.values(ends).reduce((sum, n) => sum + n, 0)
      for (const [outcome, n] of Object.entries({ ...ends, ok: counters.requests - others })) {
        const end = `${series.arm} ${outcome}`
        if (n > 0) sums[end] = (sums[end] ?? 0) + n
      }
    }
    return sums
  }

  #shards(): DurableObjectNamespace {
    const shard = {
      flush: async ({ rows }: CounterBatch) => (this.#rows.push(...rows), null),
      snapshot: async () => null,
    }
    return { idFromName: (name: string) => name, get: () => shard } as unknown as DurableObjectNamespace
  }

  callsOf(method: string): BackendCall[] {
    return this.calls.filter((call) => call.method === method)
  }
}

export async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code
}
