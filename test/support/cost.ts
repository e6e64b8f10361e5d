/** What work costs in CPU time, told so that a busy machine does not matter: against other work, and by the best of several runs. */
import { expect } from 'vitest'

const TIMES = 10
/** What the clock, the compiler and the garbage of others may add. */
const SLACK_MS = 40
const MOST_RUNS = 6

/** CPU time of one run, in ms, whatever else this machine does. */
function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** `odd` may cost ten times what `plain` does; only what looks dearer than the slack is held against it, and run again. */
export function expectNoDearer(odd: () => void, plain: () => void, what: string): void {
  let oddMs = cpuMs(odd)
  let plainMs = 0
  for (let run = 0; run < MOST_RUNS && oddMs > TIMES * plainMs + SLACK_MS; run++) {
    if (run > 0) oddMs = Math.min(oddMs, cpuMs(odd))
    plainMs = Math.max(plainMs, cpuMs(plain))
  }
  expect(oddMs, `${what}, in ms of CPU`).toBeLessThanOrEqual(TIMES * plainMs + SLACK_MS)
}

/** The same for work that awaits what is done at once; nothing else may run meanwhile. */
export async function expectNoDearerAwaited(
  odd: () => Promise<unknown>,
  plain: () => Promise<unknown>,
  what: string,
): Promise<void> {
  let oddMs = await cpuMsAwaited(odd)
  let plainMs = 0
  for (let run = 0; run < MOST_RUNS && oddMs > TIMES * plainMs + SLACK_MS; run++) {
    if (run > 0) oddMs = Math.min(oddMs, await cpuMsAwaited(odd))
    plainMs = Math.max(plainMs, await cpuMsAwaited(plain))
  }
  expect(oddMs, `${what}, in ms of CPU`).toBeLessThanOrEqual(TIMES * plainMs + SLACK_MS)
}

async function cpuMsAwaited(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
