/**
 * The whole Worker in front of backends that a function answers. Time stands still but for what a test lets pass, pauses
 * take none of it, and stages and counters are kept here; ledgers and live-config are the real ones, by the releases of
 * wrangler.toml. Several of them over the same variables are isolates of one deployment.
 */
import { createExecutionContext, reset, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, vi } from 'vitest'
import type { Env } from '../../../src/config/env.ts'
import type { Snapshot } from '../../../src/core/release.ts'
import type { CounterBatch, CounterShardRpc } from '../../../src/durable/rpc.ts'
import { controllerOf, ledgerAt, shardOf } from '../../../src/durable/stubs.ts'
import { createSluice } from '../../../src/plugin.ts'
import type { GatewayDeps, Objects } from '../../../src/gateway/deps.ts'
import type { Fetch } from '../../../src/protocols/send.ts'
import { gatewayDeps } from './gateway-deps.ts'

export const GATEWAY = 'http://gateway.test'
/** Unix ms; far ahead, so that no alarm goes off by itself. */
export const T0 = 1_900_000_000_000
/** Sends a submit to the candidate, by a tester's right. */
export const TO_CANDIDATE = { 'x-sluice-arm': 'candidate', authorization: 'Bearer token-of-tester' }
/** From this age on a snapshot is asked for anew before routing. */
const SNAPSHOT_AGE_MS = 1500
/** Of the event loop, without anything else to do: calls between objects take a few. */
const QUIET_TURNS = 50

/** One call that reached a backend. */
export interface BackendCall {
  method: string
  url: URL
  headers: Headers
  body: string
}

/** Throws, or answers with null, where the connection breaks. */
export type Answer = (call: BackendCall) => Response | null | Promise<Response | null>

/** Never answers. */
export const hangs: Answer = () => new Promise(() => undefined)

export interface Asked {
  /** Null shows no identity. */
  as: string | null
  /** Sent as JSON unless it is a form or text. */
  body?: Record<string, unknown> | FormData | string
  headers?: Record<string, string>
}

export interface Reply {
  status: number
  headers: Headers
  text: string
  arm: string | null
  /** The body's `id`, or empty. */
  id: string
  /** The code of an error of Sluice's own, or empty. */
  code: string
}

/** Each test of the file begins at `T0`, with nothing stored. Deadlines pass by `vi.advanceTimersByTimeAsync` only. */
export function inStillTime(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: T0 })
  })
  afterEach(async () => {
    vi.useRealTimers()
    vi.restoreAllMocks()
    await reset()
  })
}

/** A release over two backends; its name must be one that the objects know, such as `objects` or `wan22`. */
export function releaseTable(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const arms = { control: { url: 'http://control.test' }, candidate: { url: 'http://candidate.test' } }
  return { name, protocol: 'openai-videos', arms, ...more }
}

/** All objects as they are deployed, for what goes from a client to the controller and back. */
export const REAL_OBJECTS: Objects = { controller: controllerOf, shard: shardOf, ledger: ledgerAt }

export class DataPlane {
  readonly calls: BackendCall[] = []
  readonly logged: Record<string, unknown>[] = []
  /** What is held back for a second stays held back. */
  isSlowToFlush = false
  /** Pauses, where a test lets them take their time. */
  sleep: GatewayDeps['sleep'] = () => (this.isSlowToFlush ? new Promise(() => undefined) : scheduler.wait(0))
  answer: Answer
  /** Takes the calls to backends themselves, where `answer` does not see enough. */
  fetch: Fetch = (url, init) => this.#serve(url, init)
  readonly #rows: CounterBatch['rows'] = []
  readonly #stages = new Map<string, Snapshot>()
  readonly #env: Env
  readonly #objects: Objects | null
  readonly #app = createSluice(
    gatewayDeps({
      fetch: (url, init) => this.fetch(url, init),
      sleep: (ms) => this.sleep(ms),
      objects: {
        controller: (env, release) =>
          this.#objects?.controller(env, release) ?? { snapshot: async () => this.#snapshotOf(release) },
        shard: (env, release, index) => this.#objects?.shard(env, release, index) ?? this.#shardOf(env, release),
        ledger: (env, release, index) => (this.#objects ?? REAL_OBJECTS).ledger(env, release, index),
      },
      log: (entry) => void this.logged.push(entry),
    }),
  )

  /** `vars` in place of what wrangler.toml has as releases; `objects` in place of stages and counters kept here. */
  constructor(vars: Record<string, unknown>, answer: Answer, objects: Objects | null = null) {
    this.#objects = objects
    const others = Object.entries(env).filter(([name]) => !name.startsWith('RELEASE_'))
    this.#env = { ...(Object.fromEntries(others) as unknown as Env), ...vars }
    this.answer = answer
    vi.spyOn(globalThis, 'fetch').mockImplementation((url, init) => this.fetch(url as string, init!))
  }

