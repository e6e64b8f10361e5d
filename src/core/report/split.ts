/** Whether the arms got the subjects that they were dealt: each epoch for itself, and at every look anew. */
import type { Split } from '../experiment.ts'
import { logMean, logSum } from '../stats/anytime.ts'
import { pearson, sequentialSplit, SRM_ALPHA } from '../stats/srm.ts'

/** Of priors around the dealt shares, whose e-values are averaged: the wide one shows a large loss early, the narrow one (optimizely/ssrm's default) a small one at all. */
const CONCENTRATIONS = [100, 1000, 10_000]
/** In the smaller arm of an epoch; with fewer, one subject would look like a broken split. */
const FEWEST_EXPECTED = 8

/**
 * Each subject once, in the epoch of its first exposure. The k-th epoch's e-value weighs 1/(k(k+1)): the weights sum to
 * at most 1, so that the sum is an e-value of the run, and opposite breaks add up where counts would cancel.
 */
export function splitReport(splits: readonly Split[]) {
  const epochs = [...splits]
    .sort((a, b) => a.epoch - b.epoch)
    .map((split) => ({ split, log_e: logEOf(split), chi2: isCounted(split) ? pearsonOf(split) : 0 }))
  const weighted = epochs.map(({ log_e }, i) => log_e - Math.log((i + 1) * (i + 2)))
  const p_value = Math.min(1, Math.exp(-logSum([-Math.log(epochs.length + 1), ...weighted])))
  const total = (of: (split: Split) => number) => splits.reduce((sum, split) => sum + of(split), 0)
  const [n, candidate, expected] = [total((s) => s.n), total((s) => s.candidate), total((s) => s.expected)]
  return {
    p_value,
    chi2: epochs.reduce((sum, { chi2 }) => sum + chi2, 0),
    mismatch: p_value < SRM_ALPHA,
    expected: { control: n - expected, candidate: expected },
    observed: { control: n - candidate, candidate },
    epochs: epochs.map(({ split, log_e }) => ({
      epoch: split.epoch,
      stage: split.stage,
      percent: split.percent,
      control: split.n - split.candidate,
      candidate: split.candidate,
      expected_candidate: split.expected,
      p_value: Math.min(1, Math.exp(-log_e)),
    })),
  }
}

function isCounted({ n, expected }: Split): boolean {
  return Math.min(expected, n - expected) >= FEWEST_EXPECTED
}

function pearsonOf({ n, candidate, expected }: Split): number {
  return pearson([n - candidate, candidate], [n - expected, expected]).chi2
}

/** Every subject of an epoch is dealt by one percent, so that shares of the expected counts are those of the deal. */
function logEOf(split: Split): number {
  const { n, candidate, expected } = split
  if (!isCounted(split)) return 0
  return logMean(
    CONCENTRATIONS.map((each) => sequentialSplit([n - candidate, candidate], [n - expected, expected], each).log_e),
  )
}
