/**
 * An e-variable for two streams of events: whether the candidate's rate is above control's, whatever the common rate is.
 * It decides nothing; callers compare.
 */

/** Counts of events among trials. */
interface Stream {
  x: number
  n: number
}

/** Control's rate and the candidate's, as alternatives: from 0.1 % to 50 %, and up to nearly all. */
const RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5]
const CANDIDATE_RATES = [...RATES, 0.75, 0.97]
const GRID = RATES.flatMap((control) =>
  CANDIDATE_RATES.filter((candidate) => candidate > control).map((candidate) => ({ control, candidate })),
)

/**
 * H0: the candidate's rate is at most control's. For each alternative (p_c, p) with p > p_c, the likelihood of both
 * counts over that of one common rate (n p + n_c p_c)/(n + n_c): an e-variable for any sizes (Turner, Ly & Grünwald, arXiv
 * 2106.02693). Mixed in equal parts over a grid of alternatives. As counts grow it stays an e-process while the split
 * of the traffic does.
 */
export function logETwoStreams(candidate: Stream, control: Stream): number {
  const n = candidate.n + control.n
  if (n === 0) return 0
  const logs = GRID.map((rates) => {
    const common = (candidate.n * rates.candidate + control.n * rates.control) / n
    const gained = logGain(candidate, rates.candidate, common) + logGain(control, rates.control, common)
    return gained - Math.log(GRID.length)
  })
  const highest = Math.max(...logs)
  return highest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - highest), 0))
}

function logGain({ x, n }: Stream, rate: number, common: number): number {
  return x * Math.log(rate / common) + (n - x) * (Math.log1p(-rate) - Math.log1p(-common))
}
