/**
 * Count, means and centred second moments of a value, or of a pair of values a unit has: mergeable without loss, so
 * that days and shards are summed up in any order. Never Σx² − n·mean², which loses its digits in floating point.
 */

/** `m2` is Σ(v − mean)²; the variance is m2 / (n − 1). */
export interface Moments {
  n: number
  mean: number
  m2: number
}

export function noMoments(): Moments {
  return { n: 0, mean: 0, m2: 0 }
}

/** Welford's step. */
export function withValue({ n, mean, m2 }: Moments, value: number): Moments {
  const delta = value - mean
  const next = mean + delta / (n + 1)
  return { n: n + 1, mean: next, m2: m2 + delta * (value - next) }
}

/** Chan, Golub & LeVeque 1983: m2 = m2a + m2b + δ²·na·nb/n. */
export function merged(a: Moments, b: Moments): Moments {
  if (a.n === 0) return b
  if (b.n === 0) return a
  const n = a.n + b.n
  const delta = b.mean - a.mean
  return { n, mean: a.mean + (delta * b.n) / n, m2: a.m2 + b.m2 + (delta * delta * a.n * b.n) / n }
}

export function varianceOf({ n, m2 }: Moments): number {
  return n > 1 ? m2 / (n - 1) : 0
}

/** Two values of each unit, as a ratio metric has them: `y` over `x`; `cxy` is Σ(x − x̄)(y − ȳ). */
export interface PairMoments {
  n: number
  meanY: number
  meanX: number
  m2Y: number
  m2X: number
  cxy: number
}

export function noPairs(): PairMoments {
  return { n: 0, meanY: 0, meanX: 0, m2Y: 0, m2X: 0, cxy: 0 }
}

export function onePair(y: number, x: number): PairMoments {
  return { n: 1, meanY: y, meanX: x, m2Y: 0, m2X: 0, cxy: 0 }
}

export function mergedPairs(a: PairMoments, b: PairMoments): PairMoments {
  if (a.n === 0) return b
  if (b.n === 0) return a
  const n = a.n + b.n
  const weight = (a.n * b.n) / n
  const dy = b.meanY - a.meanY
  const dx = b.meanX - a.meanX
  return {
    n,
    meanY: a.meanY + (dy * b.n) / n,
    meanX: a.meanX + (dx * b.n) / n,
    m2Y: a.m2Y + b.m2Y + dy * dy * weight,
    m2X: a.m2X + b.m2X + dx * dx * weight,
    cxy: a.cxy + b.cxy + dy * dx * weight,
  }
}

/** The first value alone. */
export function ofY({ n, meanY, m2Y }: PairMoments): Moments {
  return { n, mean: meanY, m2: m2Y }
}
