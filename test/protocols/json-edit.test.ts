import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editJson } from '../../src/protocols/body/json-text.ts'

const same = { key: (path: readonly string[]) => path.at(-1) ?? '', text: (text: string) => text }
const without = (...names: string[]) => ({
  key: (path: readonly string[]) => (names.includes(path.at(-1) ?? '') ? null : (path.at(-1) ?? '')),
  text: (text: string) => (names.includes(text) ? null : text),
})

test('what nobody changes stays byte for byte', () => {
  const text = ' {"seed":9223372036854775807,"a":1.0 , "b":[ -0,1e+3,"\\u00e9\\/", { } ,[ ] ],"a":null}\n'
  expect(editJson(text, same)).toBe(text)
})

test('a string or key that changes is written anew, and nothing else', () => {
  const shout = { ...same, text: (text: string) => (text === 'a' ? 'A"\n' : text) }
  expect(editJson('["a", "\\u0061" ,{"a":"a", "b":"\\u0062"}]', shout)).toBe(
    '["A\\"\\n", "A\\"\\n" ,{"a":"A\\"\\n", "b":"\\u0062"}]',
  )
  expect(editJson('"a"', shout)).toBe('"A\\"\\n"')
})

test.each([
  ['{"x":1,"a":2}', '{"a":2}'],
  ['{"a":1 , "x":[1,{"b":2}] }', '{"a":1 }'],
  ['{ "x":1, "x":"x" , "a":3 , "x":4,"b":"x"}', '{ "a":3}'],
  ['{"x":1,"x":2}', '{}'],
  ['["x" , 1,"x"]', '[1]'],
  ['[ "x" ]', '[  ]'],
  ['[["x"],{"x":{"a":"x"}},[1, "x"]]', '[[],{},[1]]'],
  ['{"a":{"b":"x","c":1},"d":["x","x"]}', '{"a":{"c":1},"d":[]}'],
])('%s without x is %s', (text, expected) => {
  expect(editJson(text, without('x'))).toBe(expected)
})

test('the keys down to a string are told, through arrays', () => {
  const seen: string[] = []
  const text = (value: string, path: readonly string[]) => (seen.push(`${path.join('.')}=${value}`), value)
  editJson('{"a":[{"b":"1"},"2",[["3"]]],"c":{"d":{}},"e":"4"}', { ...same, text })
  expect(seen).toEqual(['a.b=1', 'a=2', 'a=3', 'e=4'])
})

test('however deep it nests', () => {
  const deep = `${'[{"a":'.repeat(200_000)}"x"${'}]'.repeat(200_000)}`
  expect(editJson(deep, without('x'))).toBe(deep.replace('"a":"x"', ''))
})

test('an edit of any JSON is the same edit of its value', () => {
  const names = fc.constantFrom('x', 'a', 'é"', '\\', '', 'b')
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, fc.integer(), names, fc.constant(null), tie('array'), tie('object')),
    array: fc.array(tie('value'), { maxLength: 4 }),
    object: fc.dictionary(names, tie('value'), { maxKeys: 5 }),
  }))
  const edited = (from: unknown): unknown => {
    if (from === 'a') return 'A\\"'
    if (Array.isArray(from)) return from.filter((item) => item !== 'x').map(edited)
    if (from === null || typeof from !== 'object') return from
    const kept = Object.entries(from).filter(([key, item]) => key !== 'x' && item !== 'x')
    return Object.fromEntries(kept.map(([key, item]) => [key === 'b' ? 'B' : key, edited(item)]))
  }
  const editor = {
    key: (path: readonly string[]) => {
      const name = path.at(-1) ?? ''
      return name === 'x' ? null : name === 'b' ? 'B' : name
    },
    text: (text: string) => (text === 'x' ? null : text === 'a' ? 'A\\"' : text),
  }
  const nested = fc.record({ top: fc.oneof(fc.array(value), fc.dictionary(names, value)) })
  fc.assert(
    fc.property(nested, fc.constantFrom(0, 2), ({ top }, indent) => {
      expect(JSON.parse(editJson(JSON.stringify(top, null, indent), editor))).toEqual(edited(top))
    }),
  )
})
