/** Figures and tables as the guardrail bench prints them. */
import { wilsonInterval } from '../src/core/stats/proportions.ts'

/** Scaled up, with the 95 % Wilson interval: `25 (4 to 140)`. */
export function per10000(x: number, n: number): string {
  const { low, high } = wilsonInterval({ x, n })
  return `${Math.round((x / n) * 10_000)} (${Math.round(low * 10_000)} to ${Math.round(high * 10_000)})`
}

/** In Markdown, padded to be read as it stands. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length)))
  const line = (row: readonly string[]): string => `| ${widths.map((w, i) => (row[i] ?? '').padEnd(w)).join(' | ')} |`
  return [line(head), `| ${widths.map((w) => '-'.repeat(w)).join(' | ')} |`, ...rows.map(line)].join('\n')
}
