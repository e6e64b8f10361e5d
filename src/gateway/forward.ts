/**
 * One call to a backend: with a deadline to its headers, without following redirects; only a read is ever repeated.
 * What a failure means for the client and for the counters is said here; who is called is said elsewhere.
 */
import { SluiceError } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import { callDeadline } from '../durable/deadline.ts'
import { answerJson } from '../protocols/answer-json.ts'
import { looksLikeJson } from '../protocols/body/json-text.ts'
import { type ByteReader, GrowingBytes } from '../protocols/read-capped.ts'
import { type Fetch, send } from '../protocols/send.ts'
import { ReceivedHeaders } from './asked.ts'
import type { StreamedBody } from './request-body.ts'

/** Names in lower case. As plain data, since the platform makes its own object of them with the call. */
export type PlainHeaders = Record<string, string>

export interface UpstreamRequest {
  url: string
  method: string
  headers: PlainHeaders
  body: BodyInit | null
  /** Where `body` still comes from the client. */
  upload?: StreamedBody | null
  timeoutMs: number
}

/** `bad_output`: it answered, but with what no answer to this can be. `aborted`: by the client, whose body did not come to its end. */
export type CallFailure = Extract<Outcome, 'timeout' | 'unreachable' | 'bad_output' | 'aborted'>

/** A backend's answer: as it comes, or read to its end before; then it has no `body`, and its text is known. */
export type Answer = Pick<Response, 'ok' | 'status' | 'body' | 'text'> & { headers: ReceivedHeaders }

/** One as it comes. */
type LiveAnswer = Answer & Pick<Response, 'arrayBuffer'>

/** Status and headers are read once: each look costs a call into the platform. */
export class SeenOnce implements LiveAnswer {
  readonly status: number
  readonly ok: boolean
  readonly headers: ReceivedHeaders
  readonly #response: Response

  constructor(response: Response) {
    this.status = response.status
    this.ok = this.status >= 200 && this.status < 300
    this.headers = new ReceivedHeaders(response.headers)
    this.#response = response
  }

  /** A stream, which is made by asking for it. */
  get body(): ReadableStream<Uint8Array> | null {
    return this.#response.body
  }

  text(): Promise<string> {
    return this.#response.text()
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#response.arrayBuffer()
  }
}

/**
 * `done` ends the deadline: call it when the body is read or handed on to stream. `failure` says why reading the
 * body failed: past the deadline, or the connection broke.
 */
export type Upstream<A extends Answer = LiveAnswer> =
  | { ok: true; response: A; seconds: number; done: () => void; failure: () => CallFailure }
  | { ok: false; failure: CallFailure; seconds: number }

export interface CallDeps {
  fetch: Fetch
  now: () => number
}

/** `began`: unix ms, where the caller has looked at the clock already. */
export async function callBackend(asked: UpstreamRequest, { fetch, now }: CallDeps, began = now()): Promise<Upstream> {
  const { url, method, headers, body, upload, timeoutMs } = asked
  const deadline = callDeadline(timeoutMs, upload?.isAwaited)
  const { abort, end, isLate } = deadline
  const signal = upload ? AbortSignal.any([deadline.signal, upload.broken]) : deadline.signal
  const failure = () => (isLate() ? 'timeout' : upload?.broken.aborted ? 'aborted' : 'unreachable')
  try {
    const response = new SeenOnce(await send(url, { method, headers, body, redirect: 'manual', signal }, fetch))
    const seconds = (now() - began) / 1000
    upload?.answered()
    if (!isAnswer(response.status, headers)) {
      abort()
      end()
      return { ok: false, failure: 'bad_output', seconds }
    }
    return { ok: true, response, seconds, done: end, failure }
  } catch {
    end()
    return { ok: false, failure: failure(), seconds: (now() - began) / 1000 }
  }
}

/** No status beyond 599 or below 200 can be passed on, and nobody was asked for news where 304 says that there are none. */
function isAnswer(status: number, asked: PlainHeaders): boolean {
  if (status === 304) return 'if-none-match' in asked || 'if-modified-since' in asked
  return status >= 200 && status <= 599
}

/** Whether an answer sends its reader elsewhere: fine for a video, never for a job, which no other host may answer for. */
export function isRedirect(status: number): boolean {
  return status >= 300 && status < 400 && status !== 304
}

/** The typed error of a call that failed. What may have arrived and been acted on no client is invited to repeat. */
export function upstreamError(failure: CallFailure, arm: string, mayHaveActed: boolean): SluiceError {
  const headers: Record<string, string> = mayHaveActed ? { 'x-should-retry': 'false' } : {}
  switch (failure) {
    case 'timeout':
      return new SluiceError('upstream_timeout', `the ${arm} backend did not answer in time`, { headers })
    case 'unreachable':
      return new SluiceError('upstream_unreachable', `the ${arm} backend can't be reached`, { headers })
    case 'aborted':
      return new SluiceError('request_timeout', 'the body stopped coming, or broke off', { headers })
    case 'bad_output':
      return new SluiceError('upstream_invalid', `the ${arm} backend's answer has no status that fits`, { headers })
  }
}

