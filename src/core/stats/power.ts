/** How many subjects an experiment needs, what it can see and how long it runs. Plain normal formulas; no data. */
import erfc from '@stdlib/math-base-special-erfc'

export type Alternative = 'two-sided' | 'greater' | 'less'
/** `normal_pooled` is Fleiss' formula (R power.prop.test at ratio 1); `cohen_h` works on the arcsine scale. */
export type SampleSizeFormula = 'normal_unpooled' | 'normal_pooled' | 'cohen_h'

export interface Design {
  alpha: number
  power: number
  alternative: Alternative
  /** n2 / n1. */
  ratio: number
}

export interface SampleSizeInputs extends Design {
  /** Rates to be told apart: control's and the candidate's, each in (0, 1). */
  p1: number
  p2: number
  formula: SampleSizeFormula
}

export interface SampleSize {
  n1_exact: number
  n1: number
  n2: number
  total: number
}

/** z with upper tail `p`, 0 < p < 1. Abramowitz & Stegun 26.2.23, then Halley steps on erfc to full precision. */
export function upperNormalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`a tail probability is between 0 and 1, not ${p}`)
  if (p > 0.5) return -upperNormalQuantile(1 - p)
  const t = Math.sqrt(-2 * Math.log(p))
  let z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
  for (let step = 0; step < 3; step++) {
    const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)
    const excess = (0.5 * erfc(z / Math.SQRT2) - p) / density
    z += excess / (1 - (z * excess) / 2)
  }
  return z
}

function criticalZ(alpha: number, alternative: Alternative): number {
  return upperNormalQuantile(alternative === 'two-sided' ? alpha / 2 : alpha)
}

/** Subjects per arm that show p1 against p2 with the given power. */
export function sampleSizeProportions(inputs: SampleSizeInputs): SampleSize {
  return sized(firstArm(inputs), inputs.ratio)
}

function sized(exact: number, ratio: number): SampleSize {
  const n1 = Math.ceil(exact)
  const n2 = Math.ceil(exact * ratio)
  return { n1_exact: exact, n1, n2, total: n1 + n2 }
}

/** The same for means: (zα + zβ)²·(sd1² + sd2²/r)/delta², plain normal. */
export function sampleSizeMeans(inputs: Design & { sd1: number; sd2: number; delta: number }): SampleSize {
  const { sd1, sd2, delta, ratio } = inputs
  const k = criticalZ(inputs.alpha, inputs.alternative) + upperNormalQuantile(1 - inputs.power)
  return sized((k ** 2 * (sd1 ** 2 + sd2 ** 2 / ratio)) / delta ** 2, ratio)
}

/**
 * Subjects that show a candidate equal to control to be within a margin, one-sided: (zα + zβ)²·sd²·(scale² + 1/r)/margin²,
 * where `scale` is the factor on control's mean in the contrast (1 for an absolute margin, 1 ± m for a relative one).
 */
export function sampleSizeMargin(
  inputs: Omit<Design, 'alternative'> & { sd: number; scale: number; margin: number },
): SampleSize {
  const { sd, scale, margin, ratio } = inputs
  const k = upperNormalQuantile(inputs.alpha) + upperNormalQuantile(1 - inputs.power)
  return sized((k ** 2 * sd ** 2 * (scale ** 2 + 1 / ratio)) / margin ** 2, ratio)
}

function firstArm({ p1, p2, alpha, power, alternative, ratio, formula }: SampleSizeInputs): number {
  const zAlpha = criticalZ(alpha, alternative)
  const zBeta = upperNormalQuantile(1 - power)
  const variance = p1 * (1 - p1) + (p2 * (1 - p2)) / ratio
  const squared = (p2 - p1) ** 2
  if (formula === 'normal_unpooled') return ((zAlpha + zBeta) ** 2 * variance) / squared
  if (formula === 'normal_pooled') {
    const pooled = (p1 + ratio * p2) / (1 + ratio)
    const underNull = pooled * (1 - pooled) * (1 + 1 / ratio)
    return (zAlpha * Math.sqrt(underNull) + zBeta * Math.sqrt(variance)) ** 2 / squared
  }
  const h = 2 * Math.asin(Math.sqrt(p2)) - 2 * Math.asin(Math.sqrt(p1))
  return ((zAlpha + zBeta) / h) ** 2 * (1 + 1 / ratio)
}

/**
 * Smallest rise d > 0 of control's rate that n1 and n2 subjects show with the given power: the root of
 * d = (zα + zβ)·√(p1·q1/n1 + (p1+d)(1−p1−d)/n2), a quadratic in d. Null where p1 + d would pass 1.
 */
export function mdeProportions(
  inputs: Omit<Design, 'ratio'> & { p1: number; n1: number; n2: number },
): { mde_abs: number; mde_rel: number } | null {
  const { p1, n1, n2 } = inputs
  const k2 = (criticalZ(inputs.alpha, inputs.alternative) + upperNormalQuantile(1 - inputs.power)) ** 2
  const a = 1 + k2 / n2
  const b = (-k2 * (1 - 2 * p1)) / n2
  const c = -k2 * p1 * (1 - p1) * (1 / n1 + 1 / n2)
  const d = (-b + Math.sqrt(b * b - 4 * a * c)) / (2 * a)
  return p1 + d > 1 ? null : { mde_abs: d, mde_rel: d / p1 }
}

/** Whole weeks, at least one: half a week counts some weekdays twice. `daily·share` counts all arms together. */
export function durationDays(totalSample: number, dailyEligible: number, trafficShare: number) {
  const raw = totalSample / (dailyEligible * trafficShare)
  return { raw_days: raw, days: Math.max(7, 7 * Math.ceil(Math.ceil(raw) / 7)) }
}
