/** A submit's body, read once: up to the cap, in plain form, and only while its bytes keep coming. */
import { SluiceError } from '../core/errors.ts'
import { within } from '../durable/stubs.ts'
import { joined } from '../protocols/read-capped.ts'
import type { Exchange } from './exchange.ts'

/** A client that sends nothing for so long has stalled. */
const IDLE_MS = 20_000
/** Read and thrown away before a refusal, since many clients read no answer while they still send. */
const DRAIN_BYTES = 4 * 1024 * 1024
const DRAIN_MS = 2000

type Reader = ReadableStreamDefaultReader<Uint8Array>

/** Throws `body_too_large`, `unsupported_media_type` for a compressed body, and `request_timeout`. */
export async function readUpload({ request, isolate }: Exchange): Promise<Uint8Array<ArrayBuffer>> {
  const { maxBodyBytes } = isolate.config
  const { body, headers } = request
  if (!body) return new Uint8Array()
  const encoding = headers.get('content-encoding')?.trim().toLowerCase() ?? 'identity'
  if (encoding !== '' && encoding !== 'identity')
    throw new SluiceError('unsupported_media_type', `a ${encoding} body can't be read; send it uncompressed`)
  const reader: Reader = body.getReader()
  if (Number(headers.get('content-length') ?? 0) > maxBodyBytes) throw await tooLarge(reader, maxBodyBytes)
  const chunks: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await next(reader)
    if (done) return joined(chunks, size)
    chunks.push(value)
    size += value.length
    if (size > maxBodyBytes) throw await tooLarge(reader, maxBodyBytes)
  }
}

async function next(reader: Reader): ReturnType<Reader['read']> {
  const read = reader.read()
  try {
    return await within(IDLE_MS, read)
  } catch (cause) {
    void reader.cancel().catch(() => undefined)
    throw new SluiceError('request_timeout', `the body stopped coming for ${IDLE_MS / 1000} s`, { cause })
  }
}

async function tooLarge(reader: Reader, maxBodyBytes: number): Promise<SluiceError> {
  const drain = async () => {
    for (let left = DRAIN_BYTES; left > 0;) {
      const { done, value } = await reader.read()
      if (done) return
      left -= value.length
    }
  }
  await within(DRAIN_MS, drain()).catch(() => undefined)
  void reader.cancel().catch(() => undefined)
  return new SluiceError('body_too_large', `a body may have ${maxBodyBytes} bytes`)
}
