/** Texts for readers that must not be dear: long runs, nesting without end, JSON in text in JSON. Made of a few words, so that they shrink. */
import * as fc from 'fast-check'

const UNITS = [
  ...['a', 'A', '1', ' ', '\t', '\n', '.', '-', '_', ':', ',', '"', "'", '\\', '/', '//', '%', '=', ';', '@', '?', '#'],
  ...['[', '{', ']', '}', '[[', '{"a":', '{"a":[', '"slc",', '"x",', '1,', 'a:', '\\u0061', '\\"', '\\\\', '[a]', '&a'],
  ...['http://', 'https://h/', '%2f%2f', '%3a', '/v1/videos', '/v1/videos/a', '/..', '_url', 's3://', 'slc_', '_slc'],
  ...[
    '\r\n',
    '--',
    '\r\n--b',
    '\r\n--b ',
    'name="',
    '; a=b',
    '\u00e9',
    '\u{1f98a}',
    '\ufdfa',
    '\u2028',
    'video_gen_77',
  ],
  ...['(given: ', 'https', 'bucket_', 'image', 'aB', 'content-length:'],
]

/** Up to `size` characters of a few units, one run after the other. */
export function longRuns(size: number): fc.Arbitrary<string> {
  const run = fc.tuple(fc.constantFrom(...UNITS), fc.integer({ min: 0, max: 8 }))
  return fc.array(run, { minLength: 1, maxLength: 4 }).map((runs) => {
    const whole = runs.reduce((sum, [, weight]) => sum + weight, 0) || 1
    return runs.map(([unit, weight]) => repeated(unit, (size * weight) / whole)).join('')
  })
}

/** Valid JSON: `depth` levels around many values, a key or none on each. */
export function nestedJson(size: number): fc.Arbitrary<string> {
  const items = fc.constantFrom(
    '"slc"',
    '"s3://a"',
    '{}',
    '[]',
    '1',
    '"x"',
    '{"id":"slc_a"}',
    '"http://10.0.0.7:8000/a"',
  )
  const keys = fc.constantFrom('a', 'id', 'image', 'webhook', 'prompt', null)
  return fc
    .tuple(items, keys, fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean())
    .map(([item, key, share, long]) => {
      const [open, close] = key === null ? ['[', ']'] : [`{"${key}":`, '}']
      const depth = Math.floor((size * share) / (open.length + close.length))
      const list = `[${Array.from({ length: (size * (1 - share)) / (item.length + 1) }, () => item).join(',')}]`
      const inner = long ? `{"${repeated('n', size / 4)}":${list}}` : list
      return open.repeat(depth) + inner + close.repeat(depth)
    })
}

/** JSON that holds the text, and is text in JSON again, some times over. */
export function inJson(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(text, fc.integer({ min: 0, max: 8 })).map(([inner, times]) => {
    let whole = inner
    for (let i = 0; i < times && whole.length < 4 * inner.length + 1000; i++)
      whole = JSON.stringify(i % 2 ? [whole] : { x: whole })
    return whole
  })
}

export function oddText(size: number): fc.Arbitrary<string> {
  return fc.oneof(longRuns(size), nestedJson(size), inJson(fc.oneof(longRuns(size), nestedJson(size))))
}

export function repeated(unit: string, chars: number): string {
  return unit.repeat(Math.floor(chars / unit.length))
}
