/** Figures and moments as a person reads them: percents, spans of time, places on the ladder. */
import { group, significant, spanParts } from '../describe/figures.ts'
import { rungOf } from '../describe/names.ts'

/** `45 s`, `12 min`, `2 h 5 min`, `3 d 4 h`. */
export function span(seconds: number): string {
  return spanParts(seconds).flat().join(' ')
}

/** ISO 8601 → `2026-11-24 08:30:00Z`. */
export function moment(iso: string): string {
  return new Date(iso)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z/, 'Z')
}

/** How long from now until then, or how long ago. */
export function fromNow(iso: string, now: number): string {
  const seconds = (Date.parse(iso) - now) / 1000
  return seconds >= 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`
}

/** What is waited for, with when that ends by itself. */
export function withEnd(message: string, until: string, now: number): string {
  return `${message} (ends ${fromNow(until, now)}, at ${moment(until)})`
}

/** Three significant digits; thousands grouped, and then all of them. */
export function figure(value: number): string {
  return Math.abs(value) >= 1000 ? group(value, 20) : significant(value)
}

export function percentOf(share: number): string {
  return `${figure(share * 100)} %`
}

export function place({ stage, percent }: { stage: string; percent: number }): string {
  return rungOf(stage) !== null ? `${stage} (${percent} %)` : stage
}

/** A value of the configuration: text as it is, everything else as JSON. */
export function written(value: unknown): string {
  return value === null || value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value)
}

export function plural(n: number, noun: string): string {
  return `${figure(n)} ${noun}${n === 1 ? '' : 's'}`
}
