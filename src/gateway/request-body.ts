/**
 * A request's body, block by block: on its way to a backend unread, where what the backend does not take can still be
 * read; and what a client still sends when its answer is ready, which is read and thrown away first, for both planes
 * alike: many clients read nothing while they send, and a connection that is closed on them shows a reset and no answer.
 */
import { within } from '../durable/deadline.ts'

/** Read into one and the same piece of memory. */
const BLOCK_BYTES = 64 * 1024
/** Of the block that is under way when the backend is given up; what follows it is drained with any other unread body. */
const LAST_BLOCK_MS = 10_000
/** What is larger, or takes longer, has its answer without: then the client may see a reset. */
const DRAIN_BYTES = 128 * 1024 * 1024
const DRAIN_MS = 10_000

export interface BodyBlocks {
  /** The next block, good until the one after it is asked for; null at the end. Rejects where the client went away. */
  next(): Promise<Uint8Array | null>
  /** Leaves the rest of the body to whoever reads next. Only between two blocks. */
  release(): void
  cancel(): void
}

export function blocksOf(body: ReadableStream<Uint8Array>): BodyBlocks {
  const reader = byteReaderOf(body)
  if (!reader) return chunksOf(body)
  let memory = new ArrayBuffer(BLOCK_BYTES)
  const next = async () => {
    const { done, value } = await reader.read(new Uint8Array(memory))
    if (done) return null
    memory = value.buffer as ArrayBuffer
    return value
  }
  return { next, ...endsOf(reader) }
}

/** Null for a stream made by a script, which hands out whatever pieces it likes. */
function byteReaderOf(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | null {
  try {
    return body.getReader({ mode: 'byob' })
  } catch (error) {
    if (body.locked) throw error
    return null
  }
}

function chunksOf(body: ReadableStream<Uint8Array>): BodyBlocks {
  const reader = body.getReader()
  return { next: async () => (await reader.read()).value ?? null, ...endsOf(reader) }
}

function endsOf(reader: ReadableStreamBYOBReader | ReadableStreamDefaultReader<Uint8Array>) {
  return { release: () => reader.releaseLock(), cancel: () => void reader.cancel().catch(() => undefined) }
}

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

/** The same answer, once the client is ready for it. A body that somebody is reading is left to him. */
export async function afterBody(request: Request, response: Response): Promise<Response> {
  const { body } = request
  if (body && !body.locked) await drain(body)
  return response
}

async function drain(body: ReadableStream<Uint8Array>): Promise<void> {
  const blocks = blocksOf(body)
  const drained = async () => {
    let left = DRAIN_BYTES
    for (let block = await blocks.next(); block; block = await blocks.next()) {
      left -= block.length
      if (left < 0) return blocks.cancel()
    }
  }
  // A client that went away needs no answer, and one that stalls is not waited for.
  await within(DRAIN_MS, drained()).catch(() => blocks.cancel())
}
