/**
 * The count-based monitors, on from the first job at any traffic: e-processes over all jobs of the epoch instead of
 * streaks of windows. Once crossed within an epoch, crossed for good. Which jobs count as slow is another file's.
 */
import { jobsForQuantile, tailOf } from './guardrail-quantile.ts'
import { errorTally } from './guardrail-rate.ts'
import { addSlow, slowSubject } from './guardrail-slow-jobs.ts'
import { counted, percent, silenceText, subjectOf, tallyText } from './guardrail-words.ts'
import type { ClosedWindow, Finding, Guardrail, JudgeContext, MonitorState, Tally } from './monitor.ts'
import { logERateAbove, logERateVsControl } from './stats/sequential.ts'
import { addTallies, nothingYet, rate } from './streak.ts'

/**
 * Three failures in a row can be one restart or one user's odd prompt, however improbable by count: the arithmetic
 * takes jobs as independent, and they are only nearly so. A fourth is believed.
 */
const LEAST_EVENTS = 4

/** How a tally stands: log e against the limit and against control, and what either must reach. */
interface Standing {
  logE: number
  /** Null where control has had no traffic. */
  logEControl: number | null
  needed: number
}

export function foldSequential(guardrail: Guardrail, state: MonitorState, window: ClosedWindow): MonitorState {
  const next =
    guardrail.metric === 'error_rate' ? addErrors(guardrail, state, window) : addSlow(guardrail, state, window)
  if (next === state || next.tripped || !next.trial) return next
  return crossed(guardrail, next.epoch, next.trial) ? { ...next, tripped: next.trial } : next
}

function addErrors(guardrail: Guardrail, state: MonitorState, window: ClosedWindow): MonitorState {
  const fresh = errorTally(guardrail, window)
  if (!fresh) return state
  return { ...state, seen: state.seen + fresh.n, trial: addTallies(state.trial, fresh) }
}

/** The share of events that is tested against; null if the guardrail names none. */
function limitOf(guardrail: Guardrail): number | null {
  return guardrail.metric === 'error_rate' ? guardrail.max : tailOf(guardrail)
}

/** Cheap refusals first: at or below the limit every alternative explains the data worse, so e <= 1. */
function crossed(guardrail: Guardrail, epoch: number, trial: Tally): boolean {
  const limit = limitOf(guardrail)
  if (limit === null || trial.x < LEAST_EVENTS || trial.x <= limit * trial.n) return false
  const { logE, logEControl, needed } = standing(guardrail, epoch, trial, limit)
  // How slow is too slow is known from control alone: without it, nothing is.
  if (guardrail.metric !== 'error_rate') return logE >= needed && logEControl !== null && logEControl >= needed
  return logE >= needed && (logEControl === null || guardrail.bothBad === 'rollback' || logEControl >= needed)
}

/**
 * Prior Beta(1, 1/(5·limit)) on the candidate's rate: about five times the limit on average, with weight left up to
 * 100 %. Against Beta(1/2, 1) it takes one job more at a rate of 100 % and a third fewer at twice the limit.
 *
 * Epoch k of a release must reach k(k + 1)/α: the shares 1/(k(k + 1)) add up to 1, so however many epochs a release
 * goes through, α is for all of them. Later epochs pay with a few more errors, and have the traffic for it.
 */
function standing(guardrail: Guardrail, epoch: number, trial: Tally, limit: number): Standing {
  const { x, n, controlX, controlN } = trial
  return {
    logE: logERateAbove(x, n, limit, 1, Math.max(1, 1 / (5 * limit))),
    logEControl:
      controlN === 0 || n === 0
        ? null
        : logERateVsControl(x, x + controlX, n / (n + controlN), toleratedRatio(guardrail, trial, limit)),
    needed: Math.log((epoch * (epoch + 1)) / guardrail.alpha),
  }
}

/**
 * (p_c + margin)/p_c, with control's rate drawn towards the limit by the weight of one event. Of slow jobs it is 1: what
 * is tolerated is in the limits by which either arm's were counted.
 */
