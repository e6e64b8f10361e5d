/**
 * `npm run docs` writes what the docs say of schemas, routes, commands, error codes and imports; the rest of those
 * files is written by hand. With `--check` nothing is written, and the exit code is 1 where a file is not up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiReference } from './docs/api-reference.ts'
import { cliReference } from './docs/cli-reference.ts'
import { editorSchema } from './docs/config-schema.ts'
import { configTables } from './docs/config-tables.ts'
import { errorTable } from './docs/error-table.ts'
import { withParts } from './docs/markdown.ts'
import { moduleMap } from './docs/module-map.ts'

const ROOT = join(import.meta.dirname, '..')
const isCheck = process.argv.includes('--check')

const tables = Object.entries(configTables())
const isOfWire = ([id]: [string, string]) => id.startsWith('config-wire')

const pages: Record<string, Record<string, string>> = {
  'docs/configure.md': Object.fromEntries(tables.filter((table) => !isOfWire(table))),
  'docs/protocols/jobs.md': Object.fromEntries(tables.filter(isOfWire)),
  'docs/api.md': await apiReference(),
  'docs/cli.md': { 'cli-commands': cliReference() },
  'docs/errors.md': { 'error-codes': errorTable() },
  'CONTRIBUTING.md': { 'module-map': moduleMap() },
}
const files: [string, (before: string) => string][] = [
  ...Object.entries(pages).map(([file, parts]): [string, (before: string) => string] => [
    file,
    (before) => withParts(before, parts),
  ]),
  ['docs/wrangler.schema.json', () => `${JSON.stringify(editorSchema(), null, 2)}\n`],
]

const stale = files.filter(([file, generate]) => {
  const path = join(ROOT, file)
  const before = readFileSync(path, 'utf8')
  const after = generate(before)
  if (after === before) return false
  if (!isCheck) writeFileSync(path, after)
  return true
})
for (const [file] of stale) console.log(isCheck ? `${file} is not up to date: run npm run docs` : `wrote ${file}`)
if (isCheck && stale.length > 0) process.exitCode = 1
