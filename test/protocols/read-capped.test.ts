/** Answers that hold a video as text: read for what else they say, in any pieces, at the cost of what is kept of them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LongStrings, readJson } from '../../src/protocols/read-capped.ts'
import { cases } from '../support/property-cases.ts'

const CAP = 64 * 1024
const answer = (body: BodyInit) => new Response(body)

/** What is left of bytes that come in pieces of these sizes, one after the other. */
function cut(text: string, sizes: readonly number[]): string {
  const bytes = new TextEncoder().encode(text)
  const strings = new LongStrings()
  const kept: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!
    kept.push(strings.cut(bytes.slice(at, at + size)))
    at += size
  }
  return new TextDecoder().decode(Buffer.concat(kept))
}

describe('an answer with a video in it', () => {
  test.each([100_000, 9_000_000])('of %i characters is read as any other', async (chars) => {
    const video = 'A'.repeat(chars)
    const job = {
      id: 'v',
      status: 'completed',
      data: [{ b64_json: video, fps: 16 }],
      log: `"\\" ${video}`,
      error: null,
    }
    const read = (await readJson(answer(JSON.stringify(job)), CAP)) as typeof job
    expect(read).toMatchObject({ id: 'v', status: 'completed', data: [{ fps: 16 }], error: null })
    expect(read.data[0]!.b64_json.length).toBeLessThan(CAP)
  })

  test('is not read where it is longer without its strings, or does not end', async () => {
    expect(await readJson(answer(JSON.stringify(Array(CAP).fill(1))), CAP)).toBeUndefined()
    let blocks = 0
    const pull = (stream: ReadableStreamDefaultController<Uint8Array>) => {
      stream.enqueue(new TextEncoder().encode(blocks++ === 0 ? '{"a":"' : 'A'.repeat(1024 * 1024)))
    }
    expect(await readJson(answer(new ReadableStream({ pull })), CAP)).toBeUndefined()
    expect(blocks).toBeLessThan(100)
  })
})

describe('what is left of long strings', () => {
  test('is JSON, whatever stands where they are cut and wherever the pieces end', () => {
    const piece = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('"', '\\', '\u0000', '\ud83e', '雨', '\\u12'))
    const long = fc.tuple(piece, fc.nat(40)).map(([text, n]) => 'A'.repeat(16_384 - n) + text.repeat(60) + 'tail')
    const json = fc.array(fc.oneof(long, fc.jsonValue()), { maxLength: 2 })
    const sizes = fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 3, maxLength: 5 })
    fc.assert(
      fc.property(json, sizes, fc.boolean(), (values, pieces, isAscii) => {
        const text = JSON.stringify(values)
        const source = isAscii
          ? text.replaceAll(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
          : text
        const left = JSON.parse(cut(source, pieces)) as unknown[]
        expect(left).toHaveLength(values.length)
        for (const [i, value] of values.entries()) {
          if (typeof value === 'string' && value.length > 8000) expect((left[i] as string).length).toBeLessThan(16_400)
          else expect(left[i]).toEqual(JSON.parse(JSON.stringify(value)))
        }
      }),
      cases(50),
    )
  })

  test('is all where none is long', () => {
    fc.assert(
      fc.property(fc.json(), fc.integer({ min: 1, max: 50 }), (text, size) => {
        expect(cut(text, [size])).toBe(text.toWellFormed())
      }),
    )
  })
})
