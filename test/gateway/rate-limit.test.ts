import { expect, it } from 'vitest'
import type { Env } from '../../src/config/env.ts'
import { RateLimiter } from '../../src/gateway/rate-limit.ts'

const T0 = 1_800_000_000_000
const limits = { submit: { limit: 3, period: 60 as const } }
const unbound = {} as Env

/** As a request asks: whether it is refused at once or by a binding's answer. */
async function asked(limiter: RateLimiter, ...by: Parameters<RateLimiter['admit']>): Promise<void> {
  await limiter.admit(...by)
}

async function admitted(limiter: RateLimiter, times: number, subject: string, now: number): Promise<number> {
  let n = 0
  for (let i = 0; i < times; i++) {
    try {
      await limiter.admit('submit', subject, unbound, () => now)
      n++
    } catch {
      continue
    }
  }
  return n
}

it('lets a subject submit as often as the limit says, and tells how long to wait then', async () => {
  const limiter = new RateLimiter(limits)
  expect(await admitted(limiter, 10, 'user', T0)).toBe(3)
  await expect(asked(limiter, 'submit', 'user', unbound, () => T0 + 20_000)).rejects.toMatchObject({
    code: 'rate_limited',
    status: 429,
    headers: { 'retry-after': '40' },
  })
})

it('counts each subject for itself, and anew in the next period', async () => {
  const limiter = new RateLimiter(limits)
  expect(await admitted(limiter, 5, 'noisy', T0)).toBe(3)
  expect(await admitted(limiter, 5, 'quiet', T0)).toBe(3)
  expect(await admitted(limiter, 5, 'noisy', T0 + 60_000)).toBe(3)
})

it('draws synchronous submits on the same limit, and leaves operations without one alone', async () => {
  const limiter = new RateLimiter(limits)
  expect(await admitted(limiter, 3, 'user', T0)).toBe(3)
  await expect(asked(limiter, 'sync', 'user', unbound, () => T0)).rejects.toMatchObject({ code: 'rate_limited' })
  for (let i = 0; i < 100; i++) await limiter.admit('poll', 'user', unbound, () => T0)
})

it("asks the platform's binding as well, which holds over isolates", async () => {
  const names: string[] = []
  const binding = { limit: async ({ key }: { key: string }) => ({ success: names.push(key) < 2 }) }
  const env = { RATE_LIMIT_SUBMIT: binding } as unknown as Env
  const limiter = new RateLimiter({ submit: { limit: 100, period: 10 } })
  await limiter.admit('submit', 'user', env, () => T0)
  await expect(asked(limiter, 'submit', 'user', env, () => T0)).rejects.toMatchObject({
    headers: { 'retry-after': '10' },
  })
  expect(names).toEqual(['user', 'user'])
})
