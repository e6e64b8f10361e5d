/** What is worked out once, and when it is worked out again. */
import { expect, test } from 'vitest'
import { rememberedBy } from '../../src/core/remembered.ts'

function counted() {
  const asked: string[] = []
  const answer = rememberedBy({ entries: 2, chars: 3 }, (by: { name: string }, text) => {
    asked.push(text)
    return `${by.name}:${text}`
  })
  return { asked, answer }
}

test('the same question of the same is worked out once', () => {
  const { asked, answer } = counted()
  const [a, b] = [{ name: 'a' }, { name: 'b' }]
  expect([answer(a, 'x'), answer(a, 'x'), answer(b, 'x'), answer(a, '')]).toEqual(['a:x', 'a:x', 'b:x', 'a:'])
  expect(asked).toEqual(['x', 'x', ''])
})

test('long texts are not kept, and no more than so many', () => {
  const { asked, answer } = counted()
  const a = { name: 'a' }
  for (const text of ['long', 'long', 'x', 'y', 'z', 'z', 'x']) expect(answer(a, text)).toBe(`a:${text}`)
  expect(asked).toEqual(['long', 'long', 'x', 'y', 'z', 'x'])
})
