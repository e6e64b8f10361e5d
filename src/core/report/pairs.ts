/** Quality by shadow pairs: both videos of one prompt compared, whatever makes prompts differ. Decides nothing. */
import type { ExperimentPlan, PairSums } from '../experiment.ts'
import { CONFIDENCE } from './intervals.ts'
import type { Interval } from '../stats/hybrid-interval.ts'
import { moreIsBetter } from '../signal-registry.ts'
import { anytimeZ, logETwoSided } from '../stats/anytime.ts'
import { normalSf, tSf, upperTQuantile } from '../stats/distributions.ts'
import { firstFrom } from '../stats/halving.ts'
import { pairedT, signTest } from '../stats/pairs.ts'
import { upperNormalQuantile } from '../stats/power.ts'

/** With fewer pairs the spread of their differences is not known well enough for any proof. */
const FEWEST_PAIRS = 20
/** Nobody would wait for more. */
const MOST_PAIRS = 1e7

/** By what may be read at any time. `alike`: all of it is within the mde. */
export const PAIR_OUTCOMES = ['better', 'worse', 'alike', 'open'] as const

type Plan = Pick<ExperimentPlan, 'alpha' | 'power' | 'pairMde'>

/** A sum that no number can hold says nothing, and must not take the report with it. */
export function pairReports(pairs: readonly PairSums[], plan: Plan) {
  return pairs
    .filter((sums) => sums.n > 0 && [sums.mean, sums.m2, sums.control, sums.candidate].every(Number.isFinite))
    .map((sums) => pairReport(sums, plan))
}

function pairReport(sums: PairSums, { alpha, power, pairMde: mde }: Plan) {
  const { metric, n, control, candidate, mean, higher, lower } = sums
  const better: 'more' | 'less' = moreIsBetter(metric) ? 'more' : 'less'
  const { se, t, p_value } = pairedT(sums)
  const half = n > 1 ? upperTQuantile((1 - CONFIDENCE) / 2, n - 1) * se : null
  const band = bandOf(sums, se, t, alpha)
  const worthFinding = mde * Math.abs(control)
  const outcome = band ? outcomeOf(band, better, worthFinding) : 'open'
  const planned =
    n < FEWEST_PAIRS || worthFinding === 0 ? null : plannedPairs(se * Math.sqrt(n), worthFinding, alpha, power)
  const left = planned === null || planned <= n ? null : planned - n
  return {
    metric,
    n,
    control,
    candidate,
    better,
    difference: half === null ? null : { lift: mean, low: mean - half, high: mean + half },
    t_test: t === null ? null : { statistic: t, df: n - 1, p_value },
    sign_test: {
      candidate_higher: higher,
      control_higher: lower,
      equal: n - higher - lower,
      p_value: signTest(higher, lower),
    },
    always_valid: band,
    outcome,
    mde,
    planned,
    needed: outcome === 'open' ? left : 0,
  }
}

/** The normal sequence, with the statistic and its bound taken over by tail chance, as few pairs have Student's tails. */
function bandOf(
  { n, mean }: PairSums,
  se: number,
  t: number | null,
  alpha: number,
): (Interval & { p_value: number }) | null {
  if (n < FEWEST_PAIRS) return null
  // Where each pair differs by the same there is nothing to be unsure of.
  if (t === null) return { low: mean, high: mean, p_value: mean === 0 ? 1 : 0 }
  const half = upperTQuantile(normalSf(anytimeZ(n, alpha)), n - 1) * se
  const tail = tSf(Math.abs(t), n - 1)
  const z = tail > 0 ? upperNormalQuantile(tail) : Math.abs(t)
  return { low: mean - half, high: mean + half, p_value: Math.min(1, Math.exp(-logETwoSided(z, n, alpha))) }
}

function outcomeOf({ low, high }: Interval, better: 'more' | 'less', mde: number): (typeof PAIR_OUTCOMES)[number] {
  if (low > 0 || high < 0) return low > 0 === (better === 'more') ? 'better' : 'worse'
  return -mde < low && high < mde ? 'alike' : 'open'
}

/** So many that the sequence has passed there, with the planned power, where the mean difference is the mde. */
function plannedPairs(sd: number, mde: number, alpha: number, power: number): number | null {
  const zBeta = upperNormalQuantile(1 - power)
  const shows = (n: number) => (mde / sd) * Math.sqrt(n) >= anytimeZ(n, alpha) + zBeta
  const first = firstFrom(FEWEST_PAIRS, MOST_PAIRS, shows)
  return first && Math.ceil(first)
}
