/** A mergeable latency sketch: counts in logarithmic buckets, DDSketch's mapping. Merging is exact, in any order. */

/**
 * Half of the 0.5 % that is promised for one quantile: so the ratio of two p99s is right within 0.5 % as well, and
 * 1.49 and 1.51 fall on their own sides of a limit of 1.5.
 */
const ACCURACY = 0.0025
const LOG_GAMMA = Math.log1p(ACCURACY) - Math.log1p(-ACCURACY)
const MIN_SECONDS = 0.001
const MAX_SECONDS = 86_400
/** Sums are kept in whole 2^-20 s, so that adding is exact and its order cannot be seen (up to 272 years in all). */
const TICKS_PER_SECOND = 2 ** 20
const WIRE_FORMAT = 1

/** Plain data: survives structured clone and JSON. At most 3,656 buckets, whatever the traffic. */
export interface Sketch {
  count: number
  /** Seconds, each value rounded to 2^-20 s. */
  sum: number
  /** Seconds; null while empty. */
  min: number | null
  max: number | null
  /** Values that are no latency (NaN, below 0, infinite). They are in nothing else. */
  rejected: number
  /** Values below 1 ms or above 24 h, counted as 1 ms or 24 h. */
  clamped: number
  /** Numbers of the buckets in use, ascending; bucket i holds (γ^(i-1), γ^i] seconds. */
  buckets: number[]
  /** Values in each of them. */
  counts: number[]
}

export function emptySketch(): Sketch {
  return { count: 0, sum: 0, min: null, max: null, rejected: 0, clamped: 0, buckets: [], counts: [] }
}

/** Adds one latency, or the same one several times. */
export function addTo(sketch: Sketch, seconds: number, times = 1): void {
  if (times < 1) return
  if (!(seconds >= 0) || seconds === Infinity) {
    sketch.rejected += times
    return
  }
  const value = seconds < MIN_SECONDS ? MIN_SECONDS : seconds > MAX_SECONDS ? MAX_SECONDS : seconds
  if (value !== seconds) sketch.clamped += times
  sketch.count += times
  sketch.sum += (Math.round(value * TICKS_PER_SECOND) / TICKS_PER_SECOND) * times
  if (sketch.min === null || value < sketch.min) sketch.min = value
  if (sketch.max === null || value > sketch.max) sketch.max = value
  put(sketch, bucketOf(value), times)
}

export function mergeInto(target: Sketch, source: Sketch): void {
  Object.assign(target, merged(target, source))
}

/** The same without touching either. */
export function merged(a: Sketch, b: Sketch): Sketch {
  return {
    ...(a.buckets.length < b.buckets.length ? mergedBuckets(b, a) : mergedBuckets(a, b)),
    count: a.count + b.count,
    sum: a.sum + b.sum,
    min: a.min === null ? b.min : b.min === null ? a.min : Math.min(a.min, b.min),
    max: a.max === null ? b.max : b.max === null ? a.max : Math.max(a.max, b.max),
    rejected: a.rejected + b.rejected,
    clamped: a.clamped + b.clamped,
  }
}

type Buckets = Pick<Sketch, 'buckets' | 'counts'>

function mergedBuckets(large: Buckets, small: Buckets): Buckets {
  // A window of a few jobs into a long history: copying and inserting beats walking through both.
  if (small.buckets.length * 16 < large.buckets.length) {
    const copy = { buckets: large.buckets.slice(), counts: large.counts.slice() }
    for (const [i, bucket] of small.buckets.entries()) put(copy, bucket, small.counts[i]!)
    return copy
  }
  const { buckets: left, counts: leftCounts } = large
  const { buckets: right, counts: rightCounts } = small
  const buckets: number[] = []
  const counts: number[] = []
  let i = 0
  let j = 0
  while (i < left.length && j < right.length) {
    const order = left[i]! - right[j]!
    buckets.push(order <= 0 ? left[i]! : right[j]!)
    counts.push((order <= 0 ? leftCounts[i++]! : 0) + (order >= 0 ? rightCounts[j++]! : 0))
  }
  for (; i < left.length; i++) {
    buckets.push(left[i]!)
    counts.push(leftCounts[i]!)
  }
  for (; j < right.length; j++) {
    buckets.push(right[j]!)
    counts.push(rightCounts[j]!)
  }
  return { buckets, counts }
}

function put({ buckets, counts }: Buckets, bucket: number, times: number): void {
  const at = firstFrom(buckets, bucket)
  if (buckets[at] === bucket) counts[at]! += times
  else {
    buckets.splice(at, 0, bucket)
    counts.splice(at, 0, times)
  }
}

/**
 * Seconds at rank ⌊q·(count − 1)⌋ of the sorted values (0 = smallest), within 0.25 %; null if the sketch is empty.
 * `q` from 0 to 1. Read from above, because p95 and p99 are what is mostly asked.
 */
