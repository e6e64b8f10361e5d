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
    const end = line.endsWith('\r') ? '\r' : ''
    const [field] = /^[^:]*: ?/.exec(line) ?? ['']
    return field + translate(line.slice(field.length, line.length - end.length)) + end
  }
  const lines = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      // Only what is new is looked through: a line may come byte by byte.
      const ended = decoder.decode(chunk, { stream: true }).split('\n')
      ended[0] = held + ended[0]!
      held = ended.pop()!
      let text = ended.map((line) => `${shown(line)}\n`).join('')
      if (held.length > MAX_LINE_CHARS) {
        text += shown(held)
        held = ''
      }
      if (text !== '') controller.enqueue(encoder.encode(text))
    },
    flush: (controller) => {
      held += decoder.decode()
      if (held !== '') controller.enqueue(encoder.encode(shown(held)))
    },
  })
  return events.pipeThrough(lines)
}
