/** Times as a clock on a wall shows them, without a zone: only what lies between two of the same clock can be told. */

const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)$/

/** Null where one is no such time, and where the clock was set back. */
export function secondsBetween(from: unknown, to: unknown): number | null {
  const seconds = (msOf(to) - msOf(from)) / 1000
  return seconds >= 0 ? seconds : null
}

/** Unix ms, as if the clock showed UTC; NaN for what is no such time. */
export function msOf(time: unknown): number {
  const [, day, hour] = typeof time === 'string' ? (TIME.exec(time) ?? []) : []
  return day === undefined ? NaN : Date.parse(`${day}T${hour}Z`)
}
