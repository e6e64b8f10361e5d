/** Asking again while a gateway restarts: a watch outlives that, but not the gateway's end. */
import { setTimeout as sleep } from 'node:timers/promises'
import { releaseSchema, type ReleaseView } from '../api/index.ts'
import type { Reply } from './api-client.ts'
import { EXIT, Failure } from './failure.ts'
import type { Session } from './session.ts'

const MAX_RETRY_MS = 60_000

/** The release as it is now; asks again while the gateway does not answer or is not ready, up to a minute. Refusals pass through at once. */
export async function releaseOnceAvailable(session: Session, intervalSeconds: number): Promise<Reply<ReleaseView>> {
  const lostAt = Date.now()
  for (let attempt = 1; ; attempt++) {
    try {
      return await session.call('', releaseSchema)
    } catch (error) {
      if (!isPassing(error) || Date.now() - lostAt > MAX_RETRY_MS) throw error
      if (attempt === 1) session.terminal.note(`${error.message}; still trying`)
      await sleep(intervalSeconds * 1000)
    }
  }
}

function isPassing(error: unknown): error is Failure {
  if (!(error instanceof Failure) || error.exitCode !== EXIT.refused) return false
  return error.refusal === null ? error.body === undefined : [429, 502, 503, 504].includes(error.refusal.status)
}
