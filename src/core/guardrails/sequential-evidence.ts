/**
 * How the evidence of a monitor that counts job by job grows, window by window. What it must reach, and what follows, is in
 * sequential.ts.
 *
 * Against the limit each job has one factor, whenever it ends. The window that takes it up counts it as a good one; where
 * it fails in a later one, that is put right by the odds ratio of failing, which is the same in all windows. Why that is
 * valid, whatever the delays: the product over the jobs as they will have ended is an e-process by their order of
 * submission. An open job's factor is the least that it can come to, so that the product at any time is at most what the
 * final one is expected to be by all that is known then; and of a process of which that holds at each time, the stopped
 * one has a mean of at most 1 too. Each restart counts the failures of those jobs only that it has counted as good.
 *
 * Against control a failure's weight is its block's own, by how the jobs of both arms are split in it. Where jobs are
 * submitted in blocks in which a failure weighs little, and fail in blocks in which it weighs much, the product's mean is
 * above 1. So a late failure, of either arm, weighs the least that one weighs by the splits of the blocks that its job may
 * be of. Old blocks are kept as spans, with one split each: that errs by how much the split varies within a span, squared,
 * and needs that the common rate does not follow it there. Control's open jobs count as good ones, which is the most that
 * they can come to, so that a comparison takes it that both arms' failures are as late.
 */
import type { Evidence, MonitorState, Tally } from './monitor.ts'
import type { SequentialTest } from './sequential.ts'
import { binomialTail, clopperPearson, type Share } from '../stats/proportions.ts'
import { spansOf, withBlock } from '../stats/block-spans.ts'
import { type LateGains, noRestarts, takenIn } from '../stats/restarts.ts'
import { gainsAbove, gainsOver, ODDS, type PairGains, pairsOver } from '../stats/two-streams.ts'
import { addTallies, SPEAKS_AGAINST, takenUpOf } from './streak.ts'
import { addLate } from '../window.ts'

/** Of the alternatives, the one by which it is told since when the candidate has been bad: six times the limit's odds. */
const SINCE = 3
/** A block of counts is closed once its split is within this factor of the epoch's. */
const LIKE_THE_EPOCH = 1.5
/** Where the epoch's split would have given an arm so many jobs, another split is no chance: it has changed. */
const SPLIT_IS_KNOWN_AT = 10

const NO_COUNTS = { x: 0, n: 0, controlX: 0, controlN: 0 }
/** What a failure adds to `gainsAbove` beyond a good job, whatever the limit. */
const FAILED_AFTER_ALL = ODDS.map(Math.log)

/** On the last rung control is gone where its first window has none of it; before, it is only quiet. */
export function opened(
  test: SequentialTest,
  { control, share: part, stages }: MonitorState,
  { controlN }: Tally,
): Evidence {
  const limit = controlN === 0 && stages === 1 && test.bothBad === 'hold' ? limitWith(test, control, part) : test.limit
  const nothing = noRestarts(ODDS.length)
  return { limit, over: nothing, overControl: nothing, windows: 0, block: NO_COUNTS, blocks: [], since: null, score: 0 }
}

/**
 * Where control is gone, at 100 %, its rate of the release's earlier stages tells what is usual: if that was not within
 * the limit for sure, the limit is the highest rate it may have had, by an interval that has half of the stage's α.
 */
function limitWith({ limit, alpha }: SequentialTest, control: MonitorState['control'], part: number): number {
  if (isWithin(limit, control)) return limit
  return Math.max(limit, Math.min(0.99, clopperPearson(atLeastFailed(control), 1 - alpha * part).high))
}

/** Whether control has had no events in the whole release so far, or so few that its rate is within the limit for sure. */
export function isWithin(limit: number, control: MonitorState['control']): boolean {
  const { x, n } = atLeastFailed(control)
  return x === 0 || 1 - binomialTail(x + 1, n, limit) <= SPEAKS_AGAINST
}

/** Some may have failed that were taken up before anything was counted. */
function atLeastFailed({ x, n }: Share): Share {
  return { x, n: Math.max(x, n) }
}

/** With one more window's counts, which `epoch` and `control`, that of the whole release, hold already. */
export function weighed(
  test: SequentialTest,
  evidence: Evidence,
  fresh: Tally,
  epoch: Tally,
  control: MonitorState['control'],
): Evidence {
  const late = lateGains(fresh.late, () => FAILED_AFTER_ALL)
  const gains = withLate(gainsAbove(withoutLate(fresh), evidence.limit), late)
  const score = Math.max(0, evidence.score + gains[SINCE]!)
  const next = {
    ...evidence,
    over: takenIn(evidence.over, gains, 1, late),
    windows: evidence.windows + 1,
    block: added(evidence.block, fresh),
    score,
    since: score === 0 ? null : addTallies(evidence.since, fresh),
  }
  return isLike(next.block, epoch) ? compared(test, next, control) : next
}

