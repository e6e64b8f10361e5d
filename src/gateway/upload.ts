/** A submit's body, read once: up to the cap, in plain form, and only while its bytes keep coming fast enough. */
import { SluiceError } from '../core/errors.ts'
import { GrowingBytes } from '../protocols/read-capped.ts'
import type { Exchange } from './exchange.ts'
import { IDLE_MS, inTime, pacedBlocks } from './request-body.ts'

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
  const blocks = pacedBlocks(body, deps.now)
  const held = new GrowingBytes()
  for (;;) {
    const block = await blocks.next()
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
  const bytes = new Uint8Array(await inTime(IDLE_MS, ctx.request.arrayBuffer()))
  ctx.isBodyRead = true
  return bytes
}

/** By its content-length; NaN where it has none. */
function declaredBytes({ headers }: Pick<Exchange, 'headers'>): number {
  return Number(headers.get('content-length') ?? Number.NaN)
}

function tooLarge(maxBodyBytes: number): SluiceError {
  return new SluiceError('body_too_large', `a body may have ${maxBodyBytes} bytes`)
}
