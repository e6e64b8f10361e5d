/** Between which levels a sketch is read for the interval of a quantile: order statistics (Woodruff 1952), whatever the shape. */

/** q ± z·√(q(1−q)/n) within [0, 1]. Below n = 4q/(1−q) the interval covers less than it says. */
export function quantileLevels(n: number, q: number, z: number) {
  const half = z * Math.sqrt((q * (1 - q)) / n)
  return { q_low: Math.max(0, q - half), q_high: Math.min(1, q + half), enough_data: n > (4 * q) / (1 - q) }
}