function toleratedRatio({ margin, metric }: Guardrail, { controlX, controlN }: Tally, limit: number): number {
  if (metric !== 'error_rate') return 1
  const controlRate = (controlX + 1) / (controlN + 1 / limit)
  return (controlRate + margin) / controlRate
}

export function assessSequential(guardrail: Guardrail, state: MonitorState, context: JudgeContext): Finding {
  const limit = limitOf(guardrail)
  const trial = state.tripped ?? state.trial
  if (limit === null || !trial || trial.n === 0) return unjudged(guardrail, state, context)
  const { x, n, controlX, controlN } = trial
  const isOver = !state.tripped && isOverLimit(guardrail, state.epoch, trial, limit)
  const shared = isOver && guardrail.metric === 'error_rate' && controlX > limit * controlN
  const baselineValue = rate(controlX, controlN)
  const threshold = Math.max(limit, (baselineValue ?? 0) + (guardrail.metric === 'error_rate' ? guardrail.margin : 0))
  const isDoubtful = shared || (isOver && x / n > threshold)
  const open = isDoubtful || n < guardrail.minRequests
  const finding: Omit<Finding, 'words' | 'evidence'> = {
    status: state.tripped ? 'breach' : open ? 'inconclusive' : 'pass',
    note: shared ? 'both_bad' : null,
    value: x / n,
    n,
    baselineValue,
    baselineN: controlN,
    threshold,
    windows: { fromMs: trial.fromMs, toMs: trial.toMs, bad: state.tripped ? 1 : 0, needed: 1 },
  }
  const stand = (): Standing => standing(guardrail, state.epoch, trial, limit)
  return {
    ...finding,
    evidence: () => {
      const { logE, logEControl, needed } = stand()
      const against = logEControl === null ? {} : { logEControl }
      return { events: x, baselineEvents: controlX, ...trial.errors, logE, ...against, logENeeded: needed }
    },
    words: () => sequentialWords(guardrail, state, trial, finding, stand()),
  }
}

/** Over the limit for certain, though perhaps not worse than control. */
function isOverLimit(guardrail: Guardrail, epoch: number, trial: Tally, limit: number): boolean {
  if (trial.x < LEAST_EVENTS || trial.x <= limit * trial.n) return false
  const { logE, needed } = standing(guardrail, epoch, trial, limit)
  return logE >= needed
}

/** `job error rate 12 % > 1.4 % (4 of 34 jobs: 4 job_failed; control 0.4 %): log e 9.7 and 6.1 against control, 5.3 needed`. */
function sequentialWords(
  guardrail: Guardrail,
  state: MonitorState,
  trial: Tally,
  { status, note, threshold }: Omit<Finding, 'words' | 'evidence'>,
  { logE, logEControl, needed }: Standing,
): string {
  const { operation } = guardrail
  const share = trial.x / trial.n
  const subject = guardrail.metric === 'error_rate' ? subjectOf(guardrail) : slowSubject(guardrail, state)
  const sign = share > threshold! ? '>' : 'within'
  const base = `${subject} ${percent(share)} ${sign} ${percent(threshold!)} ${tallyText(trial, operation)}`
  const control = logEControl === null ? '' : ` and ${logEControl.toFixed(1)} against control`
  const rule = `log e ${logE.toFixed(1)}${control}, ${needed.toFixed(1)} needed`
  if (note === 'both_bad') return `${base}: control fails too, so nothing is rolled back (${rule})`
  return status === 'inconclusive' && trial.n < guardrail.minRequests
    ? `${base}: ${trial.n} of ${counted(guardrail.minRequests, operation)} needed to pass`
    : `${base}: ${rule}`
}

function unjudged(guardrail: Guardrail, state: MonitorState, context: JudgeContext): Finding {
  const { n, controlN } = state.pending?.tally ?? { n: 0, controlN: 0 }
  const slow = guardrail.metric !== 'error_rate'
  return nothingYet(guardrail, state.seen, { n, baselineN: controlN, noControl: slow && controlN === 0 }, () =>
    state.seen === 0
      ? silenceText(guardrail, context)
      : `${subjectOf(guardrail)}: control has ${controlN} of ${counted(jobsForQuantile(guardrail), guardrail.operation)} needed for a comparison`,
  )
}
