/** A positive number of a submit, however its encoding writes it. */

const DECIMAL = /^\s*\d{1,12}(\.\d{1,9})?\s*$/

/** A number, or the same as text; null for anything else. */
export function positive(value: unknown): number | null {
  const number =
    typeof value === 'string' && DECIMAL.test(value) ? Number(value) : typeof value === 'number' ? value : 0
  return number > 0 && number < Number.MAX_SAFE_INTEGER ? number : null
}
