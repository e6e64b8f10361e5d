/**
 * The count-based monitors, on from the first job at any traffic: e-processes over all jobs of the epoch instead of
 * streaks of windows. Once crossed within an epoch, crossed for good.
 */
import { jobsForQuantile, latenciesOf, measureOf, mergeLatencies, tailOf } from './guardrail-latency.ts'
import { errorTally } from './guardrail-rate.ts'
import { counted, percent, plural, secondsText, silenceText, subjectOf, tallyText } from './guardrail-words.ts'
import type { ClosedWindow, Finding, Guardrail, JudgeContext, Latencies, MonitorState, Tally } from './monitor.ts'
import { countAbove, emptySketch, quantile } from './sketch.ts'
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
  /** Null where control doesn't enter: it has had no traffic, or the limit is relative to it already. */
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

/**
 * Counts candidate jobs slower than the limit: control's running quantile of this epoch × (1 + maxOverControl). If
 * the candidate is within the limit, at most 1 of 100 jobs is slower than it (for p99): the null hypothesis of the test,
 * with control's quantile taken as known. Control's latencies stay in `pending` as the yardstick; the candidate's wait there
 * until control has enough jobs to be one.
 */
function addSlow(guardrail: Guardrail, state: MonitorState, window: ClosedWindow): MonitorState {
  const fresh = latenciesOf(guardrail, window)
  const arrived = fresh.candidate.latency.count
  if (arrived + fresh.control.latency.count === 0) return state
  const latencies = state.pending?.latencies ? mergeLatencies(state.pending.latencies, fresh) : fresh
  const none = { fromMs: window.startMs, toMs: window.endMs, x: 0, n: 0, controlX: 0, controlN: 0 }
  const span = addTallies(state.pending?.tally ?? null, {
    ...none,
    n: arrived,
    controlN: fresh.control.latency.count,
  })
  const seen = state.seen + arrived
  const limit = slowLimit(guardrail, latencies)
  if (limit === null) return { ...state, seen, pending: { tally: span, latencies } }
  const measure = measureOf(latencies)
  const jobs = latencies.candidate[measure]
  const counts = { ...none, x: countAbove(jobs, limit), n: jobs.count }
  const control = latencies.control[measure]
  const trial = {
    ...addTallies(state.trial, counts),
    fromMs: span.fromMs,
    controlX: countAbove(control, limit),
    controlN: control.count,
  }
  const counted = { latency: emptySketch(), per_clip: emptySketch() }
  return { ...state, seen, trial, pending: { tally: span, latencies: { ...latencies, candidate: counted } } }
}

/** Null until control has enough jobs for its quantile. */
function slowLimit(guardrail: Guardrail, latencies: Latencies): number | null {
  const control = latencies.control[measureOf(latencies)]
  if (guardrail.maxOverControl === null || control.count < jobsForQuantile(guardrail)) return null
  return quantile(control, 1 - tailOf(guardrail))! * (1 + guardrail.maxOverControl)
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
      guardrail.metric !== 'error_rate' || controlN === 0 || n === 0
        ? null
        : logERateVsControl(x, x + controlX, n / (n + controlN), toleratedRatio(guardrail, trial, limit)),
    needed: Math.log((epoch * (epoch + 1)) / guardrail.alpha),
  }
}

/** (p_c + margin)/p_c, with control's rate drawn towards the limit by the weight of one event. */
function toleratedRatio({ margin }: Guardrail, { controlX, controlN }: Tally, limit: number): number {
  const controlRate = (controlX + 1) / (controlN + 1 / limit)
  return (controlRate + margin) / controlRate
}

export function assessSequential(guardrail: Guardrail, state: MonitorState, context: JudgeContext): Finding {
  const limit = limitOf(guardrail)
  const trial = state.tripped ?? state.trial
  if (limit === null || !trial || trial.n === 0) return unjudged(guardrail, state, context)
  const { x, n, controlX, controlN } = trial
  const shared = !state.tripped && sharedWithControl(guardrail, state.epoch, trial, limit)
  const open = shared || n < guardrail.minRequests
  const baselineValue = rate(controlX, controlN)
  const finding: Omit<Finding, 'words' | 'evidence'> = {
    status: state.tripped ? 'breach' : open ? 'inconclusive' : 'pass',
    note: shared ? 'both_bad' : null,
    value: x / n,
    n,
    baselineValue,
    baselineN: controlN,
    threshold: guardrail.metric === 'error_rate' ? Math.max(limit, (baselineValue ?? 0) + guardrail.margin) : limit,
    windows: { fromMs: trial.fromMs, toMs: trial.toMs, bad: state.tripped ? 1 : 0, needed: 1 },
  }
  const stand = (): Standing => standing(guardrail, state.epoch, trial, limit)
  return {
    ...finding,
    evidence: () => {
      const { logE, logEControl, needed } = stand()
      const against = logEControl === null ? {} : { logEControl }
      return { events: x, baselineEvents: controlX, logE, ...against, logENeeded: needed }
    },
    words: () => sequentialWords(guardrail, state, trial, finding, stand()),
  }
}

/** Over the limit for certain, and control's own rate is over it as well. */
function sharedWithControl(guardrail: Guardrail, epoch: number, trial: Tally, limit: number): boolean {
  if (guardrail.metric !== 'error_rate' || trial.x < LEAST_EVENTS || trial.x <= limit * trial.n) return false
  if (trial.controlX <= limit * trial.controlN) return false
  const { logE, needed } = standing(guardrail, epoch, trial, limit)
  return logE >= needed
}

/** `job error rate 12 % > 1.4 % (4 of 34 jobs; control 0.4 %): log e 9.7 and 6.1 against control, 5.3 needed`. */
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
  return status === 'inconclusive'
    ? `${base}: ${trial.n} of ${counted(guardrail.minRequests, operation)} needed to pass`
    : `${base}: ${rule}`
}

/** `share of jobs slower than 60.3 s`. */
function slowSubject(guardrail: Guardrail, state: MonitorState): string {
  const latencies = state.pending?.latencies
  const limit = latencies ? slowLimit(guardrail, latencies) : null
  const unit = latencies && measureOf(latencies) === 'per_clip' ? ' per clip' : ''
  return `share of ${plural(guardrail.operation)} slower than ${limit === null ? 'the limit' : secondsText(limit)}${unit}`
}

function unjudged(guardrail: Guardrail, state: MonitorState, context: JudgeContext): Finding {
  const { n, controlN } = state.pending?.tally ?? { n: 0, controlN: 0 }
  const slow = guardrail.metric !== 'error_rate'
  return nothingYet(guardrail, state.seen, context, { n, baselineN: controlN, noControl: slow && controlN === 0 }, () =>
    state.seen === 0
      ? silenceText(guardrail, context)
      : `${subjectOf(guardrail)}: control has ${controlN} of ${counted(jobsForQuantile(guardrail), guardrail.operation)} needed for a comparison`,
  )
}
