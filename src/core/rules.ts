/** Attributes of a request → the first rule that speaks of them. Pure matching; rules come validated from config. */
import type { Arm } from './arm.ts'

/** What rules may look at. Missing facts match nothing. */
export interface Attributes {
  claims: Record<string, unknown>
  country: string | null
  header: (name: string) => string | null
  model: string | null
  promptChars: number | null
  durationSeconds: number | null
}

export const NOTHING_KNOWN: Attributes = {
  claims: {},
  country: null,
  header: () => null,
  model: null,
  promptChars: null,
  durationSeconds: null,
}

/** All conditions given must hold. `in` names the accepted values of `claim`, `header`, `country`, `subject` or `model`. */
export interface When {
  claim?: string
  header?: string
  subject?: readonly string[]
  country?: readonly string[]
  model?: readonly string[]
  in?: readonly string[]
  promptChars?: Range
  durationSeconds?: Range
}

/** Inclusive on both ends. */
export interface Range {
  min?: number
  max?: number
}

/** `weight` multiplies the percent of its stratum, and is allowed only on what belongs to the subject. */
export type Rule = { when: When; arm: Arm } | { when: When; weight: number }

export function firstMatch(rules: readonly Rule[], subject: string, attributes: Attributes): Rule | undefined {
  return rules.find((rule) => matches(rule.when, subject, attributes))
}

function matches(when: When, subject: string, attributes: Attributes): boolean {
  const accepted = when.in
  if (when.claim !== undefined) {
    const claim = Object.hasOwn(attributes.claims, when.claim) ? attributes.claims[when.claim] : undefined
    if (!claimIn(claim, accepted)) return false
  }
  if (when.header !== undefined && !oneOf(attributes.header(when.header), accepted)) return false
  if (when.subject && !when.subject.includes(subject)) return false
  if (when.country && !oneOf(attributes.country, when.country)) return false
  if (when.model && !oneOf(attributes.model, when.model)) return false
  if (when.promptChars && !within(attributes.promptChars, when.promptChars)) return false
  if (when.durationSeconds && !within(attributes.durationSeconds, when.durationSeconds)) return false
  return true
}

function claimIn(claim: unknown, accepted: readonly string[] | undefined): boolean {
  const values = Array.isArray(claim) ? claim : [claim]
  return values.some((value) => value !== undefined && value !== null && oneOf(String(value), accepted))
}

function oneOf(value: string | null, accepted: readonly string[] | undefined): boolean {
  return value !== null && (accepted === undefined || accepted.includes(value))
}

function within(value: number | null, range: Range): boolean {
  return value !== null && value >= (range.min ?? -Infinity) && value <= (range.max ?? Infinity)
}
