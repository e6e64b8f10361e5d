/**
 * A body on its way to a backend, unread. It stays in our hands: what the backend does not take, having answered or
 * gone away in the middle of it, can still be read, so that the client sees the answer.
 */
import { within } from '../durable/deadline.ts'
import { blocksOf } from './body-blocks.ts'

/** Of the block that is under way when the backend is given up; what follows it is drained with any other unread body. */
const LAST_BLOCK_MS = 10_000

export interface StreamedBody {
  stream: ReadableStream<Uint8Array>
  /** Nothing more goes to the backend. Resolves when the rest of the body can be read, or does not come. */
  giveUp(): Promise<void>
}

/** Null where the request has no body. */
export function streamedBody({ body, headers }: Request): StreamedBody | null {
  if (!body) return null
  const length = headers.get('content-length')
  const { readable, writable } = length === null ? new IdentityTransformStream() : new FixedLengthStream(Number(length))
  let stop = () => undefined as void
  const stopped = new Promise<'stopped'>((resolve) => (stop = () => resolve('stopped')))
  const pumped = pump(body, writable.getWriter(), stopped).catch(() => undefined)
  const giveUp = async () => {
    stop()
    await within(LAST_BLOCK_MS, pumped).catch(() => undefined)
  }
  return { stream: readable, giveUp }
}

async function pump(
  body: ReadableStream<Uint8Array>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  stopped: Promise<'stopped'>,
): Promise<void> {
  const blocks = blocksOf(body)
  void writer.closed.catch(() => undefined)
  try {
    for (let block = await blocks.next(); block; block = await blocks.next()) {
      const write = writer.write(block).then(
        () => 'written' as const,
        () => 'closed' as const,
      )
      if ((await Promise.race([write, stopped])) !== 'written') return blocks.release()
    }
    await writer.close()
  } catch (error) {
    // The client went away, or sent less than it had promised: the backend must not take what came for the whole.
    await writer.abort(error)
  }
}
