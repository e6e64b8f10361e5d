/** Numbers as people type them on a command line → numbers, or a usage error that shows how to write them. */
import { InvalidArgumentError } from 'commander'

/** `5`, `0.25` or `5%` → 5, 0.25, 5: a percent from 0 to 100. */
export const percentArgument = argument(
  (text) => plainNumber(text.replace(/%$/, '')),
  (percent) => percent >= 0 && percent <= 100,
  'A percent from 0 to 100, like 5 or 0.25.',
)

/** `0.5` or `50%` → 0.5. A bare number above 1 is refused: it may mean a percent, and may not. */
export const shareArgument = argument(numberOrPercent, (share) => share >= 0 && share <= 1, 'A share: 0.5 or 50%.')

/** A share strictly between 0 and 1. */
export function probabilityArgument(text: string): number {
  const p = shareArgument(text)
  if (p === 0 || p === 1) throw new InvalidArgumentError('Between 0 and 1, like 0.05 or 5%.')
  return p
}

/** `0.08`, `8%` or `-8%`: a change, which may be negative and above 1, but not zero. */
export const changeArgument = argument(
  numberOrPercent,
  (change) => Number.isFinite(change) && change !== 0,
  'A change: 0.08, 8% or -8%.',
)

/** Above 0, as it is or in percent: a rate, or what a subject's values come to. */
export const amountArgument = argument(numberOrPercent, (value) => value > 0, 'Above 0: 0.672, 67.2% or 14.')

export const positiveArgument = argument(plainNumber, (value) => value > 0, 'A number above 0.')

export const wholeArgument = argument(
  plainNumber,
  (value) => Number.isSafeInteger(value) && value >= 0,
  'A whole number from 0 up.',
)

export const countArgument = argument(
  plainNumber,
  (value) => Number.isSafeInteger(value) && value >= 1,
  'A whole number from 1 up.',
)

export const secondsArgument = argument(
  (text) => plainNumber(text.replace(/s$/, '')),
  (value) => value >= 0.1 && value <= 3600,
  'Seconds from 0.1 to 3600.',
)

/** What is no plain number is read as NaN, of which `holds` must be false. */
function argument(read: (text: string) => number, holds: (value: number) => boolean, message: string) {
  return (text: string): number => {
    const value = read(text)
    if (!holds(value)) throw new InvalidArgumentError(message)
    return value
  }
}

function numberOrPercent(text: string): number {
  return text.endsWith('%') ? plainNumber(text.slice(0, -1)) / 100 : plainNumber(text)
}

/** Only plain decimals: `Number` itself would read "" as 0 and "0x10" as 16. */
function plainNumber(text: string): number {
  return /^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(text.trim()) ? Number(text) : Number.NaN
}
