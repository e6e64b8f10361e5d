/**
 * A secret that is a JSON list of named hashes, read entry by entry: one that is wrong is left out and named, and the
 * others hold. What the entries allow is the callers' business. Issues never quote a secret.
 */
import * as v from 'valibot'
import { fault, issueDetail } from '../config/issue-words.ts'
import { detail, type ErrorDetail } from '../core/errors.ts'

const MAX_ENTRIES = 200
/** A key may be held twice while it is rotated. */
const MAX_OF_ONE_NAME = 2

const NAME = /^[\w.@-]{1,64}$/
const trimmed = v.pipe(v.string(), v.trim())

/** A secret's name and its hash: what stands in place of the secret itself. Blanks around them are cut off. */
export const hashedEntries = {
  name: v.pipe(
    trimmed,
    v.regex(NAME, fault('not_entry_name', 'a name is 1 to 64 letters, digits, ".", "_", "@" or "-"')),
  ),
  sha256: v.pipe(
    trimmed,
    v.regex(/^[0-9a-fA-F]{64}$/, fault('not_sha256', 'its SHA-256 is needed, 64 hex digits')),
    v.toLowerCase(),
  ),
}

export interface Held<T> {
  entries: T[]
  issues: ErrorDetail[]
  /** Nothing of it could be read: it is no JSON list. */
  unreadable: boolean
}

/** The text of the secret `key` → its good entries, none where it is not set. */
export function readHeld<S extends v.GenericSchema<unknown, { name: string }>>(
  key: string,
  secret: string | undefined,
  schema: S,
): Held<v.InferOutput<S>> {
  if (secret === undefined || secret.trim() === '') return { entries: [], issues: [], unreadable: false }
  const given = listOf(secret)
  if (typeof given === 'string') return { entries: [], issues: [detail(key, 'not_json_list', given)], unreadable: true }
  const entries: v.InferOutput<S>[] = []
  const issues: ErrorDetail[] = []
  const held = new Map<string, number>()
  for (const [at, one] of given.slice(0, MAX_ENTRIES).entries()) {
    const read = v.safeParse(schema, one)
    if (!read.success) {
      const found = read.issues.map((issue) => issueDetail(pathOf(key, at, v.getDotPath(issue)), issue, false))
      issues.push(...found.map((each) => leftOut(each, one)))
      continue
    }
    const twins = (held.get(read.output.name) ?? 0) + 1
    held.set(read.output.name, twins)
    if (twins <= MAX_OF_ONE_NAME) entries.push(read.output)
    else {
      const message = 'a name stands twice at most, the new one first'
      issues.push(leftOut(detail(pathOf(key, at, 'name'), 'name_repeated', message), one))
    }
  }
  if (given.length > MAX_ENTRIES) {
    const message = `from here on left out: ${MAX_ENTRIES} entries are taken`
    issues.push(detail(`${key}.${MAX_ENTRIES}`, 'too_many', message, { most: MAX_ENTRIES }))
  }
  return { entries, issues, unreadable: false }
}

/** The list that the text is, or what is wrong with it. */
function listOf(secret: string): unknown[] | string {
  try {
    const given: unknown = JSON.parse(secret)
    return Array.isArray(given) ? given : 'not a JSON list'
  } catch {
    return 'not JSON'
  }
}

function pathOf(...steps: readonly (string | number | null)[]): string {
  return steps.filter((step) => step !== null).join('.')
}

function leftOut(found: ErrorDetail, entry: unknown): ErrorDetail {
  const given = typeof entry === 'object' && entry !== null && 'name' in entry ? entry.name : null
  const name = typeof given === 'string' && NAME.test(given.trim()) ? `"${given.trim()}" is left out: ` : 'left out: '
  return { ...found, message: name + found.message }
}
