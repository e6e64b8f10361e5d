/**
 * What the monitors that count job by job share: the candidate's events against a limit and against control's, at any
 * traffic and from the first job on, looked at as often as one likes. Once crossed within an epoch, crossed for good.
 * What is an event is the kinds' to say.
 */
import type { GuardrailBase, GuardrailSettings, MonitorState, Tally } from './monitor.ts'
import type { Finding } from './verdict.ts'
import { isWithin, opened, weighed } from './sequential-evidence.ts'
import { logEvidence } from '../stats/restarts.ts'
import { addTallies, atLeastEnded, endedOf, share, takenUpOf } from './streak.ts'
import { counted, percent, tallyText } from './words.ts'

/**
 * Three failures in a row can be one restart or one user's odd prompt, however improbable by count: the arithmetic
 * takes jobs as independent, and they are only nearly so. A fourth is believed.
 */
const LEAST_EVENTS = 4
/** In the words of a verdict. */
const WAITS_FOR_CONTROL = '; waits for control, which may have failed as much before and has had none in this stage yet'

/** What every kind that counts job by job is configured with. */
export type SequentialGuardrail = GuardrailBase & Pick<GuardrailSettings, 'alpha' | 'minRequests'>

/** What is tested: events among jobs against a limit, and against control's. */
export interface SequentialTest {
  /** The share of events that is allowed. */
  limit: number
  /** By how much the candidate's rate may exceed control's. */
  margin: number
  alpha: number
  /**
   * Null where what is an event is known from control alone: nothing is done without it, and no fault is shared. Else a
   * limit crossed is enough where control has had no traffic. `hold`: but not where control may have been over it in
   * earlier stages, or on the last rung, where it is gone, the limit gives way to that rate. `rollback`: a limit crossed is
   * always enough.
   */
  bothBad: GuardrailBase['bothBad'] | null
}

/** The state with one more window's counts, marked as tripped where they cross for the first time. */
export function counting(test: SequentialTest, state: MonitorState, fresh: Tally): MonitorState {
  const control = { x: state.control.x + fresh.controlX, n: state.control.n + takenUpOf(fresh).control }
  const next = { ...state, seen: state.seen + endedOf(fresh), control }
  if (state.tripped) return next
  const trial = addTallies(state.trial, fresh)
  const evidence = weighed(test, state.evidence ?? opened(test, state, fresh), fresh, trial, control)
  const counts = { ...next, trial, evidence }
  if (!isOverLimit(test, counts)) return counts
  const { logEControl, needed } = evidenceOf(test, counts)
  const isEnough =
    logEControl === null ? isLimitEnough(test, next) : test.bothBad === 'rollback' || logEControl >= needed
  return isEnough ? { ...counts, tripped: shownTally(counts) } : counts
}

/**
 * Where control has had no traffic in this epoch. Before the last rung that is so for a moment only: if it may have been over
 * the limit in earlier stages, the candidate's events may be its as well, and its next jobs tell.
 */
function isLimitEnough({ limit, bothBad }: SequentialTest, { control, stages }: MonitorState): boolean {
  if (bothBad !== 'hold') return bothBad === 'rollback'
  return stages === 1 || isWithin(limit, control)
}

/** How the counts stand: log e against the limit and against control, and what either must reach. */
function evidenceOf({ alpha, limit }: SequentialTest, { evidence, trial, share: part }: MonitorState) {
  const { over, overControl, limit: used } = evidence!
  // Half of it went into the limit where that was taken from control.
  const spent = used === limit ? 1 : 2
  return {
    logE: logEvidence(over),
    /** Null where control has had no traffic. */
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
  const epoch = eachOnce(trial!)
  const since = evidence?.since ? eachOnce(evidence.since) : null
  return since && since.n > 0 && since.x * epoch.n > epoch.x * since.n ? since : epoch
}

/** Each job once, but no fewer than have failed, as where a span begins with failures of earlier jobs. */
function eachOnce(tally: Tally): Tally {
  const { candidate, control } = takenUpOf(tally)
  return { ...tally, n: Math.max(tally.x, candidate), controlN: Math.max(tally.controlX, control) }
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
  const tally = state.tripped ?? (isOver ? shownTally(state) : atLeastEnded(eachOnce(state.trial!)))
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
      const logs = { logE, ...(logEControl === null ? {} : { logEControl }), logENeeded: needed }
      return { events: x, ended: endedOf(tally), baselineEvents: controlX, ...tally.errors, ...logs }
    },
    words: () => {
      const { logE, logEControl, needed } = evidenceOf(test, state)
      const sign = x / n > threshold ? '>' : 'within'
      const base = `${subject()} ${percent(x / n)} ${sign} ${percent(threshold)} ${tallyText(tally, operation)}`
      const control = logEControl === null ? '' : ` and ${logEControl.toFixed(1)} against control`
      const waits = isOver && !state.tripped && logEControl === null
      const rule = `log e ${logE.toFixed(1)}${control}, ${needed.toFixed(1)} needed${waits ? WAITS_FOR_CONTROL : ''}`
      if (shared) return `${base}: control fails too, so nothing is rolled back (${rule})`
      return status === 'inconclusive' && few && !isOver
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
