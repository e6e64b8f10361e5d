/**
 * What the monitors that count job by job share: the candidate's events against a limit and against control's, at any
 * traffic and from the first job on, looked at as often as one likes. Once crossed within an epoch, crossed for good.
 * What is an event is the kinds' to say.
 */
import type { Evidence, GuardrailBase, MonitorState, Tally } from './monitor.ts'
import type { Finding } from './verdict.ts'
import { binomialTail, clopperPearson } from '../stats/proportions.ts'
import { type LateGains, logEvidence, noRestarts, takenIn } from '../stats/restarts.ts'
import { gainsAbove, gainsOver, ODDS } from '../stats/two-streams.ts'
import { addTallies, endedOf, share, SPEAKS_AGAINST } from './streak.ts'
import { counted, percent, tallyText } from './words.ts'
import { addLate } from '../window.ts'

/**
 * Three failures in a row can be one restart or one user's odd prompt, however improbable by count: the arithmetic
 * takes jobs as independent, and they are only nearly so. A fourth is believed.
 */
const LEAST_EVENTS = 4
/** Of the alternatives, the one by which it is told since when the candidate has been bad: six times the limit's odds. */
const SINCE = 3
/** A block of counts is closed once its split is within this factor of the epoch's. */
const LIKE_THE_EPOCH = 1.5
/** Where the epoch's split would have given an arm so many jobs, another split is no chance: it has changed. */
const SPLIT_IS_KNOWN_AT = 10

/** What every kind that counts job by job is configured with. */
export interface SequentialGuardrail extends GuardrailBase {
  /** False alarms over a whole release, all its epochs together. */
  alpha: number
  minRequests: number
}

/** What is tested: events among jobs against a limit, and against control's. */
export interface SequentialTest {
  /** The share of events that is allowed. */
  limit: number
  /** By how much the candidate's rate may exceed control's. */
  margin: number
  alpha: number
  /**
   * Null where what is an event is known from control alone: nothing is done without it, and no fault is shared. Else a
   * limit crossed is enough where control has had no traffic. `hold`: the limit gives way to control's rate of earlier
   * stages where that was higher and control is gone. `rollback`: a limit crossed is always enough.
   */
  bothBad: GuardrailBase['bothBad'] | null
}

const NO_COUNTS = { x: 0, n: 0, controlX: 0, controlN: 0 }

/** The state with one more window's counts, marked as tripped where they cross for the first time. */
export function counting(test: SequentialTest, state: MonitorState, fresh: Tally): MonitorState {
  const control = { x: state.control.x + fresh.controlX, n: state.control.n + fresh.controlN }
  const next = { ...state, seen: state.seen + endedOf(fresh), control }
  if (state.tripped) return next
  const trial = addTallies(state.trial, fresh)
  const evidence = weighed(test, state.evidence ?? opened(test, state, fresh), fresh, trial, control)
  const counts = { ...next, trial, evidence }
  if (!isOverLimit(test, counts)) return counts
  const { logEControl, needed } = evidenceOf(test, counts)
  const isEnough = logEControl === null ? test.bothBad !== null : test.bothBad === 'rollback' || logEControl >= needed
  return isEnough ? { ...counts, tripped: shownTally(counts) } : counts
}

/** On the last rung control is gone where its first window has none of it; before, it is only quiet. */
function opened(test: SequentialTest, { control, share: part, stages }: MonitorState, { controlN }: Tally): Evidence {
  const limit = controlN === 0 && stages === 1 && test.bothBad === 'hold' ? limitWith(test, control, part) : test.limit
  const nothing = noRestarts(ODDS.length)
  return { limit, over: nothing, overControl: nothing, windows: 0, block: NO_COUNTS, since: null, score: 0 }
}

/**
 * Where control is gone, at 100 %, its rate of the release's earlier stages tells what is usual: if that was not within
 * the limit for sure, the limit is the highest rate it may have had, by an interval that has half of the stage's α.
 */
