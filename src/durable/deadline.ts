/** Waiting that ends: for a call that may never answer, and for a backend that must not pay for our own being busy. */

const SLICES = 10

/** A call that gives up after `deadlineMs`: a hung object, backend or client delays nobody for longer. */
export function within<T>(deadlineMs: number, call: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs)
    const ended =
      <V>(settle: (by: V) => void) =>
      (by: V) => {
        clearTimeout(timer)
        settle(by)
      }
    call.then(ended(resolve), ended(reject))
  })
}

/**
 * Calls `late` after `timeoutMs`, unless what it gives back is called before. An isolate that is busy with other
 * requests can't take an answer, and that is no backend's fault: time without a tick counts as one slice, however long.
 */
function startDeadline(timeoutMs: number, late: () => void): () => void {
  const sliceMs = Math.ceil(timeoutMs / SLICES)
  let left = SLICES
  const tick = () => {
    if (--left === 0) late()
    else timer = setTimeout(tick, sliceMs)
  }
  let timer = setTimeout(tick, sliceMs)
  return () => clearTimeout(timer)
}

/** A signal for a call that is to end after `timeoutMs`. `end` stops the clock; `isLate` says whether it had run out. */
export interface CallDeadline {
  signal: AbortSignal
  abort: () => void
  end: () => void
  isLate: () => boolean
}

export function callDeadline(timeoutMs: number): CallDeadline {
  const controller = new AbortController()
  let isLate = false
  const abort = () => controller.abort()
  const end = startDeadline(timeoutMs, () => {
    isLate = true
    abort()
  })
  return { signal: controller.signal, abort, end, isLate: () => isLate }
}