  /** One request; `path` may be a whole URL, spelled as it is to arrive. */
  async request(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const context = createExecutionContext()
    const url = path.startsWith('http') ? path : GATEWAY + path
    const response = await this.#app.fetch(new Request(url, { ...init, method }), this.#env, context)
    // Read before what runs beside it has ended, since it may wait for the reader.
    const bytes = [204, 205, 304].includes(response.status) || method === 'HEAD' ? null : await response.arrayBuffer()
    if (!this.isSlowToFlush) await waitOnExecutionContext(context)
    return new Response(bytes, response)
  }

  /** Asks for a WebSocket; the answer as it is. */
  async connect(path: string, headers: Record<string, string>): Promise<Response> {
    const asked = new Request(GATEWAY + path, { headers: { upgrade: 'websocket', ...headers } })
    return this.#app.fetch(asked, this.#env, createExecutionContext())
  }

  /** The same as plain clients make it, with what most tests look at. */
  async send(method: string, path: string, { as, body, headers = {} }: Asked): Promise<Reply> {
    const isJson = body !== undefined && !(body instanceof FormData)
    const response = await this.request(method, path, {
      headers: {
        ...(as === null ? {} : { 'x-user-id': as }),
        ...(isJson ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'object' && isJson ? JSON.stringify(body) : body }),
    } as RequestInit)
    const text = await response.text()
    const { id = '', error } = read(text) as { id?: string; error?: { code?: string } }
    const arm = response.headers.get('x-sluice-arm')
    return { status: response.status, headers: response.headers, text, arm, id, code: error?.code ?? '' }
  }

  /** A submit of `subject` to the release of wrangler.toml for this model. */
  submit(subject: string, headers: Record<string, string> = {}, model = 'wan-t2v'): Promise<Response> {
    const body = JSON.stringify({ prompt: 'a red fox', model })
    return this.request('POST', '/v1/videos', {
      body,
      headers: { 'content-type': 'application/json', 'x-user-id': subject, ...headers },
    })
  }

  /** From the next request on the release is in this state. */
  stage(release: string, over: Partial<Snapshot>): void {
    const last = this.#snapshotOf(release)
    const stage = over.percent === undefined ? (over.state ?? last.stage) : `canary-${over.percent}`
    const { version, epoch } = last
    this.#stages.set(release, { ...last, stage, version: version + 1, epoch: epoch + 1, ...over })
    vi.setSystemTime(Date.now() + SNAPSHOT_AGE_MS)
  }

  canary(release: string, percent: number): void {
    this.stage(release, { state: 'canary', percent })
  }

  rollBack(release: string): void {
    this.stage(release, { state: 'rolled_back', stage: 'rolled_back', percent: 0 })
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

  callsOf(method: string): BackendCall[] {
    return this.calls.filter((call) => call.method === method)
  }

  async #serve(input: string, init: RequestInit): Promise<Response> {
    const { signal } = init
    const request = new Request(input, { ...init, signal: null })
    const { method, headers } = request
    const call = { method, url: new URL(request.url), headers, body: await request.text() }
    this.calls.push(call)
    const aborted = new Promise<never>((_, reject) =>
      signal?.addEventListener('abort', () => reject(new Error('late'))),
    )
    aborted.catch(() => undefined)
    const answered = await Promise.race([this.answer(call), aborted])
    if (!answered) throw new Error('Network connection lost.')
    return answered
  }

  #snapshotOf(release: string): Snapshot {
    const shadow = { sample: 0, maxBodyBytes: 262_144, maxInFlight: 20, maxJobsPerDay: 5000, jobTimeoutMs: 3_600_000 }
    const idle = { state: 'idle', stage: 'idle', percent: 0, epoch: 0, version: 0, rules: [], failover: false } as const
    return this.#stages.get(release) ?? { schema: 1, release, shadow, ...idle }
  }

  #shardOf(env: Env, release: string): CounterShardRpc {
    const snapshot = async () => this.#snapshotOf(release)
    const flush: CounterShardRpc['flush'] = ({ rows }) => (this.#rows.push(...rows), snapshot())
    const post: CounterShardRpc['post'] = async (batch, letters) => ({
      snapshot: await flush(batch),
      answers: await Promise.all(letters.map(([index, told]) => ledgerAt(env, release, index).flush(told))),
    })
    return { snapshot, flush, post }
  }
}

/** Turns of the event loop until it holds; no time passes. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let turn = 0; !holds(); turn++) {
    if (turn > 10_000) throw new Error(`${what} did not come true`)
    await scheduler.wait(0)
  }
}

/** Lets `ms` pass whenever nothing else goes on, until this has come: for what only deadlines end. */
export async function letPass<T>(ms: number, coming: Promise<T>): Promise<T> {
  let isOver = false
  const done = () => void (isOver = true)
  coming.then(done, done)
  for (;;) {
    for (let turn = 0; turn < QUIET_TURNS && !isOver; turn++) await scheduler.wait(0)
    if (isOver) return coming
    await vi.advanceTimersByTimeAsync(ms)
  }
}

export async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code
}

function read(text: string): object {
  try {
    return (JSON.parse(text) as object | null) ?? {}
  } catch {
    return {}
  }
}
