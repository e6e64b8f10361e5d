/** Numbers as people type them on a command line → numbers, or a usage error that shows how to write them. */
import { InvalidArgumentError } from 'commander'

/** `5`, `0.25` or `5%` → 5, 0.25, 5: a percent from 0 to 100. */
export function percentArgument(text: string): number {
  const percent = plainNumber(text.endsWith('%') ? text.slice(0, -1) : text)
  if (!(percent >= 0 && percent <= 100)) throw new InvalidArgumentError('A percent from 0 to 100, like 5 or 0.25.')
  return percent
}

/** `0.5` or `50%` → 0.5. A bare number above 1 is refused: it may mean a percent, and may not. */
export function shareArgument(text: string): number {
  const share = text.endsWith('%') ? plainNumber(text.slice(0, -1)) / 100 : plainNumber(text)
  if (!(share >= 0 && share <= 1)) throw new InvalidArgumentError('A share: 0.5 or 50%.')
  return share
}

/** A share strictly between 0 and 1. */
export function probabilityArgument(text: string): number {
  const p = shareArgument(text)
  if (p === 0 || p === 1) throw new InvalidArgumentError('Between 0 and 1, like 0.05 or 5%.')
  return p
}

/** `0.08`, `8%` or `-8%`: a change, which may be negative and above 1, but not zero. */
export function changeArgument(text: string): number {
  const change = text.endsWith('%') ? plainNumber(text.slice(0, -1)) / 100 : plainNumber(text)
  if (!Number.isFinite(change) || change === 0) throw new InvalidArgumentError('A change: 0.08, 8% or -8%.')
  return change
}

/** Above 0, as it is or in percent: a rate, or what a subject's values come to. */
export function amountArgument(text: string): number {
  const value = text.endsWith('%') ? plainNumber(text.slice(0, -1)) / 100 : plainNumber(text)
  if (!(value > 0)) throw new InvalidArgumentError('Above 0: 0.672, 67.2% or 14.')
  return value
}

export function positiveArgument(text: string): number {
  const value = plainNumber(text)
  if (!(value > 0)) throw new InvalidArgumentError('A number above 0.')
  return value
}

export function wholeArgument(text: string): number {
  const value = plainNumber(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('A whole number from 0 up.')
  return value
}

export function countArgument(text: string): number {
  const value = plainNumber(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('A whole number from 1 up.')
  return value
}

export function secondsArgument(text: string): number {
  const value = plainNumber(text.replace(/s$/, ''))
  if (!(value >= 0.1 && value <= 3600)) throw new InvalidArgumentError('Seconds from 0.1 to 3600.')
  return value
}

/** Only plain decimals: `Number` itself would read "" as 0 and "0x10" as 16. */
function plainNumber(text: string): number {
  return /^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(text.trim()) ? Number(text) : Number.NaN
}
