/** Waiting for what comes at once, or on a busy machine later: Vitest itself gives up after one second. */
import { vi } from 'vitest'

const PATIENCE_MS = 60_000

/** What `look` returns once it throws no more; rejects with what it threw last. */
export function waitFor<T>(look: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(look, { timeout: PATIENCE_MS })
}
