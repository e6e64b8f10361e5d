/** How a demo backend calls the webhook of a client: again after a while where it was not taken, a few times. */
import { setTimeout as delay } from 'node:timers/promises'

const TRIES = 5
const PAUSE_MS = 300

/** Resolves when it was taken, or given up; never rejects. */
export async function callWebhook(
  url: string,
  headers: Record<string, string>,
  body: string,
  signal: AbortSignal,
): Promise<void> {
  for (let left = TRIES; left > 0 && !signal.aborted; left--) {
    try {
      const sent = { 'content-type': 'application/json', ...headers }
      const response = await fetch(url, { method: 'POST', headers: sent, body, signal })
      await response.arrayBuffer()
      if (response.ok) return
      await delay(PAUSE_MS, undefined, { signal })
    } catch {
      // Nobody was there, or the backend has ended.
    }
  }
}
