/** UTF-8 without the platform: the same bytes as the platform's own. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyText } from '../support/any-text.ts'
import { utf8Bytes } from '../../src/core/utf8.ts'

test('any text has the bytes that a TextEncoder gives it', () => {
  const texts = fc.oneof(fc.string(), anyText(), fc.constantFrom('', '\u007f', '\u0080', 'a\ud800b'))
  fc.assert(
    fc.property(texts, (text) => {
      expect(utf8Bytes(text)).toEqual(new TextEncoder().encode(text))
    }),
  )
})
