/** Everything that a report is computed with, against cases in fifty-digit arithmetic and R. */
import { describe, expect, it } from 'vitest'
import { clopperPearson } from '../../../src/core/stats/proportions.ts'
import { asymptoticSequence, mixtureSprt } from '../../../src/core/stats/confidence-sequence.ts'
import { cuped } from '../../../src/core/stats/cuped.ts'
import { chi2Sf, intervalZ, normalSf, tSf, upperTQuantile } from '../../../src/core/stats/distributions.ts'
import {
  difference,
  meanEstimate,
  nonInferiority,
  ratioEstimate,
  relativeLift,
  shareEstimate,
} from '../../../src/core/stats/estimates.ts'
import { nonInferiorMeans, welchT } from '../../../src/core/stats/means.ts'
import type { PairMoments } from '../../../src/core/stats/moments.ts'
import { benjaminiHochberg, holm } from '../../../src/core/stats/multiplicity.ts'
import { sampleSizeMeans, upperNormalQuantile } from '../../../src/core/stats/power.ts'
import { quantileLevels } from '../../../src/core/stats/spread.ts'
import { pearson, sequentialSplit } from '../../../src/core/stats/srm.ts'
import { logLiftInterval, newcombeInterval, twoProportionZ } from '../../../src/core/stats/two-proportions.ts'
import vectors from '../../vectors/experiment.json' with { type: 'json' }

interface Case {
  id: string
  method: string
  inputs: never
  expected: Record<string, unknown>
}

interface Sums {
  n: number
  sum_y: number
  sum_x: number
  sum_yy: number
  sum_xx: number
  sum_xy: number
}

function pairOf({ n, sum_y, sum_x, sum_yy, sum_xx, sum_xy }: Sums): PairMoments {
  const [meanY, meanX] = [sum_y / n, sum_x / n]
  return {
    n,
    meanY,
    meanX,
    m2Y: sum_yy - n * meanY * meanY,
    m2X: sum_xx - n * meanX * meanX,
    cxy: sum_xy - n * meanX * meanY,
  }
}

