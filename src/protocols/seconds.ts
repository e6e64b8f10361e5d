/** Lengths of time in answers of backends, where they can be any. */

/** Null for what is no number, not finite, or negative. */
export function secondsOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null
}

/** Between two instants of ISO 8601; null where one is none. */
export function secondsBetween(from: unknown, to: unknown): number | null {
  const ms = (time: unknown) => (typeof time === 'string' && time.length <= 40 ? Date.parse(time) : NaN)
  return secondsOf((ms(to) - ms(from)) / 1000)
}