function limitWith({ limit, alpha }: SequentialTest, control: MonitorState['control'], part: number): number {
  if (control.x === 0 || 1 - binomialTail(control.x + 1, control.n, limit) <= SPEAKS_AGAINST) return limit
  return Math.max(limit, Math.min(0.99, clopperPearson(control, 1 - alpha * part).high))
}

function weighed(
  { limit: written, margin }: SequentialTest,
  evidence: Evidence,
  fresh: Tally,
  trial: Tally,
  control: MonitorState['control'],
): Evidence {
  const { limit } = evidence
  const gains = gainsAbove(fresh, limit)
  const late = lateGains(fresh.late, (x) => gainsAbove({ x, n: 1 }, limit))
  const score = Math.max(0, evidence.score + gains[SINCE]!)
  const windows = evidence.windows + 1
  const { block: b } = evidence
  const block = {
    x: b.x + fresh.x,
    n: b.n + fresh.n,
    controlX: b.controlX + fresh.controlX,
    controlN: b.controlN + fresh.controlN,
    ...(b.late || fresh.late ? { late: addLate(b.late, fresh.late) } : {}),
  }
  const next = {
    ...evidence,
    over: takenIn(evidence.over, gains, 1, late),
    windows,
    block,
    score,
    since: score === 0 ? null : addTallies(evidence.since, fresh),
  }
  if (!isLike(block, trial)) return next
  // Control's rate as it was before the block, drawn towards the limit by the weight of one event.
  const guess = (control.x - block.controlX + 1) / (control.n - block.controlN + 1 / written)
  const own = (x: number) =>
    gainsOver({ x, n: block.n }, { x: block.controlX, n: block.controlN }, Math.min(guess, 0.99), margin)
  const overControl = takenIn(evidence.overControl, own(block.x), windows, lateGains(block.late, own))
  return { ...next, overControl, windows: 0, block: NO_COUNTS }
}

/** What failures that were submitted in earlier windows add to the gains beyond good jobs; `gainsOf` is linear in x. */
function lateGains(late: Tally['late'] = {}, gainsOf: (x: number) => number[]): LateGains[] {
  const [good, bad] = [gainsOf(0), gainsOf(1)]
  return Object.entries(late).map(([windows, n]) => ({
    ageWindows: Number(windows),
    gains: bad.map((gain, i) => n * (gain - good[i]!)),
  }))
}

/**
 * Whether a block is closed, by the arms' sizes alone: both are in it about as in the epoch so far, or the split has changed,
 * as where the candidate's users leave, or fail so often in a row that most of it is repeats.
 */
function isLike(block: Evidence['block'], epoch: Tally): boolean {
  if (block.n === 0 || block.controlN === 0) return false
  const expectedN = (block.controlN * epoch.n) / epoch.controlN
  const expectedControlN = (block.n * epoch.controlN) / epoch.n
  // Too few of an arm for what there is of the other.
  if (block.n < expectedN ? expectedN >= SPLIT_IS_KNOWN_AT : expectedControlN >= SPLIT_IS_KNOWN_AT) return true
  const odds = (block.n * epoch.controlN) / (block.controlN * epoch.n)
  return odds <= LIKE_THE_EPOCH && odds * LIKE_THE_EPOCH >= 1
}

/** How the counts stand: log e against the limit and against control, and what either must reach. */
interface EvidenceFigures {
  logE: number
  /** Null where control has had no traffic. */
  logEControl: number | null
  needed: number
}

function evidenceOf({ alpha, limit }: SequentialTest, { evidence, trial, share: part }: MonitorState): EvidenceFigures {
  const { over, overControl, limit: used } = evidence!
  // Half of it went into the limit where that was taken from control.
  const spent = used === limit ? 1 : 2
  return {
    logE: logEvidence(over),
    logEControl: trial!.controlN === 0 || trial!.n === 0 ? null : logEvidence(overControl),
    needed: Math.log(spent / (alpha * part)),
  }
}

