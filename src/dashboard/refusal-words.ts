/**
 * A refusal in words. The control plane's own sentences are for programs: in English, with the keys of its JSON. A
 * reader of a page gets the same, told by code and key, in the page's language and a form's units.
 */
import type { PortRefusal } from './port.ts'
import type { Text } from './text/en.ts'
import { zhConfig } from './text/zh-config.ts'

/** What was refused, as a sentence. */
export function refusalWords({ code, message }: PortRefusal, t: Text): string {
  return entryOf(t.refusal.code, code) ?? message
}

/** One thing that was wrong: a field, an action that would be possible, or a key of the configuration. */
export function detailWords({ path, message }: PortRefusal['details'][number], t: Text): string {
  if (path === 'action') return entryOf(t.action, message) ?? message
  return entryOf(t.refusal.field, path) ?? configWords(message, t)
}

/** `a table is needed here (given: 3)`: the sentence is looked up, what was given stays as it was. */
function configWords(message: string, t: Text): string {
  if (t.lang === 'en') return message
  const [, expected, received] = /^Invalid \w+: Expected (.+) but received (.+)$/.exec(message) ?? []
  if (expected !== undefined && received !== undefined) return t.refusal.expected(expected, received)
  const [, sentence = message, given] = /^(.*?)(?: \(given: (.*)\))?$/s.exec(message) ?? []
  const words = entryOf(zhConfig, sentence)
  if (words === null) return message
  return given === undefined ? words : t.refusal.given(words, given)
}

function entryOf(table: Readonly<Record<string, unknown>>, key: string): string | null {
  const words = Object.hasOwn(table, key) ? table[key] : null
  return typeof words === 'string' ? words : null
}
