/**
 * How calls leave for backends: with whose credential, and how many at a time. A read may be made twice, anything else is
 * made once; deadlines are the callers'.
 */
import { armToken, type Env } from '../config/env.ts'
import type { Protocol } from './protocol.ts'

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/**
 * `fetch`, but that a read whose connection breaks before a byte of the answer is made once more at the same place: a
 * server that closes an idle connection just as it is used again can't be told from one that broke.
 */
export function send(
  url: string,
  init: RequestInit & { method: string; signal: AbortSignal },
  call: Fetch = fetch,
): Promise<Response> {
  const answered = call(url, init)
  const isRead = (init.method === 'GET' || init.method === 'HEAD') && !init.body
  if (!isRead) return answered
  return answered.catch((error: unknown) => {
    if (init.signal.aborted) throw error
    return call(url, init)
  })
}

/** The platform lets one call of the Worker wait for so many backends at a time. */
export const BACKENDS_AT_ONCE = 6

/** `work` for each item, `width` at a time, in their order; no more are begun once it is not to go on. */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
  goesOn: () => boolean = () => true,
): Promise<R[]> {
  const out: R[] = []
  let next = 0
  const worker = async () => {
    while (next < items.length && goesOn()) {
      const i = next++
      out[i] = await work(items[i]!)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
  return out
}

/** An arm's own credential, as its wire writes it; null where it has none. `auth` names the secret. */
export function authorizationOf(env: Env, { auth }: { auth: string | null }, { authScheme }: Protocol): string | null {
  const token = armToken(env, auth)
  return token === null ? null : `${authScheme} ${token}`.trimStart()
}
