/** E-variables for a stream of events against a limit, and for two against each other. Callers multiply and compare. */
import { halved } from './halving.ts'
import type { Share } from './proportions.ts'

/** How many times the odds of the null the alternatives are: from a third more to nearly all. */
export const ODDS = [1.35, 2, 3.5, 6, 11, 25, 100, 1500] as const

/** The rate whose odds are so many times those of `rate`. */
export function rateAt(odds: number, rate: number): number {
  return (odds * rate) / (1 - rate + odds * rate)
}

/** H0: the rate is at most `limit`. Log likelihood ratios of the alternatives at `ODDS` times its odds. */
export function gainsAbove(stream: Share, limit: number): number[] {
  return ODDS.map((odds) => gainOf(stream, jobGain(rateAt(odds, limit), limit)))
}

/** What one job adds to an alternative's log likelihood ratio, by how it ended. */
interface JobGain {
  good: number
  failed: number
}

export type PairGains = Record<'candidate' | 'control', JobGain>

/**
 * H0: the candidate's rate is at most control's plus `margin`, whatever control's is. For the alternative that control has
 * `guess` and the candidate `ODDS` times the odds of guess + margin, the likelihood of both counts over that of the
 * nearest pair of the null: an e-variable for any sizes (Turner, Ly & Grünwald, arXiv 2106.02693), provided that `guess`
 * is older than the counts. Product over blocks of counts is one too, also while the rates move and the split does.
 */
export function gainsOver(candidate: Share, control: Share, guess: number, margin: number): number[] {
  return pairsOver(candidate.n, control.n, guess, margin).map(
    (each) => gainOf(candidate, each.candidate) + gainOf(control, each.control),
  )
}

/** For each alternative of `gainsOver`, among so many jobs of both arms. */
export function pairsOver(n: number, controlN: number, guess: number, margin: number): PairGains[] {
  const tolerated = guess + margin
  return ODDS.map((odds) => {
    // Nothing is worse than that.
    if (tolerated >= 0.999) return { candidate: NOTHING, control: NOTHING }
    const rate = rateAt(odds, tolerated)
    const nearest = nearestNull({ n, rate }, { n: controlN, rate: guess }, margin)
    return { candidate: jobGain(rate, nearest + margin), control: jobGain(guess, nearest) }
  })
}

const NOTHING: JobGain = { good: 0, failed: 0 }

/** Control's rate in the pair (r, r + margin) that is nearest by Kullback–Leibler divergence, weighted by the sizes. */
function nearestNull(
  candidate: { n: number; rate: number },
  control: { n: number; rate: number },
  margin: number,
): number {
  const common = (candidate.n * candidate.rate + control.n * control.rate) / (candidate.n + control.n)
  if (margin === 0) return common
  const slope = (r: number) =>
    (candidate.n * (r + margin - candidate.rate)) / ((r + margin) * (1 - r - margin)) +
    (control.n * (r - control.rate)) / (r * (1 - r))
  const most = Math.max(control.rate, candidate.rate - margin)
  return halved(control.rate, most, 40, (r) => slope(r) >= 0).middle
}

function jobGain(rate: number, nullRate: number): JobGain {
  return { good: Math.log1p(-rate) - Math.log1p(-nullRate), failed: Math.log(rate / nullRate) }
}

function gainOf({ x, n }: Share, { good, failed }: JobGain): number {
  return x * failed + (n - x) * good
}
