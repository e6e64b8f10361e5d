/**
 * What a schema finds wrong → a detail: a code with params for programs, a sentence for people. Valibot's own rules are
 * told by their type; a schema's own fault brings its code along, as `fault` wrote it.
 */
import type * as v from 'valibot'
import { detail, type DetailParams, type ErrorDetail } from '../core/errors.ts'

/** A schema's own message. Valibot carries a string and nothing else, so that code and params travel in it. */
export function fault(code: string, message: string, params: DetailParams = {}): string {
  return JSON.stringify({ code, message, params })
}

export const MISSING_KEY = fault('missing_key', 'missing: this key is needed')
export const UNKNOWN_KEY = fault('unknown_key', 'unknown key: take it out or correct its spelling')

/** The detail that `fault` wrote. */
export function faultDetail(path: string, written: string): ErrorDetail {
  const { code, message, params } = JSON.parse(written) as Omit<ErrorDetail, 'path'>
  return detail(path, code, message, params)
}

/**
 * `a number is needed, not "x"`; with `quotes` false without what was given, which may be a secret by mistake. The
 * param `given` holds it as it is quoted.
 */
export function issueDetail(path: string, issue: v.BaseIssue<unknown>, quotes = true): ErrorDetail {
  const { received, expected, message, path: steps } = issue
  const isOwn = message.startsWith('{')
  if (isOwn) {
    const found = faultDetail(path, message)
    const isPlain = !['undefined', 'Object', 'Array'].includes(received)
    if (!quotes || !isPlain || issue.type === 'never' || 'given' in found.params) return found
    const given = short(received)
    return { ...found, message: `${found.message} (given: ${given})`, params: { ...found.params, given } }
  }
  // Of an object these two tell that a key of it is unknown or missing; the path names which.
  if (received === 'undefined') return faultDetail(path, MISSING_KEY)
  if (steps?.at(-1)?.origin === 'key') return faultDetail(path, UNKNOWN_KEY)
  const { code, words, ...params } = ruleOf(issue, expected)
  if (!quotes) return detail(path, code, words, params)
  const given = GIVEN[received] ?? short(received)
  return detail(path, code, words + (code === 'not_valid' ? `: ${given}` : `, not ${given}`), { ...params, given })
}

/** The sentence alone. */
export function issueWords(issue: v.BaseIssue<unknown>): string {
  return issueDetail('', issue).message
}

function short(received: string): string {
  return received.length > 80 ? `${received.slice(0, 80)}…` : received
}

const GIVEN: Partial<Record<string, string>> = { Object: 'an object', Array: 'a list' }
const NEEDED: Partial<Record<string, string>> = {
  Object: 'an object',
  Array: 'a list',
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
}
/** Type of a valibot rule → code, words before the bound, and what is done within it. */
const BOUNDS: Partial<Record<string, readonly [code: string, words: string, verb: string]>> = {
  min_value: ['at_least', 'at least', 'needed'],
  max_value: ['at_most', 'at most', 'allowed'],
  gt_value: ['more_than', 'more than', 'needed'],
  lt_value: ['less_than', 'less than', 'allowed'],
  min_length: ['at_least', 'at least', 'needed'],
  max_length: ['at_most', 'at most', 'allowed'],
}

type Rule = { code: string; words: string } & DetailParams

function ruleOf(issue: v.BaseIssue<unknown>, expected: string | null): Rule {
  const { type, requirement, input } = issue
  const bound = BOUNDS[type]
  if (bound !== undefined) {
    const [code, least, verb] = bound
    const n = String(requirement)
    if (!type.endsWith('_length')) return { code, words: `${least} ${n} is ${verb}`, bound: n }
    const unit = typeof input === 'string' ? 'character' : 'item'
    return { code, words: `${least} ${n} ${unit}${n === '1' ? ' is' : 's are'} ${verb}`, bound: n, unit }
  }
  if (expected?.startsWith('(') || type === 'picklist') {
    const choices = expected!.replace(/^\((.+)\)$/, '$1').replaceAll(' | ', ', ')
    return { code: 'one_of', words: `one of ${choices} is needed`, choices }
  }
  if (expected === null) {
    const what = type.replace(/^iso_/, '').replaceAll('_', ' ')
    return { code: 'not_valid', words: `not a valid ${what}`, what }
  }
  return { code: 'wrong_type', words: `${NEEDED[expected] ?? expected} is needed`, wanted: expected }
}
