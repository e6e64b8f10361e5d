/** A backend's answer as JSON, where it is any and holds no more than an answer may; and which values in it can be ids. */
import { ANSWER_BOUNDS, membersWithin } from './body/bounds.ts'

/** Undefined for what is no JSON, and for what holds more than an answer may: it is not looked into. */
export function answerJson(text: string): unknown {
  return parsed(text)?.body
}

/** `members`: as they are written. */
function parsed(text: string): { body: unknown; members: number } | null {
  const members = membersWithin(text, ANSWER_BOUNDS)
  if (members === null) return null
  try {
    return { body: JSON.parse(text), members }
  } catch {
    return null
  }
}

/**
 * The text with what `answerJson` reads of it; null where that is nothing. Of a name that stands twice in one object
 * parsers take the last value and some the first: what nobody here has looked at is not shown. Nearly always the very same.
 */
export function withoutRepeats(text: string): string | null {
  const read = parsed(text)
  if (!read) return null
  return read.members === membersOf(read.body) ? text : JSON.stringify(exactJson(text))
}

function membersOf(value: unknown): number {
  if (value === null || typeof value !== 'object') return 0
  const inner: unknown[] = Object.values(value)
  return inner.reduce<number>((sum, each) => sum + membersOf(each), Array.isArray(value) ? 0 : inner.length)
}

/** Not in every library's types yet. */
const { rawJSON } = JSON as unknown as { rawJSON: (source: string) => unknown }

/** For what is shown again: numbers as they were written, since a seed may have more digits than a number of ours holds. */
export function exactJson(text: string): unknown {
  return JSON.parse(text, (_name, value: unknown, context?: { source: string }) =>
    typeof value === 'number' && String(value) !== context!.source ? rawJSON(context!.source) : value,
  )
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** Of an error's place, where something may stand though nothing is wrong: neither `""`, `false` or `0` nor an empty object or list. */
export function saysSomething(error: unknown): boolean {
  return error !== null && typeof error === 'object' ? Object.keys(error).length > 0 : Boolean(error)
}

/** What is longer is no id. */
const MAX_ID_CHARS = 512

/** A job's or another resource's: a string that can be one segment of a path. */
export function isResourceId(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length >= 1 &&
    value.length <= MAX_ID_CHARS &&
    value !== '.' &&
    value !== '..' &&
    value.isWellFormed()
  )
}

/** The id under this name on top of an answer; none where there is no such one. */
export function idsAt(body: unknown, name: string): string[] {
  const id = isObject(body) ? body[name] : null
  return isResourceId(id) ? [id] : []
}
