/** Events and other text on their way to a client: translated line by line, none held back, and ended with their client. */
import { expect, test } from 'vitest'
import { ReceivedHeaders } from '../../src/gateway/asked.ts'
import { isEventStream, translatedAsItComes, translatedEvents } from '../../src/gateway/text-stream.ts'

const bytes = new TextEncoder()
const upper = (text: string) => text.toUpperCase()

/** What comes of these pieces. */
async function shown(...pieces: (string | Uint8Array)[]): Promise<string> {
  const events = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const piece of pieces) controller.enqueue(typeof piece === 'string' ? bytes.encode(piece) : piece)
      controller.close()
    },
  })
  return new Response(translatedEvents(events, upper)).text()
}

test.each([
  [['data: a\n\ndata:b\r\n'], 'data: A\n\ndata:B\r\n'],
  [['da', 'ta: on', 'e\r', '\n', 'id: x:y'], 'data: ONE\r\nid: X:Y'],
  [[': ping\n\n'], ': PING\n\n'],
  [['a word\n'], 'A WORD\n'],
  [[''], ''],
])('%j', async (pieces, expected) => {
  expect(await shown(...pieces)).toBe(expected)
})

test('a character that comes in two pieces is whole', async () => {
  const [first, second] = [bytes.encode('data: ж').slice(0, 7), bytes.encode('data: ж').slice(7)]
  expect(await shown(first, second)).toBe('data: Ж')
})

test('a line without an end is not held for ever', async () => {
  const long = 'x'.repeat(300_000)
  expect(await shown(long, 'y\n')).toBe(`${long.toUpperCase()}Y\n`)
})

test('an event is there before the next one has come, and a client that leaves ends the stream', async () => {
  const { promise: hasLeft, resolve: leave } = Promise.withResolvers<unknown>()
  const events = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytes.encode('data: one\n\n')),
    cancel: leave,
  })
  const reader = translatedEvents(events, upper).getReader()
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: ONE\n\n')
  await reader.cancel('left')
  expect(await hasLeft).toBe('left')
})

test.each([
  ['text/event-stream', true],
  ['Text/Event-Stream; charset=utf-8', true],
  ['text/event-streams', false],
  [null, false],
])('%s', (type, expected) => {
  expect(isEventStream({ get: () => type })).toBe(expected)
})

test.each([
  [200, 'text/plain', 'A: B\nC'],
  [200, 'text/html; charset="UTF-8"', 'A: B\nC'],
  [200, 'text/event-stream', 'a: B\nC'],
  [404, null, 'A: B\nC'],
  [200, null, 'a: b\nc'],
  [404, 'application/octet-stream', 'a: b\nc'],
  // In letters that are none of UTF-8's, or a part whose range its header tells.
  [200, 'text/plain; charset=latin-1', 'a: b\nc'],
  [206, 'text/plain', 'a: b\nc'],
])('%i, %s: %j', async (status, type, expected) => {
  const given = { 'content-length': '6', ...(type === null ? {} : { 'content-type': type }) }
  const headers = new ReceivedHeaders(new Headers(given))
  const { body } = new Response('a: b\nc')
  const shownAs = translatedAsItComes({ status, headers, body }, upper)
  expect(await new Response(shownAs.body).text()).toBe(expected)
  expect(shownAs.headers.has('content-length')).toBe(expected === 'a: b\nc')
})

test.each([
  ['gzip', 'A: B', null],
  ['BR', 'A: B', null],
  // What the platform does not take off is no text.
  ['deflate', 'a: b', 'deflate'],
  ['gzip, zstd', 'a: b', 'gzip, zstd'],
])('in the coding %s: %s', async (coding, expected, shownCoding) => {
  const headers = new ReceivedHeaders(new Headers({ 'content-type': 'text/plain', 'content-encoding': coding }))
  const shownAs = translatedAsItComes({ status: 404, headers, body: new Response('a: b').body }, upper)
  expect(await new Response(shownAs.body).text()).toBe(expected)
  expect(shownAs.headers.get('content-encoding')).toBe(shownCoding)
})
