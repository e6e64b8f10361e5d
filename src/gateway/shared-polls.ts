/**
 * Polls of one job in the same moment share one call to its backend, within this isolate. What they share is plain
 * data: the platform lets no request use another's streams, and what a request that was cut off has promised never
 * comes. So those that wait look by timers of their own, and go ahead by themselves when a call takes too long.
 */
import type { Operation } from '../core/outcome.ts'
import type { Answer, CallDeps, CallFailure, Upstream, UpstreamRequest } from './forward.ts'
import { callBackend, readPrefix } from './forward.ts'

/** An answer so young serves those that arrive in the same moment. */
export const SAME_MOMENT_MS = 250
/** A list takes an answer of this age, lest each look at a page ask for all its jobs anew. */
export const LIST_AGE_MS = 5000
/** Whoever waits for another's call asks by itself after so long: its client may have gone, and its call with it. */
export const FOLLOW_MS = 1000
/** An answer beyond this is its own asker's only. A job's JSON has about 1 KiB. */
export const MAX_SHARED_BYTES = 16 * 1024
/** Answers and calls held at a time, the oldest dropped first: 17 MiB at the very most. */
export const MAX_HELD = 1000
const MAX_VARIANT_CHARS = 1024
const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 40

export interface PollQuestion {
  /** Backend and job: what a change of the job makes stale. */
  job: string
  /** All else that the answer may depend on. */
  variant: string
  /** The oldest answer that will do. */
  maxAgeMs: number
  /** How long to wait for others' calls at most. */
  timeoutMs: number
}

/** One backend's answer to a poll. `at`: when it came, unix ms. */
export interface PollAnswer {
  upstream: Upstream<Answer>
  at: number
}

export interface PollPorts extends CallDeps {
  sleep: (ms: number) => Promise<unknown>
}

/** Headers that make no other answer of it. */
const UNSHARED_HEADERS: ReadonlySet<string> = new Set(['x-request-id', 'traceparent', 'tracestate', 'user-agent'])

type SharedAnswer = { at: number } & (
  | { ok: true; status: number; headers: Answer['headers']; text: string }
  | { ok: false; failure: CallFailure }
)

interface Held {
  job: string
  /** When a call began or ended last, unix ms. */
  touchedAt: number
  /** The latest call under way; null while there is none. */
  call: { beganAt: number } | null
  shared: SharedAnswer | null
  /** Its answers can't be shared. */
  isAlone: boolean
}

export class SharedPolls {
  readonly #ports: PollPorts
  /** In the order of `touchedAt`. */
  readonly #held = new Map<string, Held>()

  constructor(ports: PollPorts) {
    this.#ports = ports
  }

