/** Generated parts of Markdown files: where they stand, and how a table is written. */

/** Each part stands between `<!-- generated: ID -->` and `<!-- /generated -->`. */
const PART = /(<!-- generated: (\S+) -->\n)[\s\S]*?(<!-- \/generated -->)/g

/** The text with each marked part as it should be. Throws for a mark that nobody fills, and for a part without a mark. */
export function withParts(text: string, parts: Readonly<Record<string, string>>): string {
  const unused = new Set(Object.keys(parts))
  const filled = text.replace(PART, (_all, start: string, id: string, end: string) => {
    const part = parts[id]
    if (part === undefined) throw new Error(`nothing is generated for the mark ${id}`)
    unused.delete(id)
    return `${start}\n${part.trim()}\n\n${end}`
  })
  if (unused.size > 0) throw new Error(`no mark for ${[...unused].join(', ')}`)
  return filled
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

export function code(text: string): string {
  return `\`${text}\``
}
