/** Small schemas that the tables are made of: closed tables, durations, instants, urls, percents. */
import * as v from 'valibot'
import { NOT_AN_INSTANT, parseInstant } from './instant.ts'
import { fault, MISSING_KEY, UNKNOWN_KEY } from './issue-words.ts'

/** A closed table: each unknown and each missing key is an error of its own, so that all are told at once. */
export function table<const E extends v.ObjectEntries>(entries: E): v.StrictObjectSchema<E, undefined> {
  return v.pipe(
    v.custom<Record<string, unknown>>(isTable, fault('not_table', 'a table is needed here')),
    v.objectWithRest(entries, v.never(UNKNOWN_KEY), MISSING_KEY),
  ) as unknown as v.StrictObjectSchema<E, undefined>
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * A rule over several keys of a table, for its pipe; `message` is a `fault`. Unlike `v.check` it is asked beside other errors too, so that
 * these hide nothing; it must expect any value under any key.
 */
export function across<T>(
  holds: (given: { readonly [K in keyof T]?: unknown }) => boolean,
  message: string,
): v.RawCheckAction<T> {
  return explained((given) => (holds(given) ? null : message))
}

/** The same, where what is wrong depends on what was given; null where nothing is. */
export function explained<T>(
  faultOf: (given: { readonly [K in keyof T]?: unknown }) => string | null,
): v.RawCheckAction<T> {
  return v.rawCheck(({ dataset, addIssue }) => {
    const message = isTable(dataset.value) ? faultOf(dataset.value as { readonly [K in keyof T]?: unknown }) : null
    if (message !== null) addIssue({ message })
  })
}

/** A list of so many items. `v.maxLength` would not be asked beside a bad item. */
export function list<const S extends v.GenericSchema>(item: S, least: number, most: number) {
  return v.pipe(
    v.array(item),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!Array.isArray(dataset.value)) return
      const given = dataset.value.length
      const message = `a list of ${least} to ${most} is needed, not of ${given}`
      if (given < least || given > most) addIssue({ message: fault('list_size', message, { least, most, given }) })
    }),
  )
}

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/** `"90s"`, `"1.5h"`, `"7d"` → ms; null where the text is no duration. */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text)
  return match ? Math.round(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]) : null
}

/** ms → the shortest text that `parseDuration` reads back to the same number. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms > 0 && ms % UNIT_MS[unit] === 0) return `${ms / UNIT_MS[unit]}${unit}`
  }
  return `${ms}ms`
}

/** The titles name the type in docs/configure.md and in the JSON Schema for editors. */
export const duration = v.pipe(
  v.string(fault('not_duration', 'a duration is a string like "90s", "5m" or "7d"')),
  v.title('duration'),
  v.regex(DURATION, fault('not_duration', 'not a duration; write "90s", "5m", "7d"')),
  v.transform((text) => parseDuration(text)!),
)

export const positiveDuration = v.pipe(duration, v.minValue(1, fault('duration_zero', 'a duration above 0 is needed')))

const DAY_MS = UNIT_MS.d
const WHOLE_DAYS = fault('not_whole_days', 'whole days are needed, from "1d" to "90d"')

/** `"3d"` → 3. */
export const wholeDays = v.pipe(
  duration,
  v.check((ms) => ms % DAY_MS === 0 && ms >= DAY_MS && ms <= 90 * DAY_MS, WHOLE_DAYS),
  v.transform((ms) => ms / DAY_MS),
)

/** A time, left as the text that it is. */
export const instantText = v.pipe(
  v.string(fault('not_time', 'a time is an ISO 8601 string')),
  v.title('time'),
  v.check((text) => parseInstant(text) !== null, fault('not_time', NOT_AN_INSTANT)),
)

/** A time → unix ms. */
export const instant = v.pipe(
  instantText,
  v.transform((text) => parseInstant(text)!),
)

export const backendUrl = v.pipe(
  v.string(fault('not_backend_url', 'a URL is a string')),
  v.title('URL'),
  v.check(isBackendUrl, fault('not_backend_url', 'not an http(s) URL without credentials, query or fragment')),
  v.transform(withoutEndSlashes),
)

/** By its last character that is none. */
export function withoutEndSlashes(url: string): string {
  let end = url.length
  while (url[end - 1] === '/') end--
  return url.slice(0, end)
}

function isBackendUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  const plain = !url.username && !url.password && !url.search && !url.hash
  return plain && (url.protocol === 'http:' || url.protocol === 'https:')
}

/** Scheme, host and port, so that it can be compared letter by letter. */
export const webOrigin = v.pipe(
  v.string(),
  v.check(
    (text) => /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text,
    fault('not_web_origin', 'not an http(s) origin: "https://app.example", without path or final slash'),
  ),
)

export const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
/** Strictly between 0 and 1. */
export const risk = v.pipe(v.number(), v.gtValue(0), v.ltValue(1))
export const positive = v.pipe(v.number(), v.gtValue(0))
export const whole = v.pipe(v.number(), v.integer(), v.minValue(0))
export const wholePositive = v.pipe(v.number(), v.integer(), v.minValue(1))
export const name = v.pipe(
  v.string(),
  v.regex(/^[^\s/|]{1,100}$/u, fault('not_name', 'a name has 1 to 100 characters, no blanks, "/" or "|"')),
)

/** A release's: it stands in paths, where a dot and two dots mean something else, on terminals and in logs. */
export const releaseName = v.pipe(
  name,
  v.check(
    (text) => !/^(\.|%2e){1,2}$/i.test(text),
    fault('name_of_dots', 'a name must not be "." or "..": no path leads to it'),
  ),
  v.check(
    (text) => !/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u.test(text),
    fault('name_unprintable', 'a name holds no control characters and no half of a character'),
  ),
)

const oneString = v.string(fault('not_strings', 'a string or a list of strings is needed'))
const strings = v.pipe(v.array(oneString), v.minLength(1, fault('empty_list', 'a list of at least one is needed')))

/** A string, or several; always read as a list. */
export const oneOrMany = v.pipe(
  v.lazy((given) => (Array.isArray(given) ? strings : oneString)),
  v.transform((given) => (typeof given === 'string' ? [given] : given)),
)

/** `{ min = 1, max = 9 }`, inclusive. */
export const range = v.pipe(
  table({ min: v.optional(v.number()), max: v.optional(v.number()) }),
  across((given) => given.min !== undefined || given.max !== undefined, fault('empty_range', 'give min, max or both')),
)

export const period = v.pipe(
  table({ from: instant, to: instant, why: v.optional(v.string(), '') }),
  v.partialCheck(
    [['from'], ['to']],
    (given) => given.from < given.to,
    fault('period_backwards', 'from must be before to'),
  ),
  v.transform(({ from, to, why }) => ({ fromMs: from, toMs: to, why })),
)
