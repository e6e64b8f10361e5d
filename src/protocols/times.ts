/** Times and lengths of time in answers of backends, where they can be anything. */

/** As a clock on a wall shows them, without a zone: only what lies between two of the same clock can be told. */
const WALL_CLOCK = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)$/

/** Null for what is no number, not finite, or negative. */
export function secondsOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null
}

/** Null where one is no time as `msOf` reads them, or where the clock was set back. */
export function secondsBetween(from: unknown, to: unknown, msOf: (time: unknown) => number = isoMs): number | null {
  return secondsOf((msOf(to) - msOf(from)) / 1000)
}

/** Unix ms of an instant of ISO 8601; NaN for what is none. */
function isoMs(time: unknown): number {
  return typeof time === 'string' && time.length <= 40 ? Date.parse(time) : NaN
}

/** Unix ms, as if the clock showed UTC; NaN for what is no such time. */
export function wallClockMs(time: unknown): number {
  const [, day, hour] = typeof time === 'string' ? (WALL_CLOCK.exec(time) ?? []) : []
  return day === undefined ? NaN : Date.parse(`${day}T${hour}Z`)
}
