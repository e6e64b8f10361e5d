/** The generated parts of the docs: what is written between the marks, and that nothing is left out unnoticed. */
import { expect, it } from 'vitest'
import { configTables } from '../../scripts/docs/config-tables.ts'
import { markdownTable, withParts } from '../../scripts/docs/markdown.ts'
import { moduleMap } from '../../scripts/docs/module-map.ts'
import { releaseEntries } from '../../src/config/release-schema.ts'

const PAGE = 'Before.\n\n<!-- generated: a -->\nold\n<!-- /generated -->\n\nAfter.\n'

it('replaces what stands between the marks, and nothing else', () => {
  const written = withParts(PAGE, { a: 'new\n' })
  expect(written).toBe('Before.\n\n<!-- generated: a -->\n\nnew\n\n<!-- /generated -->\n\nAfter.\n')
  expect(withParts(written, { a: 'new' })).toBe(written)
})

it('refuses a mark that nothing fills, and a part that has no mark', () => {
  expect(() => withParts(PAGE, {})).toThrow('nothing is generated for the mark a')
  expect(() => withParts(PAGE, { a: 'new', b: 'more' })).toThrow('no mark for b')
})

it('takes types, bounds and defaults of the configuration from its schemas', () => {
  const { 'config-release': release, 'config-shadow': shadow, 'config-arm': arm } = configTables()
  expect(release).toContain('| `window_seconds` | whole number, 1 to 3600 | `60` |')
  expect(release).toContain('| `advance` | `"manual"`, `"auto"` | `"manual"` |')
  expect(release).toContain('| `protocol` | `"openai-videos"`, `"fal"`, `"http"`, `"jobs"` | needed |')
  expect(shadow).toContain('| `sample` | number, 0 to 1 | `1` |')
  expect(arm).toContain('| `timeout` | duration | `"120s"` |')
  for (const key of Object.keys(releaseEntries)) expect(release).toContain(`| \`${key}\` |`)
})

it('draws an arrow for an import of values, and a dotted one where only types are imported', () => {
  const map = moduleMap()
  expect(map).toContain('  worker.ts --> plugin.ts')
  expect(map).not.toMatch(/^ {2}(core|config) --/m)
  expect(map).toMatch(/imported by .*`gateway`/)
})

it('writes a table that Markdown reads', () => {
  expect(markdownTable(['a', 'b'], [['1', '2']])).toBe('| a | b |\n| --- | --- |\n| 1 | 2 |')
})
