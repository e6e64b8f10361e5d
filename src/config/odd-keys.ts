/**
 * What JSON may hold and no table of ours: keys that JavaScript has a meaning for, which schemas pass over unseen, and
 * nesting without end. Asked of whatever comes from outside, before anything else walks down it.
 */
import { detail, type ErrorDetail } from '../core/errors.ts'
import { faultDetail, UNKNOWN_KEY } from './issue-words.ts'

const ODD_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])
/** Levels of lists and tables; no configuration, command or row needs ten. */
const MAX_DEPTH = 32
/** One mistake is as good as a thousand. */
const MAX_REPORTED = 20

/** `tooDeep`: nested so deep that nothing may walk down it. Costs no more than the value's size, and no stack. */
export function odditiesOf(given: unknown): { issues: ErrorDetail[]; tooDeep: boolean } {
  const issues: ErrorDetail[] = []
  const open: { value: unknown; path: string; depth: number }[] = [{ value: given, path: '', depth: 0 }]
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, path, depth } = next
    if (typeof value !== 'object' || value === null) continue
    if (depth === MAX_DEPTH) return { issues: [tooDeep(path)], tooDeep: true }
    for (const [key, inner] of Object.entries(value)) {
      const at = path === '' ? key : `${path}.${key}`
      if (!ODD_KEYS.has(key)) open.push({ value: inner, path: at, depth: depth + 1 })
      else if (issues.length < MAX_REPORTED) issues.push(faultDetail(at, UNKNOWN_KEY))
    }
  }
  return { issues, tooDeep: false }
}

function tooDeep(path: string): ErrorDetail {
  return detail(path, 'too_deep', `nested deeper than ${MAX_DEPTH} levels`, { levels: MAX_DEPTH })
}

/** The value without such keys, and with null for what is nested too deep: fit to be shown. */
export function withoutOddities(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth === MAX_DEPTH) return null
  if (Array.isArray(value)) return value.map((inner) => withoutOddities(inner, depth + 1))
  const kept = Object.entries(value).filter(([key]) => !ODD_KEYS.has(key))
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutOddities(inner, depth + 1)]))
}