/** Over the limit for certain, though perhaps not worse than control. Cheap refusals first. */
function isOverLimit(test: SequentialTest, state: MonitorState): boolean {
  const { x, n } = shownTally(state)
  if (x < LEAST_EVENTS || x <= state.evidence!.limit * n) return false
  const { logE, needed } = evidenceOf(test, state)
  return logE >= needed
}

/** The counts since the candidate has been bad where that is more of them, else all of the epoch. */
function shownTally({ trial, evidence }: MonitorState): Tally {
  const since = evidence?.since
  return since && since.n > 0 && since.x * trial!.n > trial!.x * since.n ? since : trial!
}

/** As it is told: a window in which more jobs fail than it has taken up counts some that an earlier one has counted. */
function eachOnce(tally: Tally): Tally {
  const { x, takenUp, controlX } = tally
  if (!takenUp) return tally
  const n = Math.max(x, takenUp.candidate, endedOf(tally))
  return { ...tally, n, controlN: Math.max(controlX, takenUp.control) }
}

/** The finding of a monitor that has counted jobs. */
export function sequentialFinding(
  { operation, minRequests }: SequentialGuardrail,
  test: SequentialTest,
  state: MonitorState,
  subject: () => string,
): Finding {
  const { limit } = state.evidence!
  const isOver = state.tripped !== null || isOverLimit(test, state)
  const tally = eachOnce(state.tripped ?? (isOver ? shownTally(state) : state.trial!))
  const { x, n, controlX, controlN } = tally
  const shared = !state.tripped && isOver && test.bothBad !== null && controlX > limit * controlN
  const baselineValue = share(controlX, controlN)
  const threshold = Math.max(limit, (baselineValue ?? 0) + test.margin)
  const isDoubtful = shared || (isOver && x / n > threshold)
  const ended = endedOf(state.trial!)
  const few = ended < minRequests
  const status = state.tripped ? 'breach' : isDoubtful || few ? 'inconclusive' : 'pass'
  return {
    status,
    note: shared ? 'both_bad' : null,
    value: x / n,
    n,
    baselineValue,
    baselineN: controlN,
    threshold,
    windows: { fromMs: tally.fromMs, toMs: tally.toMs, bad: state.tripped ? 1 : 0, needed: 1 },
    evidence: () => {
      const { logE, logEControl, needed } = evidenceOf(test, state)
      const against = logEControl === null ? {} : { logEControl }
      return {
        events: x,
        ended: endedOf(tally),
        baselineEvents: controlX,
        ...tally.errors,
        logE,
        ...against,
        logENeeded: needed,
      }
    },
    words: () => {
      const { logE, logEControl, needed } = evidenceOf(test, state)
      const sign = x / n > threshold ? '>' : 'within'
      const base = `${subject()} ${percent(x / n)} ${sign} ${percent(threshold)} ${tallyText(tally, operation)}`
      const control = logEControl === null ? '' : ` and ${logEControl.toFixed(1)} against control`
      const rule = `log e ${logE.toFixed(1)}${control}, ${needed.toFixed(1)} needed`
      if (shared) return `${base}: control fails too, so nothing is rolled back (${rule})`
      return status === 'inconclusive' && few
        ? `${base}: ${ended} of ${counted(minRequests, operation)} needed to pass`
        : `${base}: ${rule}`
    },
  }
}

/** The tests in symbols: x of n against a limit, and against x_c of n_c. */
export function sequentialFormula(alpha: number, limit: string, margin: number): string {
  const control = margin === 0 ? 'x_c of n_c' : `x_c of n_c, margin = ${margin}`
  return (
    `Σ w e(x of n, p0 = ${limit}) >= 1/(a ${alpha}), a the stage's share, and Σ w e(x of n, ${control}) as well ` +
    '(e-variables for one and two streams, begun anew at every window with weights w that sum to 1)'
  )
}
