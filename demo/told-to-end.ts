/** A demo's end by somebody's hand: Ctrl-C, a signal, a terminal that closes, or npm that is gone. What ends is the caller's. */

const LOOK_MS = 500

/** Calls `end` once. */
export function onceToldToEnd(end: () => void): void {
  let told = false
  const once = () => {
    if (told) return
    told = true
    end()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, once)
  // npm passes its signals to a shell, which dies of them without a word to this process.
  if (process.env['npm_lifecycle_event'] === undefined) return
  const shell = process.ppid
  setInterval(() => {
    if (process.ppid !== shell) once()
  }, LOOK_MS).unref()
}
