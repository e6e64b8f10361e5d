/**
 * A refusal in words. The control plane's own sentences are for programs: in English, with the keys of its JSON. A
 * reader of a page gets the same, told by code and key, in the page's language and a form's units.
 */
import type { Detail } from '../api/index.ts'
import type { Text } from './text/index.ts'

/** Of a SluiceError, or of an answer that was one. `path` of a detail is a dotted key of what was sent: `guardrails.0.max`. */
export interface Refusal {
  code: string
  message: string
  details: Detail[]
}

/** What was refused, and what could be done instead. */
export function refusalWords({ code, message, details }: Refusal, t: Text): string {
  const legal = details
    .flatMap((detail) => legalAction(detail) ?? [])
    .map((action) => entryOf(t.action, action) ?? action)
  const instead = legal.length > 0 ? t.refusal.possible(legal.join(t.sentence.comma)) : ''
  return (entryOf(t.refusal.code, code) ?? message) + instead
}

/** What was wrong, one by one: a field, or a key of the configuration. */
export function wrongs({ details }: Refusal, t: Text): { path: string; words: string }[] {
  return details
    .filter((detail) => legalAction(detail) === null)
    .map((detail) => ({ path: detail.path, words: entryOf(t.refusal.field, detail.path) ?? t.refusal.key(detail) }))
}

function legalAction({ code, params }: Detail): string | null {
  return code === 'legal_action' ? String(params['action']) : null
}

function entryOf(table: Readonly<Record<string, unknown>>, key: string): string | null {
  const words = Object.hasOwn(table, key) ? table[key] : null
  return typeof words === 'string' ? words : null
}
