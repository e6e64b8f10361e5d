/** A submit's body, read once: up to the cap, in plain form, and only while its bytes keep coming fast enough. */
import { SluiceError } from '../core/errors.ts'
import { within } from '../durable/deadline.ts'
import { GrowingBytes } from '../protocols/read-capped.ts'
import type { Exchange } from './exchange.ts'
import { type BodyBlocks, blocksOf } from './request-body.ts'

/** A client that sends nothing for so long has stalled. */
export const IDLE_MS = 20_000
/** From then on the whole upload must have come at the least rate, so that a body of n bytes is held for 30 s + n/1024 s at most. */
export const GRACE_MS = 30_000
export const LEAST_BYTES_PER_SECOND = 1024
/** A body that is known to be no larger is read by the platform at once, and has the time of one stall. */
const SMALL_BYTES = 16 * 1024

/**
 * Throws `body_too_large`, `unsupported_media_type` for a compressed body, and `request_timeout`. What is not read
 * then is left in the request.
 */
export async function readUpload(ctx: Exchange): Promise<Uint8Array<ArrayBuffer>> {
  const { request, headers } = ctx
  const { config, deps } = ctx.isolate
  const { maxBodyBytes } = config
  const encoding = headers.get('content-encoding')?.trim().toLowerCase() ?? 'identity'
  if (encoding !== '' && encoding !== 'identity')
    throw new SluiceError('unsupported_media_type', `a ${encoding} body can't be read; send it uncompressed`)
  const declared = declaredBytes(ctx)
  if (declared > maxBodyBytes) throw tooLarge(maxBodyBytes)
  const small = await readSmall(ctx, declared)
  if (small) return small
  const { body } = request
  if (!body) return new Uint8Array()
  const blocks = blocksOf(body)
  const held = new GrowingBytes()
  const { now } = deps
  const began = now()
  for (;;) {
    const block = await nextInTime(blocks, began + GRACE_MS + (held.size / LEAST_BYTES_PER_SECOND) * 1000 - now())
    if (!block) return held.whole()
    if (held.size + block.length > maxBodyBytes) {
      blocks.release()
      throw tooLarge(maxBodyBytes)
    }
    held.add(block)
  }
}

/** A body that tells that it is small; null for any other. Throws `request_timeout`. No stream is made for it, which costs. */
export async function readSmall(
  ctx: Pick<Exchange, 'request' | 'method' | 'headers' | 'isBodyRead'>,
  declared = declaredBytes(ctx),
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (!(declared > 0 && declared <= SMALL_BYTES) || ctx.method === 'GET' || ctx.method === 'HEAD') return null
  try {
    const bytes = new Uint8Array(await within(IDLE_MS, ctx.request.arrayBuffer()))
    ctx.isBodyRead = true
    return bytes
  } catch (cause) {
    throw tooSlow(IDLE_MS, cause)
  }
}

/** By its content-length; NaN where it has none. */
function declaredBytes({ headers }: Pick<Exchange, 'headers'>): number {
  return Number(headers.get('content-length') ?? Number.NaN)
}

async function nextInTime(blocks: BodyBlocks, leftMs: number): Promise<Uint8Array | null> {
  const waitMs = Math.min(IDLE_MS, leftMs)
  const next = blocks.next()
  try {
    return waitMs > 0 ? await within(waitMs, next) : await Promise.reject(new Error('too slow'))
  } catch (cause) {
    void next.catch(() => undefined)
    blocks.cancel()
    throw tooSlow(waitMs, cause)
  }
}

function tooSlow(waitMs: number, cause: unknown): SluiceError {
  const why =
    waitMs < IDLE_MS
      ? `came slower than ${LEAST_BYTES_PER_SECOND} bytes a second`
      : `stopped coming for ${IDLE_MS / 1000} s`
  return new SluiceError('request_timeout', `the body ${why}`, { cause })
}

function tooLarge(maxBodyBytes: number): SluiceError {
  return new SluiceError('body_too_large', `a body may have ${maxBodyBytes} bytes`)
}
