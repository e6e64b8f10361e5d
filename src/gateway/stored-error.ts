/** What is kept of an error, so that the same Idempotency-Key is answered again with it: bounded in bytes and in time. */
import { SluiceError } from '../core/errors.ts'
import { within } from '../durable/deadline.ts'
import type { StoredError } from '../durable/rpc.ts'
import { GrowingBytes } from '../protocols/read-capped.ts'
import { resumed } from './forward.ts'

/** An error's body beyond this is not kept, only that there was one. A backend's traceback is a tenth of it. */
export const MAX_STORED_BYTES = 16 * 1024
/** An error whose body has not ended by then is cut there, for its client too. */
export const READ_DEADLINE_MS = 3000
const MAX_TYPE_CHARS = 200

/** `response` is the error as its client is to get it. Never rejects. */
export async function storableError(
  response: Response,
  requestId: string,
): Promise<{ response: Response; error: StoredError }> {
  const { status } = response
  const contentType = (response.headers.get('content-type') ?? 'text/plain').slice(0, MAX_TYPE_CHARS)
  const head = await readHead(response.body)
  const large = `this Idempotency-Key was answered with HTTP ${status} and more than ${MAX_STORED_BYTES} bytes, which are not kept`
  const error = head.rest
    ? { ...notStored(large, requestId), httpStatus: status }
    : { httpStatus: status, contentType, body: head.bytes }
  if (!response.body) return { response, error }
  // What was read is in plain form, and may have been cut.
  const headers = new Headers(response.headers)
  for (const name of ['content-length', 'content-encoding']) headers.delete(name)
  return { response: new Response(head.rest ?? head.bytes, { status, headers }), error }
}

/** Says that there was an answer, in place of the answer. */
export function notStored(message: string, requestId: string): StoredError {
  const error = new SluiceError('idempotency_not_repeatable', message)
  const body = Uint8Array.from(new TextEncoder().encode(JSON.stringify(error.body(requestId))))
  return { httpStatus: error.status, contentType: 'application/json', body }
}

type Bytes = Uint8Array<ArrayBuffer>

/** `rest`: the whole body again, where it is larger than what is kept. A body that breaks or does not end is cut. */
async function readHead(body: ReadableStream<Bytes> | null): Promise<{ bytes: Bytes; rest: ReadableStream | null }> {
  const held = new GrowingBytes()
  if (!body) return { bytes: held.whole(), rest: null }
  const reader = body.getReader()
  try {
    const isWhole = await within(READ_DEADLINE_MS, held.fill(reader, MAX_STORED_BYTES))
    if (!isWhole) return { bytes: new Uint8Array(), rest: resumed(held.whole(), reader) }
  } catch {
    void reader.cancel().catch(() => undefined)
  }
  return { bytes: held.whole(), rest: null }
}
