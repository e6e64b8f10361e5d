/** Which epochs a report is read from: those of one split, since arms may be compared only while both had their share. */

/** A stretch of time with one split; every epoch of a run has one. */
export interface EpochPlace {
  epoch: number
  stage: string
  percent: number
  sinceMs: number
}

export type Span = NonNullable<ReturnType<typeof latestSpan>>

/**
 * The latest split with both arms, and the epochs before it that had the same: reconfiguring begins a new epoch, not a
 * new experiment. Never several splits together: whoever was exposed under an earlier one is a different crowd.
 */
export function latestSpan(places: readonly EpochPlace[]) {
  const ordered = [...places].sort((a, b) => a.epoch - b.epoch)
  const end = ordered.findLastIndex(({ stage, percent }) => stage.startsWith('canary') && percent > 0 && percent < 100)
  const last = ordered[end]
  if (!last) return null
  let begin = end
  while (ordered[begin - 1]?.stage === last.stage && ordered[begin - 1]?.percent === last.percent) begin--
  const epochs = ordered.slice(begin, end + 1).map(({ epoch }) => epoch)
  const { stage, percent } = last
  /** Null while it lasts. */
  const untilMs = ordered[end + 1]?.sinceMs ?? null
  return { epochs, stage, percent, sinceMs: ordered[begin]!.sinceMs, untilMs }
}
