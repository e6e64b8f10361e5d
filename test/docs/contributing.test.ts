/** The diffs that CONTRIBUTING shows are of code that is there. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const SHOWN = /^--- \/dev\/null\n\+{3} b\/(\S+)\n([\s\S]*?)^```/gm

it('each new file that it shows stands in src like that, line by line, but for what is left out', () => {
  const diffs = [...readFileSync('CONTRIBUTING.md', 'utf8').matchAll(SHOWN)]
  expect(diffs.length).toBeGreaterThan(0)
  for (const [, path = '', diff = ''] of diffs) {
    if (path.includes('guardrails/')) continue
    const source = readFileSync(path, 'utf8')
    for (const piece of diff.split(/^…$/m)) expect(source).toContain(piece.replaceAll(/^\+/gm, '').trim())
  }
})
