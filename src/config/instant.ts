/**
 * The one reader of times from outside: in the file, in changes, queries and bodies. ISO 8601 with a zone, of a day and
 * an hour that exist; the same on every host, whatever its own zone.
 */

const ISO_8601 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])([01]\d|2[0-3])(?::?([0-5]\d))?)$/

export const NOT_AN_INSTANT =
  'not an ISO 8601 time with zone, of a day and hour that exist, like 2026-12-24T10:00:00+01:00'

/**
 * Unix ms; null where the text is no such time. Seconds may be left out, and fractions are cut to milliseconds. There
 * is no hour 24 and no second 60, and `T` and `Z` are capitals.
 */
export function parseInstant(text: string): number | null {
  const [, minute, second = '00', fraction = '', sign, hours = '0', minutes = '0'] = ISO_8601.exec(text) ?? []
  if (minute === undefined) return null
  const written = `${minute}:${second}.${fraction.slice(0, 3).padEnd(3, '0')}Z`
  const ms = Date.parse(written)
  // A day or an hour that does not exist is read as the one that it would spill into.
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== written) return null
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000
  return sign === '-' ? ms + offsetMs : ms - offsetMs
}
