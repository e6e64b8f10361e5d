/** Which values in an answer can be a job's id at all. */
import { isObject } from './answer-json.ts'

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
