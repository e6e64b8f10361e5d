/** The regular expressions that source files write, as literals or as `new RegExp(…)`, found by parsing and not by search. */
import { parseSync } from 'oxc-parser'

export interface Written {
  line: number
  /** Null where it is made at run time, so that its text can't be read. */
  literal: { pattern: string; flags: string } | null
  code: string
}

type Node = { type?: unknown; start?: unknown; end?: unknown } & Record<string, unknown>

export function regularExpressionsIn(fileName: string, source: string): Written[] {
  const { program, errors } = parseSync(fileName, source)
  if (errors.length > 0) throw new Error(`${fileName}: ${errors[0]?.message}`)
  const found: Written[] = []
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) for (const each of node) visit(each)
    else if (node !== null && typeof node === 'object') {
      const literal = literalOf(node as Node)
      if (literal || makesOne(node as Node)) {
        const { start, end } = node as { start: number; end: number }
        found.push({ line: source.slice(0, start).split('\n').length, literal, code: source.slice(start, end) })
      }
      for (const child of Object.values(node)) visit(child)
    }
  }
  visit(program)
  return found
}

function literalOf({ type, regex }: Node): Written['literal'] {
  return type === 'Literal' && regex ? (regex as Written['literal']) : null
}

/** `RegExp(…)` too. */
function makesOne({ type, callee }: Node): boolean {
  return (type === 'NewExpression' || type === 'CallExpression') && (callee as Node)['name'] === 'RegExp'
}
