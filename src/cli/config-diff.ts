/** What one version of the live configuration changed, or would, key by key. */
import type { ChangedKey } from '../api/changes.ts'
import { table } from './table.ts'
import type { Style } from './terminal.ts'
import { written } from './words.ts'

export function diffTable(diff: ChangedKey[], style: Style): string[] {
  return table(
    diff.flatMap(({ key, from, to }) => [
      [`  ${key}`, style.dim('from'), sourced(from)],
      ['', style.yellow('to'), sourced(to)],
    ]),
  )
}

function sourced({ value, source }: ChangedKey['from']): string {
  return source === 'live' ? written(value) : `${written(value)} (${source})`
}
