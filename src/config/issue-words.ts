/** Issues of valibot's schemas in plain words. A message that a schema gives itself is left as it is. */
import type * as v from 'valibot'

export const MISSING_KEY = 'missing: this key is needed'
export const UNKNOWN_KEY = 'unknown key: take it out or correct its spelling'

/** `a number is needed, not "x"`; with `tells` false not what was given, which may be a secret by mistake. */
export function issueWords(issue: v.BaseIssue<unknown>, tells = true): string {
  const { expected, received, message } = issue
  const label = /^Invalid (.+?): (?:Expected|Received) /.exec(message)?.[1]
  if (label === undefined) return message
  const isMissing = received === 'undefined'
  // Of an object these two tell that a key of it is unknown or missing; the path names which.
  if (label === 'key') return isMissing ? MISSING_KEY : UNKNOWN_KEY
  const given = tells ? (GIVEN[received] ?? (received.length > 80 ? `${received.slice(0, 80)}…` : received)) : null
  if (expected === null) return given === null ? `not a valid ${label}` : `not a valid ${label}: ${given}`
  const rule = ruleWords(expected, label === 'length' ? (typeof issue.input === 'string' ? 'character' : 'item') : null)
  if (isMissing) return `missing: ${rule}`
  return given === null ? rule : `${rule}, not ${given}`
}

const GIVEN: Partial<Record<string, string>> = { Object: 'an object', Array: 'a list' }
const NEEDED: Partial<Record<string, string>> = {
  Object: 'an object',
  Array: 'a list',
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
}
const BOUNDS: Partial<Record<string, string>> = {
  '>=': 'at least',
  '<=': 'at most',
  '>': 'more than',
  '<': 'less than',
}

/** `unit` is what a length counts. */
function ruleWords(expected: string, unit: string | null): string {
  const [, sign = '', bound] = /^([<>]=?)(.+)$/.exec(expected) ?? []
  if (bound !== undefined) {
    const verb = sign.startsWith('<') ? 'allowed' : 'needed'
    if (unit === null) return `${BOUNDS[sign]} ${bound} is ${verb}`
    return `${BOUNDS[sign]} ${bound} ${unit}${bound === '1' ? ' is' : 's are'} ${verb}`
  }
  const choice = /^\((.+)\)$/.exec(expected)?.[1]
  return `${choice === undefined ? (NEEDED[expected] ?? expected) : `one of ${choice.split(' | ').join(', ')}`} is needed`
}
