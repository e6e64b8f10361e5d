import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openJson } from '../../src/protocols/body/json.ts'
import { openaiVideos } from '../../src/protocols/openai-videos.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>
const route = openaiVideos.route('POST', '/v1/videos')
const read = (bytes: Uint8Array<ArrayBuffer>) =>
  openaiVideos.readSubmission({ bytes, contentType: 'application/json', search: '' }, route)
const target = { jobIds: new Map<string, string>(), shadow: false }

const refused: [string, Uint8Array<ArrayBuffer>][] = [
  ['nothing', bytesOf('')],
  ['a truncated object', bytesOf('{"prompt":')],
  ['an array', bytesOf('[1,2]')],
  ['a string', bytesOf('"x"')],
  ['null', bytesOf('null')],
  ['NaN', bytesOf('{"seed":NaN}')],
  ['a byte order mark', bytesOf('\ufeff{}')],
  ['a trailing comma', bytesOf('{"a":1,}')],
  ['two values', bytesOf('{}{}')],
  ['invalid UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ['a repeated key', bytesOf('{"model":"a","model":"b"}')],
  ['a key repeated by an escape', bytesOf('{"model":"a","mod\\u0065l":"b"}')],
  ['__proto__', bytesOf('{"__proto__":{"a":1}}')],
  ['a model that is no string', bytesOf('{"model":5}')],
  ['10,000 levels', bytesOf(`{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`)],
  ['a million open brackets', bytesOf('{"a":'.repeat(1_000_000))],
]
test.each(refused)('%s is refused with where and what', (_, bytes) => {
  expect(() => read(bytes)).toThrow(
    expect.objectContaining({ code: 'malformed_body', status: 400, details: [expect.anything()] }),
  )
})

test('brackets inside strings are no nesting', () => {
  expect(read(bytesOf(JSON.stringify({ prompt: `${'['.repeat(5000)}\\"` }))).promptChars).toBe(5002)
})

/** JSON text with free white space, so that places are found and not guessed. */
const space = fc.constantFrom('', ' ', '\n', '\t \r\n')
const objectText = fc
  .array(
    fc.tuple(
      fc.string({ unit: 'grapheme' }).filter((key) => !['model', '__proto__'].includes(key)),
      fc.jsonValue({ maxDepth: 3 }),
      space,
    ),
  )
  .chain((members) =>
    fc.tuple(fc.constant(new Map(members.map(([key, value, gap]) => [key, { value, gap }]))), space, fc.nat()),
  )
  .map(([members, outer, at]) => {
    const texts = [...members].map(
      ([key, { value, gap }]) => `${gap}${JSON.stringify(key)}${gap}:${gap}${JSON.stringify(value, null, gap)}${gap}`,
    )
    const place = at % (texts.length + 1)
    const withModel = (model: string) =>
      `${outer}{${[...texts.slice(0, place), `"model" :${outer}${model}`, ...texts.slice(place)].join(',')}}${outer}`
    return { withModel, texts, place }
  })

test('only the model’s own bytes change, whatever stands around it', () => {
  fc.assert(
    fc.property(
      objectText,
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'grapheme' }),
      ({ withModel }, from, to) => {
        const submission = read(bytesOf(withModel(JSON.stringify(from))))
        expect(submission.model).toBe(from)
        const { bytes } = submission.rebuild({ ...target, model: to })
        expect(new TextDecoder().decode(bytes)).toBe(withModel(JSON.stringify(to)))
      },
    ),
  )
})

test('any members can be taken out, and what is left is the same object without them', () => {
  fc.assert(
    fc.property(objectText, fc.infiniteStream(fc.boolean()), ({ withModel }, picks) => {
      const body = openJson(bytesOf(withModel('"m"')))
      const gone = new Set(body.fields.filter(() => picks.next().value))
      const text = [...body.remove(gone)]
        .toSorted((a, b) => b.start - a.start)
        .reduce(
          (bytes, { start, end }) => Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]),
          Buffer.from(body.bytes),
        )
        .toString()
      const kept = body.fields.filter((field) => !gone.has(field)).map(({ name, value }) => [name, value])
      expect(JSON.parse(text)).toEqual(Object.fromEntries(kept))
    }),
  )
})

test('numbers, escapes and key order survive byte for byte', () => {
  const text = '{"seed":1.0e+3,"2":"\\u7ea2\\/🦊","1":12345678901234567890,"model":"a","big":-0}'
  const { bytes } = read(bytesOf(text)).rebuild({ ...target, model: 'b' })
  expect(new TextDecoder().decode(bytes)).toBe(text.replace('"a"', '"b"'))
})
