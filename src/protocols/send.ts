/** How a call leaves for a backend. A read may be made twice, anything else is made once; deadlines are the callers'. */

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/**
 * `fetch`, but that a read whose connection breaks before a byte of the answer is made once more at the same place: a
 * server that closes an idle connection just as it is used again can't be told from one that broke.
 */
export function send(
  url: string,
  init: RequestInit & { method: string; signal: AbortSignal },
  call: Fetch = fetch,
): Promise<Response> {
  const answered = call(url, init)
  const isRead = (init.method === 'GET' || init.method === 'HEAD') && !init.body
  if (!isRead) return answered
  return answered.catch((error: unknown) => {
    if (init.signal.aborted) throw error
    return call(url, init)
  })
}
