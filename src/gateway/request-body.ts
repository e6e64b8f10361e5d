/**
 * A request's body, block by block: on its way to a backend unread, where what the backend does not take can still be
 * read; and what a client still sends when its answer is ready, which is read and thrown away first, for both planes
 * alike: many clients read nothing while they send, and a connection that is closed on them shows a reset and no answer.
 */
import { SluiceError } from '../core/errors.ts'
import { within } from '../durable/deadline.ts'

/** A client that sends nothing for so long has stalled. */
export const IDLE_MS = 20_000
/** From then on the whole body must have come at the least rate, so that one of n bytes is waited for 30 s + n/1024 s at most. */
export const GRACE_MS = 30_000
export const LEAST_BYTES_PER_SECOND = 1024
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

/**
 * The same while they come fast enough: `next` throws `request_timeout` where they do not, or the body breaks off. Once
 * `mayStall` the client may take its time.
 */
export function pacedBlocks(body: ReadableStream<Uint8Array>, now: () => number, mayStall = () => false): BodyBlocks {
  const blocks = blocksOf(body)
  let size = 0
  let waitedMs = 0
  const next = async () => {
    const dueMs = GRACE_MS + (size / LEAST_BYTES_PER_SECOND) * 1000
    const began = now()
    const coming = blocks.next()
    try {
      const block = await inTime(Math.min(IDLE_MS, dueMs - waitedMs), coming)
      waitedMs += now() - began
      size += block?.length ?? 0
      return block
    } catch (error) {
      if (mayStall()) return coming
      blocks.cancel()
      throw error
    }
  }
  return { ...blocks, next }
}

/** Throws `request_timeout` where what a client sends does not come in time, or breaks off. */
export async function inTime<T>(waitMs: number, coming: Promise<T>): Promise<T> {
  let isBroken = false
  coming.catch(() => (isBroken = true))
  try {
    return await within(Math.max(0, waitMs), coming)
  } catch (cause) {
    const tooSlow =
      waitMs < IDLE_MS
        ? `came slower than ${LEAST_BYTES_PER_SECOND} bytes a second`
        : `stopped coming for ${IDLE_MS / 1000} s`
    throw new SluiceError('request_timeout', `the body ${isBroken ? 'broke off' : tooSlow}`, { cause })
  }
}

export interface StreamedBody {
  stream: ReadableStream<Uint8Array>
  /** The client is waited for, and not the backend. */
  isAwaited: () => boolean
  /** Aborts as the body breaks off or stalls: a call whose body only ends then would have the backend take it for whole. */
  broken: AbortSignal
  /** From now on the client may take its time. */
  answered: () => void
  /** Nothing more goes to the backend. Resolves when the rest of the body can be read, or does not come. */
  giveUp(): Promise<void>
}

/** Null where the request has no body. */
export function streamedBody({ body, headers }: Request, now: () => number): StreamedBody | null {
  if (!body) return null
  const length = headers.get('content-length')
  const { readable, writable } = length === null ? new IdentityTransformStream() : new FixedLengthStream(Number(length))
  let stop = () => undefined as void
  const stopped = new Promise<'stopped'>((resolve) => (stop = () => resolve('stopped')))
  const broken = new AbortController()
  let isAnswered = false
  const blocks = pacedBlocks(body, now, () => isAnswered)
  let isAwaited = false
  const next = async () => {
    isAwaited = true
    try {
      return await blocks.next()
    } catch (error) {
      broken.abort(error)
      throw error
    } finally {
      isAwaited = false
    }
  }
  const pumped = pump({ ...blocks, next }, writable.getWriter(), stopped).catch(() => undefined)
  const giveUp = async () => {
    stop()
    await within(LAST_BLOCK_MS, pumped).catch(() => undefined)
  }
  const answered = () => void (isAnswered = true)
  return { stream: readable, isAwaited: () => isAwaited, broken: broken.signal, answered, giveUp }
}

async function pump(
  blocks: BodyBlocks,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  stopped: Promise<'stopped'>,
): Promise<void> {
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
