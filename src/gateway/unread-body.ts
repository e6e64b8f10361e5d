/**
 * What a client still sends when its answer is ready is read and thrown away first, for both planes alike: many
 * clients read nothing while they send, and a connection that is closed on them shows them a reset and no answer.
 */
import { within } from '../durable/deadline.ts'
import { blocksOf } from './body-blocks.ts'

/** What is larger, or takes longer, has its answer without: then the client may see a reset. */
const DRAIN_BYTES = 128 * 1024 * 1024
const DRAIN_MS = 10_000

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
