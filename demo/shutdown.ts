/**
 * A demo's end by somebody's hand: Ctrl-C, a signal, a terminal that closes, or npm that is gone. What is to be ended
 * is the caller's business.
 */
import { readFileSync } from 'node:fs'

const LOOK_MS = 500

/** Calls `end` once. */
export function onShutdown(end: () => void): void {
  let ended = false
  const once = () => {
    if (ended) return
    ended = true
    end()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, once)
  // npm passes its signals to a shell, which dies of them, or lives on when npm does, without a word to this process.
  if (process.env['npm_lifecycle_event'] === undefined) return
  const began = ancestors()
  setInterval(() => {
    if (ancestors() !== began) once()
  }, LOOK_MS).unref()
}

/** The shell and, where the system tells, who started it. */
function ancestors(): string {
  const shell = process.ppid
  try {
    const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${shell}/stat`, 'utf8')) ?? []
    return `${shell} of ${parent}`
  } catch {
    return String(shell)
  }
}
