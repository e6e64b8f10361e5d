/** What the data plane takes from outside, as tests give it: timers and dates that fake timers drive, no objects, no log. */
import type { GatewayDeps } from '../../../src/gateway/deps.ts'

export function gatewayDeps(over: Partial<GatewayDeps> = {}): GatewayDeps {
  return {
    fetch: (url, init) => fetch(url, init),
    now: () => Date.now(),
    random: () => 0,
    newId: () => crypto.randomUUID(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    objects: { controller: missing, shard: missing, ledger: missing },
    log: () => undefined,
    ...over,
  }
}

function missing(): never {
  throw new Error('this test has no objects')
}