/** Those that ended in the window that took them up, or have not ended. No fewer than have failed: an end that is no evidence takes off its job in the window of the end. */
function withoutLate(fresh: Tally): Share {
  const x = Math.max(0, fresh.x - sumOf(fresh.late))
  return { x, n: Math.max(x, takenUpOf(fresh).candidate) }
}

function sumOf(late: Tally['late'] = {}): number {
  return Object.values(late).reduce((sum, n) => sum + n, 0)
}

/** What failures that were submitted in earlier windows add to the gains, of `weights` each. */
function lateGains(late: Tally['late'] = {}, weightsOf: (ageWindows: number) => readonly number[]): LateGains[] {
  return Object.entries(late).map(([age, n]) => ({
    ageWindows: Number(age),
    gains: weightsOf(Number(age)).map((weight) => n * weight),
  }))
}

function withLate(gains: readonly number[], late: readonly LateGains[]): number[] {
  return gains.map((gain, i) => late.reduce((sum, each) => sum + each.gains[i]!, gain))
}

/** With one more window; `n` of jobs taken up, of both arms. */
function added(block: Evidence['block'], fresh: Tally): Evidence['block'] {
  const { late, controlLate } = fresh
  return {
    x: block.x + fresh.x,
    n: block.n + withoutLate(fresh).n,
    controlX: block.controlX + fresh.controlX,
    controlN: block.controlN + takenUpOf(fresh).control,
    ...(block.late || late ? { late: addLate(block.late, late) } : {}),
    ...(block.controlLate || controlLate ? { controlLate: addLate(block.controlLate, controlLate) } : {}),
  }
}

/** With the block closed, and taken in. */
function compared({ limit, margin }: SequentialTest, evidence: Evidence, control: MonitorState['control']): Evidence {
  const { block, windows, overControl, blocks } = evidence
  const { n, controlN } = block
  const [own, controlOwn] = [
    { x: Math.max(0, block.x - sumOf(block.late)), n },
    { x: Math.max(0, block.controlX - sumOf(block.controlLate)), n: controlN },
  ]
  // Control's rate as it was before the block, drawn towards the limit by the weight of one event.
  const before = (control.x - block.controlX + 1) / (Math.max(0, control.n - controlN) + 1 / limit)
  const guess = Math.min(before, 0.99)
  const untilWindow = overControl.windows + windows
  const spans = withBlock(blocks, { untilWindow, n, controlN })
  const weightsOf = (arm: keyof PairGains) => (ageWindows: number) => {
    // Ages are rounded up to a power of two, and a job may be heard of a window late.
    const found = spansOf(spans, overControl.windows - ageWindows, untilWindow - 1 - Math.floor(ageWindows / 2))
    return leastWeights(found.map((span) => pairsOver(span.n, span.controlN, guess, margin).map((pair) => pair[arm])))
  }
  const late = lateGains(block.late, weightsOf('candidate'))
  const gains = withLate(gainsOver(own, controlOwn, guess, margin), [
    ...late,
    ...lateGains(block.controlLate, weightsOf('control')),
  ])
  const next = takenIn(overControl, gains, windows, late)
  return { ...evidence, overControl: next, blocks: spans, windows: 0, block: NO_COUNTS }
}

/** For each alternative, the least that a failure adds beyond a good job in any span. */
function leastWeights(spans: readonly PairGains['candidate'][][]): number[] {
  return ODDS.map((_, i) => Math.min(...spans.map((jobs) => jobs[i]!.failed - jobs[i]!.good)))
}

/**
 * Whether a block is closed, by the arms' sizes alone: both are in it about as in the epoch so far, or the split has changed,
 * as where the candidate's users leave, or fail so often in a row that most of it is repeats. A candidate without new jobs
 * is waited for, unless older ones of its have failed.
 */
function isLike(block: Evidence['block'], tally: Tally): boolean {
  if (block.controlN <= 0 || (block.n === 0 && !block.late)) return false
  const { candidate, control } = takenUpOf(tally)
  const epoch = { n: Math.max(block.n, candidate), controlN: Math.max(block.controlN, control) }
  const expectedN = (block.controlN * epoch.n) / epoch.controlN
  const expectedControlN = (block.n * epoch.controlN) / epoch.n
  // Too few of an arm for what there is of the other.
  if (block.n < expectedN ? expectedN >= SPLIT_IS_KNOWN_AT : expectedControlN >= SPLIT_IS_KNOWN_AT) return true
  const odds = (block.n * epoch.controlN) / (block.controlN * epoch.n)
  return odds <= LIKE_THE_EPOCH && odds * LIKE_THE_EPOCH >= 1
}
