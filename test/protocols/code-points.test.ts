import { expect, it } from 'vitest'
import { promptChars } from '../../src/protocols/submission/facts.ts'

it('counts a surrogate pair once and each half alone as one, as iteration does', () => {
  const pieces = ['a', 'é', '😀', '\ud83d', '\ude00']
  let texts = ['']
  for (let length = 0; length < 5; length++) {
    texts = texts.flatMap((text) => pieces.map((piece) => text + piece))
    for (const text of texts) expect(promptChars(text)).toBe(Array.from(text).length)
  }
})
