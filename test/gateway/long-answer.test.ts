/** Answers with a video in them as text: all around it is translated, whatever pieces they come in. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openLongAnswer, translatedAround } from '../../src/gateway/long-answer.ts'

const LONG = 70_000
const translate = (text: string) => text.replaceAll('raw-1', 'slc_own')

function inPieces(text: string, sizes: readonly number[]): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  let [at, i] = [0, 0]
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close()
      const size = sizes[i++ % sizes.length]!
      controller.enqueue(bytes.subarray(at, at + size))
      at += size
    },
  })
}

async function shownOf(text: string, sizes: readonly number[]) {
  const { long, from, start } = await openLongAnswer(inPieces(text, sizes))
  let read: string | null = null
  const body = long ? translatedAround(long, from(start), translate, (all) => void (read = all)) : from(0)
  return { shown: await new Response(body).text(), read: read as string | null }
}

const pieces = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 })
const word = fc.constantFrom('raw-1', '"', '\\', '\\"', 'é', '{[', ']}', '', 'A')

test('hold the client’s id before and behind the video, which stays as it is', async () => {
  const odd = fc.array(word, { maxLength: 4 }).map((words) => words.join(''))
  const cases = fc.record({ before: odd, video: odd, behind: odd, sizes: pieces })
  const check = async ({
    before,
    video,
    behind,
    sizes,
  }: {
    before: string
    video: string
    behind: string
    sizes: number[]
  }) => {
    const job = (film: string) => ({ id: 'raw-1', [before]: [before], data: [{ film }], id2: 'raw-1', behind })
    const film = 'A'.repeat(LONG) + video.replaceAll('raw-1', '')
    const { shown, read } = await shownOf(JSON.stringify(job(film)), sizes)
    expect(shown).toBe(translate(JSON.stringify(job(film))))
    // As text: where a name that is one backslash was parsed before, V8's JSON.parse reads one that is a quote as that.
    expect(read).toBe(JSON.stringify(job('')))
  }
  await fc.assert(fc.asyncProperty(cases, check), { numRuns: 60 })
})

test.each([
  ['no long string', JSON.stringify({ id: 'raw-1', a: 'A'.repeat(10_000) })],
  ['too much before it', JSON.stringify({ id: 'raw-1', a: Array(100_000).fill('raw'), b: 'A'.repeat(LONG) })],
  ['a string that does not end', `{"id":"raw-1","a":"${'A'.repeat(1000)}`],
  ['nothing', ''],
])('are passed on as they came where there is %s', async (_, text) => {
  expect(await shownOf(text, [4096])).toEqual({ shown: text, read: null })
})

test('with a second video hold the client’s id up to that', async () => {
  const text = JSON.stringify({ id: 'raw-1', a: 'A'.repeat(LONG), b: 'raw-1', c: 'C'.repeat(300_000), d: 1 })
  expect(await shownOf(text, [4096])).toEqual({ shown: translate(text), read: null })
})