export function quantile(sketch: Sketch, q: number): number | null {
  if (sketch.min === null || sketch.max === null) return null
  const rank = q * (sketch.count - 1)
  let below = sketch.count
  let at = sketch.counts.length
  do below -= sketch.counts[--at]!
  while (below > rank && at > 0)
  const middle = (2 * Math.exp(sketch.buckets[at]! * LOG_GAMMA)) / (Math.exp(LOG_GAMMA) + 1)
  return Math.min(sketch.max, Math.max(sketch.min, middle))
}

/** How many values lie above: those in higher buckets than the one of `seconds`. */
export function countAbove(sketch: Sketch, seconds: number): number {
  if (seconds < MIN_SECONDS) return sketch.count
  let above = 0
  const bucket = bucketOf(Math.min(seconds, MAX_SECONDS))
  for (let at = sketch.counts.length - 1; at >= 0 && sketch.buckets[at]! > bucket; at--) above += sketch.counts[at]!
  return above
}

/**
 * The wire form: one byte of format, then varints. A bucket costs one byte while its left neighbour is in use and it
 * holds fewer than 64, else two or more. Measured on lognormal latencies with σ = 0.5: 46 bytes for 10 values, 175 for
 * 100, 482 for 1,000, 647 for 10,000, 1,478 for a million.
 */
export function encodeSketch(sketch: Sketch): Uint8Array {
  const bytes: number[] = [WIRE_FORMAT]
  pushVarint(bytes, sketch.rejected)
  pushVarint(bytes, sketch.clamped)
  pushVarint(bytes, sketch.buckets.length)
  const [first] = sketch.buckets
  if (first === undefined) return Uint8Array.from(bytes)
  pushVarint(bytes, sketch.sum * TICKS_PER_SECOND)
  const ends = new DataView(new ArrayBuffer(16))
  ends.setFloat64(0, sketch.min!)
  ends.setFloat64(8, sketch.max!)
  for (let i = 0; i < 16; i++) bytes.push(ends.getUint8(i))
  pushVarint(bytes, first < 0 ? -2 * first - 1 : 2 * first)
  let previous = first - 1
  for (const [i, bucket] of sketch.buckets.entries()) {
    const gap = bucket - previous - 1
    pushVarint(bytes, sketch.counts[i]! * 2 + (gap > 0 ? 1 : 0))
    if (gap > 0) pushVarint(bytes, gap)
    previous = bucket
  }
  return Uint8Array.from(bytes)
}

/** Throws RangeError on bytes that `encodeSketch` did not write. */
export function decodeSketch(bytes: Uint8Array): Sketch {
  const cursor = { bytes, at: 1 }
  if (bytes[0] !== WIRE_FORMAT) throw new RangeError(`sketch: format ${bytes[0]}, not ${WIRE_FORMAT}`)
  const sketch = emptySketch()
  sketch.rejected = readVarint(cursor)
  sketch.clamped = readVarint(cursor)
  const used = readVarint(cursor)
  if (used === 0) return sketch
  sketch.sum = readVarint(cursor) / TICKS_PER_SECOND
  if (cursor.at + 16 > bytes.length) throw new RangeError('sketch: cut short')
  const ends = new DataView(bytes.buffer, bytes.byteOffset + cursor.at, 16)
  cursor.at += 16
  sketch.min = ends.getFloat64(0)
  sketch.max = ends.getFloat64(8)
  const first = readVarint(cursor)
  let bucket = (first % 2 === 1 ? -(first + 1) / 2 : first / 2) - 1
  for (let i = 0; i < used; i++) {
    const token = readVarint(cursor)
    bucket += 1 + (token % 2 === 1 ? readVarint(cursor) : 0)
    sketch.buckets.push(bucket)
    sketch.counts.push(Math.floor(token / 2))
    sketch.count += Math.floor(token / 2)
  }
  return sketch
}

function bucketOf(seconds: number): number {
  // Just below 1 s the ceiling is -0, which the wire and JSON would give back as 0.
  return Math.ceil(Math.log(seconds) / LOG_GAMMA) + 0
}

/** Index of the first bucket that is not below the one given. */
function firstFrom(buckets: readonly number[], bucket: number): number {
  let low = 0
  let high = buckets.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (buckets[middle]! < bucket) low = middle + 1
    else high = middle
  }
  return low
}

/** LEB128 by division: sums go beyond 32 bits. */
function pushVarint(bytes: number[], value: number): void {
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
}

function readVarint(cursor: { bytes: Uint8Array; at: number }): number {
  let value = 0
  let weight = 1
  for (;;) {
    const byte = cursor.bytes[cursor.at++]
    if (byte === undefined) throw new RangeError('sketch: cut short')
    value += (byte % 128) * weight
    if (byte < 128) return value
    weight *= 128
  }
}
