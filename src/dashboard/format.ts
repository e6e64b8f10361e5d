/** Numbers, times and places as text, with the units of a language. Pure: now is an argument. */
import { group, significant, spanParts } from '../describe/figures.ts'
import { actorOf, rungOf } from '../describe/names.ts'
import type { ReleaseView } from '../api/index.ts'
import type { Text } from './text/index.ts'

export { group, significant }

/** English counts: `1 job`, `1,140 jobs`. */
export function counted(n: number, one: string, many: string): string {
  return `${group(n)} ${n === 1 ? one : many}`
}

/** A share in [0, 1] as per cent. */
export function share(value: number, t: Text): string {
  return t.unit.percent(significant(value * 100))
}

/** A percent in [0, 100] as the ladder holds it, so that 0.25 stays 0.25. */
export function percent(value: number, t: Text): string {
  return t.unit.percent(group(value, 2))
}

/** A measured latency: ms below one second, seconds above. */
export function latency(seconds: number, t: Text): string {
  return seconds < 1 ? t.unit.ms(significant(seconds * 1000)) : t.unit.s(significant(seconds))
}

/** A span in its one or two largest units: `45 s`, `12 min`, `1 h 5 min`, `2 d`. */
export function span(seconds: number, t: Text): string {
  return spanParts(seconds)
    .map(([n, unit]) => t.unit[unit](n))
    .join(' ')
}

/** `2026-11-24 14:32:07 UTC`. */
export function exact(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`
}

/** `14:32:07`, in UTC. */
export function clock(iso: string): string {
  return iso.slice(11, 19)
}

/** `3 min ago`. */
export function ago(iso: string, nowMs: number, t: Text): string {
  const seconds = (nowMs - Date.parse(iso)) / 1000
  return seconds < 5 ? t.time.justNow : t.time.ago(span(roughly(seconds), t))
}

/** Ages are read at a glance: one unit is enough. */
function roughly(seconds: number): number {
  const size = [86_400, 3600, 60].find((unit) => seconds >= unit) ?? 1
  return Math.floor(seconds / size) * size
}

/** A stage in words: `shadow`, `5 %`, `done`. */
export function stageName(stage: string, t: Text): string {
  const rung = rungOf(stage)
  if (rung !== null) return percent(rung, t)
  return wordFor(t.stage, stage)
}

/** Where a release stands: its percent in a canary, since `set_percent` leaves a stage's name as it is; else its stage. */
export function placeName({ stage, percent: set }: { stage: string; percent: number }, t: Text): string {
  return rungOf(stage) !== null && Number.isFinite(set) ? percent(set, t) : stageName(stage, t)
}

/** A person's sentence, cut where it was stored without a limit. */
export function sentenceOf(reason: string): string {
  return reason.length <= 500 ? reason : `${reason.slice(0, 500)}…`
}

/** The word that a table of a language has for a value of the API; a newer API may have more of them. */
export function wordFor(words: Readonly<Record<string, string>>, value: string, otherwise = value): string {
  return Object.hasOwn(words, value) ? words[value]! : otherwise
}

/** What both arms are called: their models where they have names of their own. */
export function modelNames({ arms }: ReleaseView, t: Text): { control: string; candidate: string } {
  return { control: arms.control.model ?? t.arm.control, candidate: arms.candidate.model ?? t.arm.candidate }
}

/** Who acted, without the kind: `token:oncall` → `oncall`. */
export function whoName(who: string, t: Text): string {
  const { kind, name } = actorOf(who)
  if (kind !== 'system') return name
  return wordFor(t.system, name, who)
}

/** Inline text of which some words carry the weight. */
export type Part = string | { strong: string }
export const strong = (words: string): Part => ({ strong: words })

/** Tagged template that keeps strong words apart. */
export function say(strings: TemplateStringsArray, ...parts: (Part | Part[])[]): Part[] {
  return strings.flatMap((text, i) => {
    const part = parts[i]
    return [...(text === '' ? [] : [text]), ...(part === undefined ? [] : Array.isArray(part) ? part : [part])]
  })
}

/** Parts as plain text. */
export function plain(parts: Part[]): string {
  return parts.map((part) => (typeof part === 'string' ? part : part.strong)).join('')
}
