/** Error rates job by job: whether the candidate's exceeds its limit for certain, and control's by more than a margin. */
import type { ClosedWindow, Finding, JudgeContext, Kind, MonitorState, Tally } from './monitor.ts'
import { errorTally } from './rate.ts'
import { sequentialFinding, type SequentialGuardrail, type SequentialTest, tripped } from './sequential.ts'
import { logERateVsControl } from '../stats/sequential.ts'
import { logETwoStreams } from '../stats/two-streams.ts'
import { addTallies, nothingYet } from './streak.ts'
import { noDataText, subjectOf } from './words.ts'

export interface SequentialRateGuardrail extends SequentialGuardrail {
  kind: 'sequential_rate'
  max: number
  /** The candidate's rate may exceed control's by this much. */
  margin: number
}

export const sequentialRate: Kind<SequentialRateGuardrail> = {
  kind: 'sequential_rate',
  metrics: /^error_rate$/,
  form: 'sequential',
  lacks: ({ max }) =>
    max === undefined || max === 0 || (typeof max === 'number' && max >= 1)
      ? { code: 'sequential_max', message: 'method = "sequential" takes error_rate with a max between 0 and 1' }
      : null,
  from: ({ metric, max, margin, alpha, minRequests }) => ({ metric, max: max!, margin, alpha, minRequests }),
  fold(guardrail, state, window) {
    return tripped(testOf(guardrail), state, add(guardrail, state, window))
  },
  assess,
  formula: ({ alpha, margin, max }) =>
    `e(x of n, p0 = ${max}) >= k(k + 1)/${alpha} in epoch k, and ` +
    (margin === 0
      ? `e(x of n, x_c of n_c) as well (one-sided beta-binomial e-process; e-variable for two streams)`
      : `e(x of x + x_c, θ0 by traffic share and (p_c + ${margin})/p_c) as well (one-sided beta-binomial e-processes)`),
  terms: ({ alpha }) => ({ alpha }),
  lacksControl: () => false,
}

function testOf({ max, margin, alpha, bothBad }: SequentialRateGuardrail): SequentialTest {
  return {
    limit: max,
    alpha,
    logEControl: (trial) => logEControl(trial, max, margin),
    actsWithoutControl: (logEControl) => logEControl === null || bothBad === 'rollback',
  }
}

/** Without a margin both arms' counts are tested; with one, whose the events are. */
function logEControl(trial: Tally, limit: number, margin: number): number {
  const { x, n, controlX, controlN } = trial
  return margin === 0
    ? logETwoStreams({ x, n }, { x: controlX, n: controlN })
    : logERateVsControl(x, x + controlX, n / (n + controlN), toleratedRatio(trial, limit, margin))
}

/** (p_c + margin)/p_c, with control's rate drawn towards the limit by the weight of one event. */
function toleratedRatio({ controlX, controlN }: Tally, limit: number, margin: number): number {
  const controlRate = (controlX + 1) / (controlN + 1 / limit)
  return (controlRate + margin) / controlRate
}

function add(guardrail: SequentialRateGuardrail, state: MonitorState, window: ClosedWindow): MonitorState {
  const fresh = errorTally(guardrail, window)
  return fresh ? { ...state, seen: state.seen + fresh.n, trial: addTallies(state.trial, fresh) } : state
}

function assess(guardrail: SequentialRateGuardrail, state: MonitorState, context: JudgeContext): Finding {
  const trial = state.tripped ?? state.trial
  if (!trial || trial.n === 0) {
    const baselineN = trial?.controlN ?? 0
    return nothingYet(1, state.seen, { n: 0, baselineN, noControl: false }, () => noDataText(guardrail, context))
  }
  const { operation, minRequests, margin } = guardrail
  const subject = () => subjectOf(guardrail)
  return sequentialFinding(testOf(guardrail), state, trial, {
    subject,
    operation,
    minRequests,
    margin,
    mayBeShared: true,
  })
}
