/** docs/errors.md has a heading for each error code and no other, and errors name theirs. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ERROR_CODES, SluiceError } from '../../src/core/errors.ts'

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
/** Heading → the text below it. */
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section) => [
      section.slice(0, section.indexOf('\n')),
      section.slice(section.indexOf('\n')).split('\n## ')[0]!,
    ]),
)

describe('docs/errors.md', () => {
  it('has one heading for each code, and none for anything else', () => {
    expect([...sections.keys()]).toEqual(ERROR_CODES)
  })

  it.each(ERROR_CODES)('says of %s what it means and whether to retry', (code) => {
    expect(sections.get(code)).toMatch(/^\s+\S[\s\S]{30,}Retry: \w/)
  })
})

it.each(ERROR_CODES)('an error body of %s names its heading', (code) => {
  expect(new SluiceError(code, 'no').body('req-1').error.docs).toBe(`docs/errors.md#${code}`)
})
