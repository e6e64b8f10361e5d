/** A request's body read block by block into one and the same piece of memory. Keeps nothing and caps nothing. */

const BLOCK_BYTES = 64 * 1024

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
  return {
    release: () => reader.releaseLock(),
    cancel: () => void reader.cancel().catch(() => undefined),
  }
}
