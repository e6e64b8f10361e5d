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
 * A signal for a call that is to end after `timeoutMs`; `end` stops the clock, `isLate` says whether it had run out. An
 * isolate that is busy with other requests can't take an answer, and that is no backend's fault: time without a tick counts
 * as one slice, however long. Nor does a slice count at whose end `isHeld`.
 */
export function callDeadline(timeoutMs: number, isHeld = () => false) {
  const controller = new AbortController()
  const abort = () => controller.abort()
  const sliceMs = Math.ceil(timeoutMs / SLICES)
  let left = SLICES
  const tick = () => {
    if (!isHeld()) left--
    if (left === 0) abort()
    else timer = setTimeout(tick, sliceMs)
  }
  let timer = setTimeout(tick, sliceMs)
  return { signal: controller.signal, abort, end: () => clearTimeout(timer), isLate: () => left === 0 }
}