type Two = { control: never; treatment: never; alternative: 'two-sided'; confidence: number }
const METHODS: Record<string, (inputs: never) => object | null> = {
  normal_sf: ({ z }: { z: number }) => ({ value: normalSf(z) }),
  normal_cdf: ({ z }: { z: number }) => ({ value: normalSf(-z) }),
  t_sf: ({ t, df }: { t: number; df: number }) => ({ value: tSf(t, df) }),
  t_cdf: ({ t, df }: { t: number; df: number }) => ({ value: tSf(-t, df) }),
  t_quantile: ({ p, df }: { p: number; df: number }) => ({ value: -upperTQuantile(p, df) }),
  chi2_sf: ({ x, df }: { x: number; df: number }) => ({ value: chi2Sf(x, df) }),
  two_proportion_z: (i: Two) => twoProportionZ(i.control, i.treatment, i.alternative),
  abs_lift_ci_wald: (i: Two) => difference(shareEstimate(i.control), shareEstimate(i.treatment), i.confidence),
  abs_lift_ci_newcombe: (i: Two) => newcombeInterval(i.control, i.treatment, i.confidence),
  rel_lift_ci_delta: (i: Two) => relativeLift(shareEstimate(i.control), shareEstimate(i.treatment), i.confidence),
  rel_lift_ci_log: (i: Two) => logLiftInterval(i.control, i.treatment, i.confidence),
  welch_t: (i: Two) => welchT(i.control, i.treatment, i.alternative, i.confidence),
  mean_rel_lift_delta: (i: Two) => relativeLift(meanEstimate(i.control), meanEstimate(i.treatment), i.confidence),
  sample_size_means: sampleSizeMeans,
  srm_chi2: (i: { observed: number[]; weights: number[] }) => pearson(i.observed, i.weights),
  srm_sequential: (i: { observed: number[]; weights: number[]; concentration: number }) =>
    sequentialSplit(i.observed, i.weights, i.concentration),
  clopper_pearson: (i: { x: number; n: number; confidence: number }) => clopperPearson(i, i.confidence),
  normal_quantile: ({ p }: { p: number }) => ({ value: -upperNormalQuantile(p) }),
  msprt_normal: (i: { diff: number; variance: number; tau2: number }) => mixtureSprt(i.diff, i.variance, i.tau2),
  cuped: (i: { control: Sums; treatment: Sums; confidence: number }) =>
    cuped(pairOf(i.control), pairOf(i.treatment), i.confidence),
  quantile_ci_levels: (i: { n: number; q: number; confidence: number }) =>
    quantileLevels(i.n, i.q, intervalZ(i.confidence)),
  holm: ({ p }: { p: number[] }) => ({ adjusted: holm(p) }),
  benjamini_hochberg: ({ p }: { p: number[] }) => ({ adjusted: benjaminiHochberg(p) }),
  asymptotic_cs: asymptoticSequence,
  ratio_delta: (i: { control: Sums; treatment: Sums; confidence: number }) => {
    const [control, candidate] = [ratioEstimate(pairOf(i.control))!, ratioEstimate(pairOf(i.treatment))!]
    const { diff, se, low, high } = difference(control, candidate, i.confidence)
    const lift = relativeLift(control, candidate, i.confidence)!
    const z = diff / se
    return {
      ratio_control: control.value,
      ratio_treatment: candidate.value,
      diff,
      se,
      z,
      p_value: 2 * normalSf(Math.abs(z)),
      ci_low: low,
      ci_high: high,
      lift: lift.lift,
      lift_se: lift.se,
      lift_low: lift.low,
      lift_high: lift.high,
    }
  },
  noninferiority_proportions: (i: {
    control: never
    treatment: never
    margin: number
    margin_type: 'absolute' | 'relative'
    direction: 'higher_is_better'
    alpha: number
  }) =>
    nonInferiority(shareEstimate(i.control), shareEstimate(i.treatment), i.margin, i.margin_type, i.direction, i.alpha),
  noninferiority_means: (i: {
    control: never
    treatment: never
    margin: number
    direction: 'higher_is_better'
    alpha: number
  }) => nonInferiorMeans(i.control, i.treatment, i.margin, 'absolute', i.direction, i.alpha),
}

/** Probabilities by their ratio, so that a tail computed as 1 − CDF fails; counts and flags exactly. */
function agrees(method: string, field: string, got: unknown, want: unknown): boolean {
  if (Array.isArray(want)) return want.every((each, i) => agrees(method, field, (got as unknown[])[i], each))
  if (typeof want !== 'number' || ['n1', 'n2', 'total'].includes(field)) return got === want
  if (typeof got !== 'number') return false
  const isProbability = field === 'p_value' || (field === 'value' && /_(cdf|sf)$/.test(method))
  if (field === 'log_e' && want < -5) return got < -5
  if (field === 'log_e') return Math.abs(got - want) <= 1e-7 * Math.max(1, Math.abs(want))
  if (isProbability) return want === 0 ? Math.abs(got) <= 1e-290 : Math.abs(got - want) <= 1e-8 * want
  return Math.abs(got - want) <= Math.max(1e-9 * Math.abs(want), 1e-12)
}

const byMethod = Map.groupBy(vectors as unknown as Case[], ({ method }) => method)

describe('agrees with the reference cases', () => {
  it.each(Object.keys(METHODS))('%s', (method) => {
    const cases = byMethod.get(method) ?? []
    expect(cases.length).toBeGreaterThan(3)
    for (const { id, inputs, expected } of cases) {
      const got = METHODS[method]!(inputs) as Record<string, unknown>
      for (const [field, want] of Object.entries(expected)) {
        expect(
          agrees(method, field, got[field], want),
          `${id} ${field}: ${String(got[field])}, not ${String(want)}`,
        ).toBe(true)
      }
    }
  })

  it('in every method that they have', () => {
    expect(new Set(byMethod.keys())).toEqual(new Set(Object.keys(METHODS)))
  })
})
