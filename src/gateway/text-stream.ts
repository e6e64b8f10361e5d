/**
 * Text about a job that is no JSON, as its client may read it: server-sent events, logs, errors in plain words. Line by
 * line as it comes, ids and addresses translated; what is no text stays as it is.
 */
import type { HeaderReader, ReceivedHeaders } from './asked.ts'
import { withoutLength } from './headers.ts'

/** A longer line is none of any wire's: it goes on in pieces, each read by itself. */
const MAX_LINE_CHARS = 256 * 1024

/** Codings that the platform takes off; bytes in any other are no text. */
const DECODED = /^(gzip|br|identity)?$/i

export function isEventStream(headers: Pick<Headers, 'get'>): boolean {
  return /^text\/event-stream\b/i.test(headers.get('content-type') ?? '')
}

interface Coming {
  status: number
  headers: ReceivedHeaders
  body: ReadableStream<Uint8Array> | null
}

/** `translate`: of one line, or of a field's value in one of events; JSON or words. The very same where nothing is text. */
export function translatedAsItComes(coming: Coming, translate: (text: string) => string): Coming {
  const { status, headers, body } = coming
  const isEvents = isEventStream(headers)
  const isDecoded = DECODED.test(headers.get('content-encoding')?.trim() ?? '')
  if (body === null || !isDecoded || !(isEvents || isText(status, headers))) return coming
  const shown = isEvents ? translatedEvents(body, translate) : byLines(body, translate)
  return { status, headers: withoutLength(headers), body: shown }
}

/** An error has words also where it has no type. Of a part of a text the rest would no longer fit. */
function isText(status: number, headers: HeaderReader): boolean {
  const type = headers.get('content-type')
  if (status === 206) return false
  return type === null ? status >= 400 : /^text\//i.test(type) && !/charset=(?!"?utf-?8)/i.test(type)
}

/** `translate`: of one field's value. */
export function translatedEvents(
  events: ReadableStream<Uint8Array>,
  translate: (text: string) => string,
): ReadableStream<Uint8Array> {
  return byLines(events, (line) => {
    const [field] = /^[^:]*: ?/.exec(line) ?? ['']
    return field + translate(line.slice(field.length))
  })
}

function byLines(text: ReadableStream<Uint8Array>, translate: (line: string) => string): ReadableStream<Uint8Array> {
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  let held = ''
  const shown = (line: string) => (line.endsWith('\r') ? `${translate(line.slice(0, -1))}\r` : translate(line))
  const lines = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      // Only what is new is looked through: a line may come byte by byte.
      const ended = decoder.decode(chunk, { stream: true }).split('\n')
      ended[0] = held + ended[0]!
      held = ended.pop()!
      let ready = ended.map((line) => `${shown(line)}\n`).join('')
      if (held.length > MAX_LINE_CHARS) {
        ready += shown(held)
        held = ''
      }
      if (ready !== '') controller.enqueue(encoder.encode(ready))
    },
    flush: (controller) => {
      held += decoder.decode()
      if (held !== '') controller.enqueue(encoder.encode(shown(held)))
    },
  })
  return text.pipeThrough(lines)
}
