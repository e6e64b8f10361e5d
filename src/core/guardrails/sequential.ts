/**
 * What the count-based monitors share, on from the first job at any traffic: e-processes over all jobs of the epoch
 * instead of streaks of windows. Once crossed within an epoch, crossed for good. What is an event is the kinds' to say.
 */
import type { Finding, GuardrailBase, MonitorState, Tally } from './monitor.ts'
import { logERateAbove } from '../stats/sequential.ts'
import { share } from './streak.ts'
import { counted, percent, tallyText } from './words.ts'
import type { Operation } from '../outcome.ts'

/**
 * Three failures in a row can be one restart or one user's odd prompt, however improbable by count: the arithmetic
 * takes jobs as independent, and they are only nearly so. A fourth is believed.
 */
const LEAST_EVENTS = 4

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
  /** Log e of the candidate being worse than control by more than is tolerated. */
  logEControl: (trial: Tally) => number
  alpha: number
  /** Whether a limit crossed is enough where control has had no traffic, or where `bothBad` says so. */
  actsWithoutControl: (logEControl: number | null) => boolean
}

/** How a tally stands: log e against the limit and against control, and what either must reach. */
interface Evidence {
  logE: number
  /** Null where control has had no traffic. */
  logEControl: number | null
  needed: number
}

/** The state after the counts in `next.trial`, marked as tripped where they cross for the first time. */
export function tripped(test: SequentialTest, state: MonitorState, next: MonitorState): MonitorState {
  if (next === state || next.tripped || !next.trial) return next
  if (!isOverLimit(test, next.epoch, next.trial)) return next
  const { logEControl, needed } = evidenceOf(test, next.epoch, next.trial)
  const crossed = test.actsWithoutControl(logEControl) || (logEControl !== null && logEControl >= needed)
  return crossed ? { ...next, tripped: next.trial } : next
}

/** Over the limit for certain, though perhaps not worse than control. Cheap refusals first: at or below the limit e <= 1. */
function isOverLimit(test: SequentialTest, epoch: number, trial: Tally): boolean {
  if (trial.x < LEAST_EVENTS || trial.x <= test.limit * trial.n) return false
  const { logE, needed } = evidenceOf(test, epoch, trial)
  return logE >= needed
}

/**
 * Prior Beta(1, 1/(5·limit)) on the candidate's rate: about five times the limit on average, with weight left up to
 * 100 %. Against Beta(1/2, 1) it takes one job more at a rate of 100 % and a third fewer at twice the limit.
 *
 * Epoch k of a release must reach k(k + 1)/α: the shares 1/(k(k + 1)) add up to 1, so however many epochs a release
 * goes through, α is for all of them. Later epochs pay with a few more errors, and have the traffic for it.
 */
function evidenceOf({ limit, logEControl, alpha }: SequentialTest, epoch: number, trial: Tally): Evidence {
  const { x, n, controlN } = trial
  return {
    logE: logERateAbove(x, n, limit, 1, Math.max(1, 1 / (5 * limit))),
    logEControl: controlN === 0 || n === 0 ? null : logEControl(trial),
    needed: Math.log((epoch * (epoch + 1)) / alpha),
  }
}

/** How the finding is said, and what the kinds add to it. */
interface Saying {
  subject: () => string
  operation: Operation
  minRequests: number
  /** What may be exceeded over control's rate before it shows. */
  margin: number
  /** Whether a limit that control exceeds too is called `both_bad`. */
  mayBeShared: boolean
}

/** The finding of a monitor that has counted jobs. */
export function sequentialFinding(
  test: SequentialTest,
  state: MonitorState,
  trial: Tally,
  { subject, operation, minRequests, margin, mayBeShared }: Saying,
): Finding {
  const { limit } = test
  const { x, n, controlX, controlN } = trial
  const isOver = !state.tripped && isOverLimit(test, state.epoch, trial)
  const shared = isOver && mayBeShared && controlX > limit * controlN
  const baselineValue = share(controlX, controlN)
  const threshold = Math.max(limit, (baselineValue ?? 0) + margin)
  const isDoubtful = shared || (isOver && x / n > threshold)
  const open = isDoubtful || n < minRequests
  const status = state.tripped ? 'breach' : open ? 'inconclusive' : 'pass'
  return {
    status,
    note: shared ? 'both_bad' : null,
    value: x / n,
    n,
    baselineValue,
    baselineN: controlN,
    threshold,
    windows: { fromMs: trial.fromMs, toMs: trial.toMs, bad: state.tripped ? 1 : 0, needed: 1 },
    evidence: () => {
      const { logE, logEControl, needed } = evidenceOf(test, state.epoch, trial)
      const against = logEControl === null ? {} : { logEControl }
      return { events: x, baselineEvents: controlX, ...trial.errors, logE, ...against, logENeeded: needed }
    },
    words: () => {
      const { logE, logEControl, needed } = evidenceOf(test, state.epoch, trial)
      const sign = x / n > threshold ? '>' : 'within'
      const base = `${subject()} ${percent(x / n)} ${sign} ${percent(threshold)} ${tallyText(trial, operation)}`
      const control = logEControl === null ? '' : ` and ${logEControl.toFixed(1)} against control`
      const rule = `log e ${logE.toFixed(1)}${control}, ${needed.toFixed(1)} needed`
      if (shared) return `${base}: control fails too, so nothing is rolled back (${rule})`
      return status === 'inconclusive' && n < minRequests
        ? `${base}: ${n} of ${counted(minRequests, operation)} needed to pass`
        : `${base}: ${rule}`
    },
  }
}
