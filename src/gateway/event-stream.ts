/** Server-sent events about a job, as its client may read them: line by line as they come, ids and addresses translated. */

/** A longer line is none of any wire's: it goes on in pieces, each read by itself. */
const MAX_LINE_CHARS = 256 * 1024

export function isEventStream(headers: Pick<Headers, 'get'>): boolean {
  return /^text\/event-stream\b/i.test(headers.get('content-type') ?? '')
}

/** `translate`: of one field's value, JSON or words. */
export function translatedEvents(
  events: ReadableStream<Uint8Array>,
  translate: (text: string) => string,
): ReadableStream<Uint8Array> {
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  let held = ''
  const shown = (line: string) => {
    const [field] = /^[^:]*: ?/.exec(line) ?? ['']
    return field + translate(line.slice(field.length))
  }
  const lines = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      const pieces = (held + decoder.decode(chunk, { stream: true })).split(/(\r\n|\n)/)
      held = pieces.pop()!
      if (held.length > MAX_LINE_CHARS) {
        pieces.push(held)
        held = ''
      }
      const text = pieces.map((piece, i) => (i % 2 === 0 ? shown(piece) : piece)).join('')
      if (text !== '') controller.enqueue(encoder.encode(text))
    },
    flush: (controller) => {
      held += decoder.decode()
      if (held !== '') controller.enqueue(encoder.encode(shown(held)))
    },
  })
  return events.pipeThrough(lines)
}
