/** Values of a table that nothing has validated yet, found by their dotted paths. */
import { isTable } from './fields.ts'

export interface Found {
  /** Dotted, such as `rules.0.when.model`. */
  path: string
  value: unknown
}

/** What stands at `path`; a step `*` is each item of a list, or each key of a table. Nothing where there is nothing. */
export function valuesAt(table: unknown, path: string): Found[] {
  let found: Found[] = [{ path: '', value: table }]
  for (const step of path.split('.'))
    found = found.flatMap((outer) =>
      below(outer.value, step).map(([key, value]) => ({ path: outer.path ? `${outer.path}.${key}` : key, value })),
    )
  return found
}

function below(value: unknown, step: string): [string, unknown][] {
  if (step !== '*') return isTable(value) && value[step] !== undefined ? [[step, value[step]]] : []
  return isTable(value) || Array.isArray(value) ? Object.entries(value) : []
}
