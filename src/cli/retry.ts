/** Asking again while a gateway restarts: a watch outlives that, but not the gateway's end. */
import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT, Failure } from './failure.ts'
import type { Terminal } from './terminal.ts'

const MAX_RETRY_MS = 60_000

/** Calls again while the gateway does not answer or is not ready, up to a minute; refusals pass through at once. */
export async function retryWhileUnavailable<T>(
  terminal: Terminal,
  call: () => Promise<T>,
  intervalSeconds: number,
): Promise<T> {
  const lostAt = Date.now()
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (!isPassing(error) || Date.now() - lostAt > MAX_RETRY_MS) throw error
      if (attempt === 1) terminal.note(`${error.message}; still trying`)
      await sleep(intervalSeconds * 1000)
    }
  }
}

function isPassing(error: unknown): error is Failure {
  if (!(error instanceof Failure) || error.exitCode !== EXIT.refused) return false
  return error.refusal === null ? error.body === undefined : [429, 502, 503, 504].includes(error.refusal.status)
}
