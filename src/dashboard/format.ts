/** Numbers, times and places as text, with the units of a language. Pure: now is an argument. */
import type { Text } from './text/en.ts'

/** What stands where there is no number: an entry of the history may be older than the checks of its figures. */
const NO_NUMBER = '–'

/** Thousands grouped, at most `digits` decimals, no trailing zeros. */
export function group(value: number, digits = 0): string {
  if (!Number.isFinite(value)) return NO_NUMBER
  return value.toLocaleString('en-US', { maximumFractionDigits: digits })
}

/** Three significant digits, enough to tell two arms apart. */
export function significant(value: number): string {
  if (!Number.isFinite(value)) return NO_NUMBER
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 })
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
  const s = Math.max(0, Math.round(seconds))
  if (s < 60) return t.unit.s(String(s))
  if (s < 600) return two(s, 60, t.unit.min, t.unit.s)
  if (s < 3600) return t.unit.min(String(Math.round(s / 60)))
  if (s < 86_400) return two(Math.round(s / 60), 60, t.unit.h, t.unit.min)
  return two(Math.round(s / 3600), 24, t.unit.d, t.unit.h)
}

function two(amount: number, size: number, large: (n: string) => string, small: (n: string) => string): string {
  const rest = amount % size
  const whole = large(group(Math.floor(amount / size)))
  return rest === 0 ? whole : `${whole} ${small(String(rest))}`
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
  const match = /^canary-(\d+(?:\.\d+)?)$/.exec(stage)
  if (match) return percent(Number(match[1]), t)
  return Object.hasOwn(t.stage, stage) ? t.stage[stage as keyof Text['stage']] : stage
}

/** Where a release stands: its percent in a canary, since `set_percent` leaves a stage's name as it is; else its stage. */
export function placeName({ stage, percent: set }: { stage: string; percent: number }, t: Text): string {
  return stage.startsWith('canary-') && Number.isFinite(set) ? percent(set, t) : stageName(stage, t)
}

/** A person's sentence, cut where it was stored without a limit. */
export function sentenceOf(reason: string): string {
  return reason.length <= 500 ? reason : `${reason.slice(0, 500)}…`
}

/** Who acted, without the kind: `token:oncall` → `oncall`. */
export function whoName(who: string, t: Text): string {
  if (who.startsWith('system:')) {
    const part = who.slice('system:'.length)
    return Object.hasOwn(t.system, part) ? t.system[part as keyof Text['system']] : who
  }
  return who.replace(/^(token|user):/, '')
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
