/**
 * What a shadow's copy of a submit leaves out: fields that would make it act on the client's
 * behalf. Everything else stays byte for byte.
 */
import type { Field } from '../body/form-body.ts'
import { editJson } from '../body/json-edit.ts'
import { isJson, looksLikeJson } from '../body/json-text.ts'
import { PROMPTS } from '../member-names.ts'
import { actsForClient, isStoreTarget } from './acting-fields.ts'
import { pathOf } from './field-path.ts'

/** A name in text that looks like JSON but does not read as such. */
const NAMES = /([\w-]+)["']?\s*:/g

/** Whether the whole field goes, by its name (`metadata[a]` too) or by the store that it names. */
export function isLeftOut({ name, value }: Field): boolean {
  const path = pathOf(name)
  return path.some(actsForClient) || (typeof value === 'string' && isTarget(value, path))
}

/**
 * Text without such fields where it is JSON: in objects at any depth, in JSON held as text. What looks like JSON,
 * can't be read and names such a field becomes an empty object. `path`: the keys down to it.
 */
export function shadowText(text: string, path: readonly string[]): string {
  if (isPrompt(path) || !looksLikeJson(text)) return text
  if (!isJson(text)) return namesIn(text).some(actsForClient) ? '{}' : text
  return editJson(text, {
    key: (below) => (actsForClient(below.at(-1) ?? '') ? null : (below.at(-1) ?? '')),
    text: (inner, below) => {
      const all = [...path, ...below]
      return isTarget(inner, all) ? null : shadowText(inner, all)
    },
  })
}

function isTarget(value: string, path: readonly string[]): boolean {
  return !isPrompt(path) && isStoreTarget(value, path)
}

/** Text of people, even where it looks like something else. */
function isPrompt(path: readonly string[]): boolean {
  return PROMPTS.has(path.at(-1) ?? '')
}

function namesIn(text: string): string[] {
  return Array.from(text.matchAll(NAMES), (match) => match[1] ?? '')
}
