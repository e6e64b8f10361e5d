/**
 * Least distance between a subject's requests: a counter per subject, operation and period in this
 * isolate, and Cloudflare's rate-limit binding where one is bound for the operation. A shield, not an account.
 */
import type { SluiceConfig } from '../config/load.ts'
import type { Env } from '../config/env.ts'
import { SluiceError } from '../core/errors.ts'
import type { Operation } from '../core/outcome.ts'

const MAX_COUNTERS = 20_000

interface Counter {
  startedAt: number
  n: number
}

export class RateLimiter {
  readonly #limits: SluiceConfig['rateLimits']
  readonly #counters = new Map<string, Counter>()

  constructor(limits: SluiceConfig['rateLimits']) {
    this.#limits = limits
  }

  /** Throws `rate_limited` with `retry-after` in seconds; waits only where a binding has to be asked. */
  admit(asked: Operation, subject: string, env: Env, clock: () => number): void | Promise<void> {
    // A submit that waits for its video is a submit: both draw on one limit.
    const operation = asked === 'sync' ? 'submit' : asked
    const limit = (this.#limits as Partial<Record<Operation, { limit: number; period: number }>>)[operation]
    if (!limit) return
    const periodMs = limit.period * 1000
    const now = clock()
    const key = `${operation}|${subject}`
    const counter = this.#counters.get(key)
    if (!counter || now - counter.startedAt >= periodMs) {
      this.#counters.delete(key)
      if (this.#counters.size >= MAX_COUNTERS) this.#counters.delete(this.#counters.keys().next().value!)
      this.#counters.set(key, { startedAt: now, n: 1 })
    } else if (++counter.n > limit.limit) {
      throw limited(operation, Math.ceil((counter.startedAt + periodMs - now) / 1000))
    }
    // One binding per operation, as `RATE_LIMIT_SUBMIT`: counted per location, so it holds over isolates too.
    const binding = env[`RATE_LIMIT_${operation.toUpperCase()}`]
    if (isRateLimit(binding)) return ask(binding, operation, subject, limit.period)
  }
}

async function ask(binding: RateLimit, operation: string, subject: string, periodSeconds: number): Promise<void> {
  const { success } = await binding.limit({ key: subject })
  if (!success) throw limited(operation, periodSeconds)
}

function limited(operation: string, retryAfterSeconds: number): SluiceError {
  return new SluiceError('rate_limited', `too many ${operation} requests; try again in ${retryAfterSeconds} s`, {
    headers: { 'retry-after': String(retryAfterSeconds) },
  })
}

function isRateLimit(binding: unknown): binding is RateLimit {
  return typeof binding === 'object' && binding !== null && 'limit' in binding
}
