/**
 * How subjects' values are spread: counts in logarithmic buckets of 1 % each, which add up exactly, and what is read from
 * them: a quantile, its interval by ranks, and the share beyond a value. One value a subject, so that counts are independent.
 */
import type { Measured } from './hybrid-interval.ts'

/** A bucket's upper edge over its lower one. */
const GROWTH = 1.01
const LOG_GROWTH = Math.log(GROWTH)
/** In size; smaller values share the first bucket, larger ones the last, so that there are 8,333 buckets at most. */
const [LEAST, MOST] = [1e-6, 1e12]

/** Subjects by bucket, ascending. */
export type Spread = readonly (readonly [bucket: number, n: number])[]

/** 0 for a value of 0; negative ones mirror the positive. */
export function spreadBucketOf(value: number): number {
  if (value === 0) return 0
  const size = Math.min(MOST, Math.max(LEAST, Math.abs(value)))
  return Math.sign(value) * Math.max(1, Math.ceil(Math.log(size / LEAST) / LOG_GROWTH))
}

export function spreadOf(rows: Iterable<readonly [bucket: number, n: number]>): Spread {
  const counts = new Map<number, number>()
  for (const [bucket, n] of rows) counts.set(bucket, (counts.get(bucket) ?? 0) + n)
  return [...counts].sort(([a], [b]) => a - b)
}

export function subjectsOf(spread: Spread): number {
  return spread.reduce((sum, [, n]) => sum + n, 0)
}

/** Expected beyond the quantile on its rarer side. */
export function beyond(n: number, q: number): number {
  return n * Math.min(q, 1 - q)
}

/**
 * Between which levels the interval of a quantile is read, whatever the shape (Woodruff 1952): q ± z·√(q(1−q)/n) within
 * [0, 1]. Below n = 4q/(1−q) it covers less than it says.
 */
export function quantileLevels(n: number, q: number, z: number) {
  const half = z * Math.sqrt((q * (1 - q)) / n)
  return { q_low: Math.max(0, q - half), q_high: Math.min(1, q + half), enough_data: n > (4 * q) / (1 - q) }
}

/**
 * The quantile, between the values at q ± z·√(q(1 − q)/n): ranks tell them whatever the shape (Woodruff 1952). Out to the
 * edges of their buckets, as nothing tells where in one a value is. NaN of an empty spread.
 */
export function quantileOf(spread: Spread, q: number, z: number): Measured {
  const n = subjectsOf(spread)
  const { q_low, q_high } = quantileLevels(n, q, z)
  return {
    value: atRank(spread, q * n, edgeIn),
    low: atRank(spread, q_low * n, (bucket) => edgeIn(bucket, 0)),
    high: atRank(spread, q_high * n, (bucket) => edgeIn(bucket, 1)),
  }
}

/** n times the variance of the quantile, as far apart as the values one standard error around its rank are. */
export function unitVariance(spread: Spread, q: number): number {
  const n = subjectsOf(spread)
  const { q_low, q_high } = quantileLevels(n, q, 1.96)
  return n * ((atRank(spread, q_high * n, edgeIn) - atRank(spread, q_low * n, edgeIn)) / (2 * 1.96)) ** 2
}

/** All values so many times as large, to the nearest bucket. */
export function scaled(spread: Spread, times: number): Spread {
  const steps = Math.round(Math.log(times) / LOG_GROWTH)
  if (steps === 0) return spread
  return spread.map(([bucket, n]) => [Math.sign(bucket) * Math.max(1, Math.abs(bucket) + steps), n])
}

/** How many are above a value. */
export function countAbove(spread: Spread, value: number): number {
  const bucket = spreadBucketOf(value)
  let above = 0
  for (const [each, n] of spread)
    if (each > bucket) above += n
    else if (each === bucket) above += n * (1 - partBelow(bucket, value))
  return above
}

/** Below which so many subjects are. */
function atRank(spread: Spread, rank: number, valueIn: (bucket: number, part: number) => number): number {
  let below = 0
  for (const [bucket, n] of spread) {
    if (below + n >= rank) return valueIn(bucket, (rank - below) / n)
    below += n
  }
  const last = spread.at(-1)
  return last ? valueIn(last[0], 1) : NaN
}

/** Within a bucket values are taken to be even on the scale of logarithms. */
function edgeIn(bucket: number, part: number): number {
  if (bucket === 0) return 0
  return bucket > 0 ? LEAST * GROWTH ** (bucket - 1 + part) : -LEAST * GROWTH ** (-bucket - part)
}

/** The part of a bucket that is below a value in it: the inverse of `edgeIn`. */
function partBelow(bucket: number, value: number): number {
  if (bucket === 0) return 0.5
  const size = Math.log(Math.abs(value) / LEAST) / LOG_GROWTH
  return Math.min(1, Math.max(0, bucket > 0 ? size - (bucket - 1) : -bucket - size))
}
