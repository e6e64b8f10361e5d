/** The picture in CONTRIBUTING.md: which module of src imports which, as Mermaid, read from the imports themselves. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'

const SRC = join(import.meta.dirname, '..', '..', 'src')
const IMPORT = /^(?:import|export)( type)?\s[^'"]*?from '(\.{1,2}\/[^']+)'/gm
/** Nearly everybody imports these two, which would hide the rest. */
const GROUND: readonly string[] = ['core', 'config']

interface Arrow {
  from: string
  to: string
  /** Only types are imported. */
  isTypes: boolean
}

export function moduleMap(): string {
  const arrows = allArrows()
  const drawn = arrows.filter(({ to }) => !GROUND.includes(to))
  const onGround = (ground: string) => names(arrows.filter(({ to }) => to === ground).map(({ from }) => from))
  const lines = drawn.map(({ from, to, isTypes }) => `  ${from} ${isTypes ? '-.->' : '-->'} ${to}`)
  return [
    '```mermaid',
    'flowchart TD',
    ...lines,
    '```',
    '',
    'An arrow leads from who imports to what is imported; dotted where only types are.',
    ...GROUND.map((ground) => `Not drawn: \`${ground}\`, imported by ${onGround(ground)}.`),
  ].join('\n')
}

function allArrows(): Arrow[] {
  const found = new Map<string, Arrow>()
  for (const file of readdirSync(SRC, { recursive: true, encoding: 'utf8' })) {
    if (!/\.tsx?$/.test(file)) continue
    const path = join(SRC, file)
    for (const [, type, target] of readFileSync(path, 'utf8').matchAll(IMPORT)) {
      const [from, to] = [roomOf(path), roomOf(resolve(path, '..', target!))]
      // Files outside of src, such as package.json, are no modules.
      if (from === to || to.startsWith('..')) continue
      const known = found.get(`${from} ${to}`)
      found.set(`${from} ${to}`, { from, to, isTypes: type !== undefined && (known?.isTypes ?? true) })
    }
  }
  return [...found.values()].toSorted((a, b) => order(a) - order(b) || compare(a.from, b.from) || compare(a.to, b.to))
}

/** The two files at the top first, as the picture is read from there. */
function order({ from }: Arrow): number {
  return ['worker.ts', 'plugin.ts'].indexOf(from) + 1 || 3
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function roomOf(path: string): string {
  return relative(SRC, path).split(sep)[0]!
}

function names(modules: readonly string[]): string {
  const all = modules.map((module) => `\`${module}\``)
  return all.length > 1 ? `${all.slice(0, -1).join(', ')} and ${all.at(-1)}` : all.join('')
}
