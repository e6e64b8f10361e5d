/** Ports on loopback for processes that are started and stopped: free, and never one that the system deals out by itself. */
import { createServer } from 'node:net'

/**
 * Below the range that outgoing connections draw theirs from: a gateway that is down for a moment finds its port free
 * when it comes back, and a process that calls it meanwhile is not connected to itself.
 */
const LOWEST = 15_000
const HIGHEST = 31_000
const DRAWS = 100

const dealt = new Set<number>()

/** One that nobody listens on and that this process was not given before; rejects if a hundred draws find none. */
export async function freePort(): Promise<number> {
  for (let draw = 0; draw < DRAWS; draw++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
    if (dealt.has(port) || !(await isFree(port))) continue
    dealt.add(port)
    return port
  }
  throw new Error(`no free port from ${LOWEST} to ${HIGHEST} in ${DRAWS} draws`)
}

/** Waits until nobody listens on it any more, as a process that was killed does for a moment; not longer than `withinMs`. */
export async function untilFree(port: number, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await isFree(port)) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50))
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** Throws, with what was given, where that is no port. */
export function portNamed(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) throw new Error(`PORT is a whole number from 1 to 65535, not "${text}"`)
  return port
}
