/** Both languages say everything: types hold the texts together, this holds their words. */
import { expect, test } from 'vitest'
import { zh } from '../../src/dashboard/text/index.ts'

/** Names that are the same in both languages. */
const SHARED = new Set(['arm', 'A/B', '…', 'English', '中文', 'Sluice'])

function leaves(value: unknown, path = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]]
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`))
}

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
