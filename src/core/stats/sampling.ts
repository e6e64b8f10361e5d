/** Random draws for simulations. The source of randomness is an argument: equal seeds give equal runs. */

/** Uniform in [0, 1). */
export type Random = () => number

/** A small seeded source (mulberry32): good enough to simulate with, useless for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Standard normal (Box–Muller). */
export function drawNormal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** Inversion for small means, Hörmann's PTRS (1993) from 10 on. */
export function drawPoisson(mean: number, random: Random): number {
  if (mean < 10) return invert(random(), Math.exp(-mean), (k) => mean / k, Infinity)
  const b = 0.931 + 2.53 * Math.sqrt(mean)
  const a = -0.059 + 0.02483 * b
  const inverseAlpha = 1.1239 + 1.1328 / (b - 3.4)
  const accept = 0.9277 - 3.6224 / (b - 2)
  for (;;) {
    const u = random() - 0.5
    const v = random()
    const us = 0.5 - Math.abs(u)
    const k = Math.floor(((2 * a) / us + b) * u + mean + 0.43)
    if (us >= 0.07 && v <= accept) return k
    if (k < 0 || (us < 0.013 && v > us)) continue
    const density = k * Math.log(mean) - mean - logFactorial(k)
    if (Math.log((v * inverseAlpha) / (a / (us * us) + b)) <= density) return k
  }
}

/** Inversion for small means, Hörmann's BTRS (1993) from 10 on. */
export function drawBinomial(trials: number, p: number, random: Random): number {
  if (trials <= 0 || p <= 0) return 0
  if (p >= 1) return trials
  if (p > 0.5) return trials - drawBinomial(trials, 1 - p, random)
  const odds = p / (1 - p)
  if (trials * p < 10) {
    return invert(random(), Math.exp(trials * Math.log1p(-p)), (k) => (odds * (trials - k + 1)) / k, trials)
  }
  const spread = Math.sqrt(trials * p * (1 - p))
  const b = 1.15 + 2.53 * spread
  const a = -0.0873 + 0.0248 * b + 0.01 * p
  const accept = 0.92 - 4.2 / b
  const alpha = (2.83 + 5.1 / b) * spread
  const mode = Math.floor((trials + 1) * p)
  for (;;) {
    const u = random() - 0.5
    const v = random()
    const us = 0.5 - Math.abs(u)
    const k = Math.floor(((2 * a) / us + b) * u + trials * p + 0.5)
    if (us >= 0.07 && v <= accept) return k
    if (k < 0 || k > trials) continue
    const density =
      logFactorial(mode) +
      logFactorial(trials - mode) -
      logFactorial(k) -
      logFactorial(trials - k) +
      (k - mode) * Math.log(odds)
    if (Math.log((v * alpha) / (a / (us * us) + b)) <= density) return k
  }
}

/** Walks up the probabilities from 0; `step(k)` is P(k)/P(k − 1). */
function invert(u: number, atZero: number, step: (k: number) => number, most: number): number {
  let probability = atZero
  let rest = u
  let k = 0
  while (rest > probability && k < most && probability > 1e-300) {
    rest -= probability
    k++
    probability *= step(k)
  }
  return k
}

/** Stirling's series in k + 1; off by at most 3e-4, at 0. */
function logFactorial(k: number): number {
  const z = k + 1
  return (k + 0.5) * Math.log(z) - z + 0.9189385332046727 + (1 / 12 - 1 / (360 * z * z)) / z
}
