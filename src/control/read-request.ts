/** Query, JSON body and If-Match of a request → validated values, or one SluiceError that tells everything wrong. */
import * as v from 'valibot'
import { issueDetail } from '../config/issue-words.ts'
import { odditiesOf } from '../config/odd-keys.ts'
import { detail, SluiceError } from '../core/errors.ts'

const MAX_BODY_BYTES = 65_536

export function readQuery<S extends v.GenericSchema>(url: URL, schema: S): v.InferOutput<S> {
  return valid(schema, Object.fromEntries(url.searchParams), 'the query is not valid')
}

export async function readBody<S extends v.GenericSchema>(request: Request, schema: S): Promise<v.InferOutput<S>> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? '')) {
    throw new SluiceError('unsupported_media_type', 'send JSON with content-type: application/json')
  }
  const text = await readText(request.body)
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch (cause) {
    throw new SluiceError('malformed_body', 'the body is not JSON', { cause })
  }
  const { issues } = odditiesOf(given)
  if (issues.length > 0) throw new SluiceError('invalid_request', 'the body is not valid', { details: issues })
  return valid(schema, given, 'the body is not valid')
}

/** Counted while it is read, since a length that is promised need not be kept. What is beyond is left to be drained. */
export async function readText(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number = MAX_BODY_BYTES,
): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  for await (const chunk of body?.values({ preventCancel: true }) ?? []) {
    size += chunk.byteLength
    if (size > maxBytes) throw new SluiceError('body_too_large', `a body here has at most ${maxBytes} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** `"12"`, `W/"12"` or `12`; null where any version will do. */
export function readIfMatch(header: string | undefined): number | null {
  if (header === undefined || header.trim() === '*') return null
  const version = /^(?:W\/)?"?(\d{1,15})"?$/.exec(header.trim())?.[1]
  if (version !== undefined) return Number(version)
  const given = `not a version: ${header.slice(0, 50)}`
  throw wrongKey('If-Match', 'not_version', given, 'If-Match takes one version, like "12"')
}

/** What is wrong with one key, or header, of a request; `whole` where of the request something else is said. */
export function wrongKey(path: string, code: string, message: string, whole = message): SluiceError {
  return new SluiceError('invalid_request', whole, { details: [detail(path, code, message)] })
}

/** What was given as its schema has it; throws `invalid_request` with everything that is wrong. */
export function valid<S extends v.GenericSchema>(schema: S, given: unknown, message: string): v.InferOutput<S> {
  const read = v.safeParse(schema, given)
  if (read.success) return read.output
  const details = read.issues.map((issue) => issueDetail(v.getDotPath(issue) ?? '', issue))
  throw new SluiceError('invalid_request', message, { details })
}
