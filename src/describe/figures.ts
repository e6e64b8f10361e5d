/** Numbers and times as both presentations show them, without units: those are words. */

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

/** A signed change in per cent with one decimal: `+8.8`, `−3.0`. */
export function signedPercent(change: number): string {
  const shown = Number((100 * change).toFixed(1))
  return `${shown >= 0 ? '+' : '−'}${Math.abs(shown).toFixed(1)}`
}

/** A p-value: two or three digits, and small ones as powers of ten. */
export function pFigure(p: number): string {
  return p >= 0.001 ? significant(p) : p === 0 ? '< 1e-300' : p.toExponential(1)
}

/** `p95` of 0.95. */
export function quantileName(quantile: number): string {
  return `p${Number((100 * quantile).toPrecision(4))}`
}

export type SpanUnit = 's' | 'min' | 'h' | 'd'

/** A span in its one or two largest units: 45 s, 3 min 20 s, 12 min, 1 h 5 min, 2 d. */
export function spanParts(seconds: number): [n: string, unit: SpanUnit][] {
  const s = Math.max(0, Math.round(seconds))
  if (s < 60) return [[String(s), 's']]
  if (s < 600) return two(s, 60, 'min', 's')
  if (s < 3600) return [[String(Math.round(s / 60)), 'min']]
  return s < 86_400 ? two(Math.round(s / 60), 60, 'h', 'min') : two(Math.round(s / 3600), 24, 'd', 'h')
}

function two(amount: number, size: number, large: SpanUnit, small: SpanUnit): [string, SpanUnit][] {
  const rest = amount % size
  const whole: [string, SpanUnit] = [group(Math.floor(amount / size)), large]
  return rest === 0 ? [whole] : [whole, [String(rest), small]]
}