/** Whether an answer calls itself JSON. */
export function isJson({ headers }: Pick<Answer, 'headers'>): boolean {
  return /json/i.test(headers.get('content-type') ?? '')
}

/** Beyond it what does not call itself JSON may be a file, and is not looked into. A job's JSON has about 1 KiB. */
const MAX_UNTOLD_BYTES = 1024 * 1024

/** Blanks before JSON that are looked past. */
const MAX_BLANK_BYTES = 64

/** Whether an answer may be JSON that does not say so. One of no known length may never end, and is not waited for. */
export function mayBeJson({ status, headers }: Pick<Answer, 'status' | 'headers'>): boolean {
  const length = Number(headers.get('content-length') ?? 0)
  if (status === 206 || length === 0 || length > MAX_UNTOLD_BYTES) return false
  const type = headers.get('content-type')
  return type === null || (/^(text\/|application\/octet-stream)/i.test(type) && !/^text\/event-stream/i.test(type))
}

/** What was read of an answer that may be JSON, where it is; else null, and the answer as it came. Rejects where it breaks off. */
export async function readIfJson(response: Answer): Promise<{ response: Answer; read: ReadAnswer | null }> {
  const { ok, status, headers } = response
  const reader = mayBeJson(response) ? response.body?.getReader() : null
  if (!reader) return { response, read: null }
  const held = new GrowingBytes()
  const isWhole = await held.fill(reader, MAX_UNTOLD_BYTES, () => {
    const begin = new TextDecoder().decode(held.begin(MAX_BLANK_BYTES))
    return !looksLikeJson(begin) && begin.trim() !== ''
  })
  const bytes = held.whole()
  const text = isWhole ? new TextDecoder().decode(bytes) : ''
  const json = answerJson(text)
  if (json === undefined) {
    const body = isWhole ? new Response(bytes).body : resumed(bytes, reader)
    return { response: { ok, status, headers, body, text: () => new Response(body).text() }, read: null }
  }
  const typed = headers.has('content-type') ? headers : headers.with('content-type', 'application/json')
  const seen = { ok, status, headers: typed, body: null, text: () => Promise.resolve(text) }
  return { response: seen, read: { text, rest: null, json } }
}

/** What an answer is counted as by its status alone. */
export function outcomeOfStatus(status: number): Outcome {
  if (status === 429) return 'saturated'
  return status >= 500 ? 'http_5xx' : status >= 400 ? 'client_error' : 'ok'
}

/** Job JSON beyond this is a video in disguise (Dynamo's base64) and is streamed on unread. */
export const MAX_JOB_JSON_BYTES = 8 * 1024 * 1024

const SMALL_BYTES = 64 * 1024

/**
 * The text of a body of up to `maxBytes` (`rest` null); of a larger one nothing is kept back: `rest` is the
 * whole body again as a stream. Rejects when the deadline passes or the connection breaks.
 */
export async function readPrefix(
  response: Answer,
  maxBytes: number,
): Promise<{ text: string; rest: null } | { text: null; rest: ReadableStream<Uint8Array> }> {
  const { headers } = response
  const declared = Number(headers.get('content-length') ?? Number.NaN)
  // What is known to be small the platform reads at once. Encoded bytes may become many more; what does not call itself text it warns of.
  const isSmall =
    declared <= SMALL_BYTES && declared <= maxBytes && !headers.has('content-encoding') && isJson(response)
  if (isSmall || !response.body) return { text: await response.text(), rest: null }
  if (declared > maxBytes) return { text: null, rest: response.body }
  const reader = response.body.getReader()
  const held = new GrowingBytes()
  const isWhole = await held.fill(reader, maxBytes)
  const bytes = held.whole()
  return isWhole ? { text: new TextDecoder().decode(bytes), rest: null } : { text: null, rest: resumed(bytes, reader) }
}

/** `json`: what the text says; undefined where there is none, or it is no JSON. */
export type ReadAnswer = Awaited<ReturnType<typeof readPrefix>> & { json: unknown }

/** The same of an answer up to the size of a job's. */
export async function readAnswer(response: Answer, maxBytes = MAX_JOB_JSON_BYTES): Promise<ReadAnswer> {
  const read = await readPrefix(response, maxBytes)
  return { ...read, json: read.text === null ? undefined : answerJson(read.text) }
}

/** A body of which these first bytes were read, whole again. */
export function resumed(first: Uint8Array, reader: ByteReader): ReadableStream<Uint8Array> {
  let held: Uint8Array | null = first
  return new ReadableStream({
    async pull(controller) {
      if (held) {
        controller.enqueue(held)
        held = null
        return
      }
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}