  /** `call` is this request's own; it is made only where nobody else's will do. */
  async ask({ job, variant, maxAgeMs, timeoutMs }: PollQuestion, call: () => Promise<Upstream>): Promise<PollAnswer> {
    const { now, sleep } = this.#ports
    const key = `${job}\n${variant}`
    if (variant.length > MAX_VARIANT_CHARS) return { upstream: await call(), at: now() }
    const beganAt = now()
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const held = this.#at(key, job)
      const { shared } = held
      // An error is shared with those that have waited for it, and with nobody after them: the next answer may be good.
      const isGood = shared?.ok && shared.status < 400
      if (shared && (shared.at >= beganAt || (isGood && now() - shared.at <= maxAgeMs)))
        return { upstream: upstreamOf(shared, now() - beganAt), at: shared.at }
      if (held.isAlone) return { upstream: await call(), at: now() }
      if (!held.call || now() - held.call.beganAt >= FOLLOW_MS) return this.#lead(key, held, call)
      if (now() - beganAt >= timeoutMs)
        return { upstream: { ok: false, failure: 'timeout', seconds: (now() - beganAt) / 1000 }, at: now() }
      await sleep(pauseMs)
    }
  }

  /** The job has changed, or is about to: no answer from before serves anybody any more, nor does a call under way. */
  drop(job: string): void {
    for (const [key, held] of this.#held) if (held.job === job) this.#held.delete(key)
  }

  /**
   * Calls the backend about a job of its own: a poll by `ask`, everything else by itself. What may change the job ends
   * the sharing of what was seen before it, both as it begins and as it has been answered.
   */
  async call(upstreamId: string, operation: Operation, request: UpstreamRequest, maxAgeMs = SAME_MOMENT_MS) {
    const { now } = this.#ports
    const { url, method, headers, timeoutMs } = request
    const origin = url.slice(0, url.indexOf('/', 'https://'.length))
    const job = `${origin} ${upstreamId}`
    const call = () => callBackend(request, this.#ports)
    if (operation === 'poll' && method === 'GET') {
      const matter = Object.entries(headers).filter(([name]) => !UNSHARED_HEADERS.has(name))
      return this.ask({ job, variant: JSON.stringify([url, timeoutMs, matter]), maxAgeMs, timeoutMs }, call)
    }
    const isRead = method === 'GET' || method === 'HEAD'
    if (!isRead) this.drop(job)
    try {
      return { upstream: await call(), at: now() }
    } finally {
      if (!isRead) this.drop(job)
    }
  }

  async #lead(key: string, held: Held, call: () => Promise<Upstream>): Promise<PollAnswer> {
    const mine = { beganAt: this.#ports.now() }
    held.call = mine
    this.#touch(key, held)
    try {
      const { shared, upstream } = await plain(await call(), this.#ports.now)
      if (shared) held.shared = shared
      else held.isAlone = true
      if (this.#held.get(key) === held) this.#touch(key, held)
      return { upstream, at: shared?.at ?? this.#ports.now() }
    } finally {
      if (held.call === mine) held.call = null
    }
  }

  #at(key: string, job: string): Held {
    const known = this.#held.get(key)
    if (known && this.#ports.now() - known.touchedAt <= LIST_AGE_MS) return known
    const held = { job, touchedAt: 0, call: null, shared: null, isAlone: false }
    this.#touch(key, held)
    return held
  }

  #touch(key: string, held: Held): void {
    const now = this.#ports.now()
    held.touchedAt = now
    this.#held.delete(key)
    this.#held.set(key, held)
    for (const [oldest, { touchedAt }] of this.#held) {
      if (now - touchedAt <= LIST_AGE_MS && this.#held.size <= MAX_HELD) return
      this.#held.delete(oldest)
    }
  }
}

/** The answer as plain data, and once more for who asked; `shared` null where it can't be shared. */
async function plain(
  upstream: Upstream,
  now: () => number,
): Promise<{ shared: SharedAnswer | null; upstream: Upstream<Answer> }> {
  if (!upstream.ok) return { shared: { ok: false, failure: upstream.failure, at: now() }, upstream }
  const { response, seconds, done, failure } = upstream
  const { status } = response
  const answeredAt = now()
  try {
    const { text, rest } = await readPrefix(response, MAX_SHARED_BYTES)
    if (rest) {
      const { ok, headers } = response
      const whole = { ok, status, headers, body: rest, text: () => new Response(rest).text() }
      return { shared: null, upstream: { ...upstream, response: whole } }
    }
    done()
    const shared: SharedAnswer = { ok: true, status, headers: response.headers, text, at: now() }
    return { shared, upstream: upstreamOf(shared, seconds * 1000) }
  } catch {
    done()
    const shared: SharedAnswer = { ok: false, failure: failure(), at: now() }
    return { shared, upstream: upstreamOf(shared, seconds * 1000 + shared.at - answeredAt) }
  }
}

function upstreamOf(shared: SharedAnswer, ms: number): Upstream<Answer> {
  const seconds = ms / 1000
  if (!shared.ok) return { ok: false, failure: shared.failure, seconds }
  const { status, headers, text } = shared
  const response = { ok: status < 300, status, headers, body: null, text: () => Promise.resolve(text) }
  return { ok: true, response, seconds, done: () => undefined, failure: () => 'unreachable' }
}
