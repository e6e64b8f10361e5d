import { expect, it } from 'vitest'
import { base64url, fromBase64url } from '../../src/core/base64url.ts'

it('writes every length as RFC 4648 section 5 does, and reads it back', () => {
  for (let length = 0; length < 70; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (length * 37 + i * 101) & 0xff)
    const text = base64url(bytes)
    expect(text).toBe(Buffer.from(bytes).toString('base64url'))
    expect(fromBase64url(text)).toEqual(bytes)
  }
})

it('uses the alphabet that is safe in a path', () => {
  expect(base64url(Uint8Array.of(0xfb, 0xef, 0xbe, 0xff, 0xff))).toBe('----__8')
})
