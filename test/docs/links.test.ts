/** Links of the docs inside the project lead to a file, and those to a heading to one that is there. */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PAGES = globSync(['*.md', '{docs,deploy,examples}/**/*.md'], { cwd: ROOT, exclude: ['**/node_modules/**'] })

/** As hosts make them: lower case, blanks to hyphens, no punctuation but hyphens and underscores. */
function anchorsOf(page: string): string[] {
  const text = readFileSync(page, 'utf8').replace(/^```[\s\S]*?^```/gm, '')
  return Array.from(text.matchAll(/^#+ (.+)$/gm), ([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function brokenLinks(file: string): string[] {
  const page = join(ROOT, file)
  const text = readFileSync(page, 'utf8').replace(/^```[\s\S]*?^```/gm, '')
  const links = Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link!)
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : join(dirname(page), path)
      return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
    })
}

describe('links', () => {
  it.each(PAGES)('of %s lead somewhere', (file) => {
    expect(brokenLinks(file)).toEqual([])
  })
})

it('the files that docs/security.md names for its bounds are there', () => {
  const named = readFileSync(join(ROOT, 'docs/security.md'), 'utf8').match(/`src\/[^`]+\.ts`/g) ?? []
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter((file) => !existsSync(join(ROOT, file.slice(1, -1))))).toEqual([])
})

it('each decision is in the list of decisions', () => {
  const records = readdirSync(`${ROOT}docs/decisions`).filter((file) => /^\d/.test(file))
  const list = readFileSync(`${ROOT}docs/decisions/README.md`, 'utf8')
  expect(Array.from(list.matchAll(/\((\d\d-[^)]+)\)/g), ([, file]) => file).sort()).toEqual(records.sort())
})

it('the workflow of a public host runs each check of .ci/run', () => {
  const checks = Array.from(readFileSync(`${ROOT}.ci/run`, 'utf8').matchAll(/^check (\S+)$/gm), ([, script]) => script)
  const workflow = readFileSync(`${ROOT}.github/workflows/ci.yml`, 'utf8')
  const matrix = /script: \[(.+)\]/
    .exec(workflow)?.[1]
    ?.split(', ')
    .map((script) => script.replaceAll("'", ''))
  expect(checks.length).toBeGreaterThan(4)
  expect(matrix).toEqual(checks)
})
