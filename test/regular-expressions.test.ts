/** No regular expression of ours takes more than a constant time for each character, whatever it is given. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { checkSync } from 'recheck'
import recheck from 'recheck/package.json' with { type: 'json' }
import { beforeAll, expect, test } from 'vitest'
import { regularExpressionsIn } from './support/regular-expressions.ts'

const SRC = join(import.meta.dirname, '../src')
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(ts|tsx|js|mjs)$/.test(file))
  .toSorted()
const written = files.flatMap((file) =>
  regularExpressionsIn(file, readFileSync(join(SRC, file), 'utf8')).map((each) => ({ file, ...each })),
)

/**
 * Those that were judged linear, under the version of recheck that did. Judging all takes half a minute: what stands
 * here is judged again when that version changes, and by `npm run test:explore`, whose `-- -u` writes this file.
 */
const RECORD = join(import.meta.dirname, 'vectors/linear-expressions.txt')
const version = `recheck ${recheck.version}`
const [recordedBy, ...recorded] = readFileSync(RECORD, 'utf8').split('\n')
const isExploring = Boolean(process.env['SLUICE_EXPLORE'])
const known: ReadonlySet<string> = new Set(recordedBy === version && !isExploring ? recorded : [])

let check: typeof checkSync
beforeAll(async () => {
  // Its own JavaScript, on every machine the same.
  process.env['RECHECK_SYNC_BACKEND'] = 'pure'
  check = (await import('recheck')).checkSync
})

/**
 * What look-around hides from the proof is searched for slow inputs, from the same seed each time. A try ends after so many
 * steps and not after a time, which would count as slow whatever a busy machine did not get done in it.
 */
const judged = (pattern: string, flags: string) =>
  check(pattern, flags, { randomSeed: 1, timeout: 60_000, attackTimeout: null, incubationTimeout: null })

test.each([
  ['a run that is tried from each of its characters', '([\\w-]+)["\']?\\s*:', 'g'],
  ['two runs that share their characters', '^[+-]?(\\d+\\.?\\d*|\\.\\d+)$', ''],
  ['blanks before an end', '\\s+$', ''],
  ['a repetition in a repetition, behind a look', '(?<!x)^(a|a)*$', ''],
])('the check finds %s', (_, pattern, flags) => {
  expect(judged(pattern, flags).status).toBe('vulnerable')
})

test('those of src are all literals: what is made at run time nobody can judge', () => {
  expect(written.length).toBeGreaterThan(100)
  expect(written.filter(({ literal }) => !literal).map(({ file, line, code }) => `${file}:${line} ${code}`)).toEqual([])
})

test('no literal in src is slower than linear', async () => {
  const slow = written.flatMap(({ file, line, literal, code }) => {
    if (!literal || known.has(code)) return []
    const found = judged(literal.pattern, literal.flags)
    if (found.status === 'safe') return []
    const why = found.status === 'vulnerable' ? found.complexity.summary : found.status
    return [`${file}:${line} ${code}: ${why}`]
  })
  expect(slow).toEqual([])
  const codes = [...new Set(written.map(({ code }) => code))].toSorted((a, b) => (a < b ? -1 : 1))
  if (isExploring) await expect([version, ...codes, ''].join('\n')).toMatchFileSnapshot(RECORD)
}, 300_000)
