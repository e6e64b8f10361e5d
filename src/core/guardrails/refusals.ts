/**
 * Refusals (4xx) against control's. One request's refusal is its client's fault; but users are dealt to the arms by
 * chance, so what the candidate's users alone meet is the candidate's: an expired token, a contract that has moved.
 */
import type { ClosedWindow, Finding, GuardrailBase, JudgeContext, Kind, MonitorState, Tally } from './monitor.ts'
import { logETwoStreams } from '../stats/two-streams.ts'
import { type Counters, judged } from '../window.ts'
import type { SequentialGuardrail } from './sequential.ts'
import { addTallies, countersOf, nothingYet, share } from './streak.ts'
import { counted, percent, noDataText, subjectOf, tallyText } from './words.ts'

interface RefusalGuardrail extends SequentialGuardrail {
  kind: 'refusals'
  /** The share of refusals from which on they act: below it they are some clients' own matter. */
  max: number
}

/** One client's repeats of a refused request are one refusal: clumps of so many are counted as one, in both arms. */
const CLUMP = 8

export const refusals: Kind<RefusalGuardrail> = {
  kind: 'refusals',
  metrics: /^refusal_rate$/,
  form: 'sequential',
  lacks: ({ max }) =>
    typeof max === 'number' && max > 0 && max < 1
      ? null
      : { code: 'refusal_max', message: 'refusal_rate takes a max between 0 and 1' },
  from: ({ metric, max, alpha, minRequests }) => ({ metric, max: max!, alpha, minRequests }),
  fold(guardrail, state, window) {
    const fresh = refusalTally(guardrail, window)
    if (!fresh) return state
    const trial = addTallies(state.trial, fresh)
    const isCrossed = state.tripped === null && crosses(guardrail, state.epoch, trial)
    return { ...state, seen: state.seen + fresh.n, trial, tripped: isCrossed ? trial : state.tripped }
  },
  assess,
  formula: ({ alpha, max }) =>
    `x/n > ${max}, and e(x of n, x_c of n_c)^(1/${CLUMP}) >= k(k + 1)/${alpha} in epoch k (e-variable for two streams)`,
  terms: ({ alpha }) => ({ alpha }),
  lacksControl: ({ minRequests }, { value, baselineN }) => value === null && baselineN < minRequests,
}

/** Content refusals, cancelled and aborted requests are left out: whether they were refused isn't known or isn't meant. */
function refusalTally(guardrail: GuardrailBase, window: ClosedWindow): Tally | null {
  const { candidate, control } = countersOf(guardrail, window)
  const own = refused(candidate)
  const other = refused(control)
  if (own.n + other.n === 0) return null
  return { fromMs: window.startMs, toMs: window.endMs, ...own, controlX: other.x, controlN: other.n }
}

function refused(counters: Counters | undefined): { x: number; n: number } {
  const x = counters?.outcomes.client_error ?? 0
  return { x, n: (counters ? judged(counters) : 0) + x }
}

function logE({ x, n, controlX, controlN }: Tally): number {
  return logETwoStreams({ x, n }, { x: controlX, n: controlN }) / CLUMP
}

function neededFor({ alpha }: RefusalGuardrail, epoch: number): number {
  return Math.log((epoch * (epoch + 1)) / alpha)
}

function crosses(guardrail: RefusalGuardrail, epoch: number, trial: Tally): boolean {
  const { minRequests, max } = guardrail
  if (trial.n < minRequests || trial.controlN < minRequests || trial.x <= max * trial.n) return false
  return logE(trial) >= neededFor(guardrail, epoch)
}

function assess(guardrail: RefusalGuardrail, state: MonitorState, context: JudgeContext): Finding {
  const trial = state.tripped ?? state.trial
  const { minRequests, operation, max: threshold } = guardrail
  const [n, controlN] = [trial?.n ?? 0, trial?.controlN ?? 0]
  if (!trial || Math.min(n, controlN) < minRequests) {
    return nothingYet(1, state.seen, { n, baselineN: controlN, noControl: controlN === 0 }, () => {
      if (state.seen === 0) return noDataText(guardrail, context)
      const needed = `of ${counted(minRequests, operation)} needed for a comparison`
      return `${subjectOf(guardrail)}: ${n} at the candidate and ${controlN} at control ${needed}`
    })
  }
  const { x, controlX } = trial
  const value = x / n
  const figures = (): [number, number] => [logE(trial), neededFor(guardrail, state.epoch)]
  return {
    status: state.tripped ? 'breach' : value > threshold && value > controlX / controlN ? 'inconclusive' : 'pass',
    note: null,
    value,
    n,
    baselineValue: share(controlX, controlN),
    baselineN: controlN,
    threshold,
    windows: { fromMs: trial.fromMs, toMs: trial.toMs, bad: state.tripped ? 1 : 0, needed: 1 },
    evidence: () => {
      const [logEControl, logENeeded] = figures()
      return { events: x, baselineEvents: controlX, logEControl, logENeeded }
    },
    words: () => {
      const [reached, needed] = figures()
      const sign = value > threshold ? '>' : 'within'
      const base = `${subjectOf(guardrail)} ${percent(value)} ${sign} ${percent(threshold)} ${tallyText(trial, operation)}`
      return `${base}: log e ${reached.toFixed(1)} against control, ${needed.toFixed(1)} needed`
    },
  }
}
