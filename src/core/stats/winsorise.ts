/**
 * Sums over subjects in buckets of what each subject's value is, so that the largest hundredth can be cut down to the
 * next value (winsorised) when a report is made, without any single subject being read again.
 */
import { mergedPairs, noPairs, type PairMoments } from './moments.ts'

/** A bucket's upper edge over its lower one. */
const GROWTH = 1.25
/** Smaller values, in size, share the first bucket. */
const LEAST = 1e-9
/** So many subjects with a value are cut down at an end; at least one. */
const CUT_SHARE = 0.01
/** With fewer subjects that have a value, nobody can tell an extreme from the rest. */
const CUT_FROM = 20

export interface Bucketed {
  /** 0 for a value of 0; negative ones mirror the positive. */
  bucket: number
  moments: PairMoments
}

/** Buckets that are cut down to the outer edge of the last one that stays; ±Infinity where none is. */
export interface Cut {
  low: number
  high: number
}

export function bucketOf(value: number): number {
  if (value === 0) return 0
  const size = Math.max(0, Math.floor(Math.log(Math.abs(value) / LEAST) / Math.log(GROWTH))) + 1
  return value > 0 ? size : -size
}

/** The outer edge of a bucket: no value in it is larger in size. */
export function edgeOf(bucket: number): number {
  return Math.sign(bucket) * LEAST * GROWTH ** Math.abs(bucket)
}

/** One cut for both arms: under the null hypothesis it then takes the same from each. */
export function cutOf(sums: readonly Bucketed[]): Cut {
  const counts = new Map<number, number>()
  for (const { bucket, moments } of sums) if (bucket !== 0) counts.set(bucket, (counts.get(bucket) ?? 0) + moments.n)
  const all = [...counts.values()].reduce((sum, n) => sum + n, 0)
  if (all < CUT_FROM) return { low: -Infinity, high: Infinity }
  const cut = Math.max(1, Math.floor(all * CUT_SHARE))
  const outermost = (sign: 1 | -1) => {
    let passed = 0
    for (const bucket of [...counts.keys()].filter((b) => b * sign > 0).sort((a, b) => (b - a) * sign)) {
      passed += counts.get(bucket)!
      if (passed > cut) return bucket
    }
    return sign * Infinity
  }
  return { low: outermost(-1), high: outermost(1) }
}

/**
 * `active` subjects have a value; `held` is the part of the mean of y that comes from what was cut, and moves with no
 * effect. `perX`: the buckets are of y / x, as of a ratio metric; else of y. Sums that overflowed are left out.
 */
export function winsorised(
  sums: readonly Bucketed[],
  cut: Cut,
  perX: boolean,
): PairMoments & { active: number; held: number } {
  let total = noPairs()
  let active = 0
  let held = 0
  for (const { bucket, moments } of sums) {
    if (!Object.values(moments).every(Number.isFinite)) continue
    if (bucket !== 0) active += moments.n
    const stays = bucket >= cut.low && bucket <= cut.high
    const counted = stays ? moments : cutDown(moments, edgeOf(bucket > 0 ? cut.high : cut.low), perX)
    if (!stays) held += counted.n * counted.meanY
    total = mergedPairs(total, counted)
  }
  return { ...total, active, held: total.n > 0 ? held / total.n : 0 }
}

function cutDown({ n, meanX, m2X }: PairMoments, edge: number, perX: boolean): PairMoments {
  return perX
    ? { n, meanX, m2X, meanY: edge * meanX, m2Y: edge ** 2 * m2X, cxy: edge * m2X }
    : { n, meanX, m2X, meanY: edge, m2Y: 0, cxy: 0 }
}
