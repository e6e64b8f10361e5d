/**
 * Text of any characters. fast-check's own `unit: 'binary'`, and with it its segments of a URL, lists all 1.1 million of
 * them first, in each process: a second and a half of CPU.
 */
import * as fc from 'fast-check'

const SURROGATES = { from: 0xd800, count: 0x800 }
const LAST = 0x10ffff

const anyCharacter = fc.nat({ max: LAST - SURROGATES.count }).map(
  (index) => String.fromCodePoint(index < SURROGATES.from ? index : index + SURROGATES.count),
  (text) => {
    const code = typeof text === 'string' ? text.codePointAt(0) : undefined
    if (code === undefined || text !== String.fromCodePoint(code)) throw new Error('not one character')
    return code < SURROGATES.from ? code : code - SURROGATES.count
  },
)

export function anyText(constraints: fc.StringSharedConstraints = {}): fc.Arbitrary<string> {
  return fc.string({ ...constraints, unit: anyCharacter })
}

/** What may stand between two slashes of a path (`pchar`, RFC 3986 section 3.3). */
export const pathSegment: fc.Arbitrary<string> = fc.string({
  unit: fc.oneof(
    {
      weight: 10,
      arbitrary: fc.constantFrom(
        ..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@".split(''),
      ),
    },
    { weight: 1, arbitrary: anyCharacter.map(escaped) },
  ),
})

function escaped(character: string): string {
  const text = encodeURIComponent(character)
  return text === character ? `%${character.charCodeAt(0).toString(16)}` : text
}
