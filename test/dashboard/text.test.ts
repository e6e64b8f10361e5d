/** Both languages say everything: types hold the keys together, this holds the words. */
import { expect, test } from 'vitest'
import { en } from '../../src/dashboard/text/en.ts'
import { zh } from '../../src/dashboard/text/zh.ts'

/** Names that are the same in both languages. */
const SHARED = new Set(['arm', 'A/B', '…', 'English', '中文', 'Sluice'])

function leaves(value: unknown, path = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]]
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`))
}

test('both languages have the same keys with the same kinds of value', () => {
  const kinds = (text: object): string[] =>
    leaves(text).map(([path, value]) => `${path}: ${Array.isArray(value) ? 'parts' : typeof value}`)
  expect(kinds(zh).toSorted()).toEqual(kinds(en).toSorted())
})

test('no English words are left in the Chinese text', () => {
  const english = leaves(zh).filter(
    ([path, value]) =>
      typeof value === 'string' &&
      value !== '' &&
      !SHARED.has(value) &&
      !/^(lang|other\.)/.test(path) &&
      !/[\p{Script=Han}。，：、—]/u.test(value) &&
      /[a-z]{4,}/i.test(value),
  )
  expect(english.filter(([path]) => path !== 'system.webhook')).toEqual([])
})
