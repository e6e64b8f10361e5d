/** Error rates job by job: whether the candidate's exceeds its limit for certain, and control's by more than a margin. */
import type { JudgeContext, Kind, MonitorState } from './monitor.ts'
import type { Finding } from './verdict.ts'
import { errorTally } from './rate.ts'
import {
  counting,
  sequentialFinding,
  sequentialFormula,
  type SequentialGuardrail,
  type SequentialTest,
} from './sequential.ts'
import { atLeastEnded, endedOf, nothingYet } from './streak.ts'
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
  settings: { max: true, margin: true, alpha: true, minRequests: true },
  fold(guardrail, state, window) {
    const fresh = errorTally(guardrail, window, 'row')
    if (!fresh) return state
    return counting(testOf(guardrail), state, state.since === null ? fresh : atLeastEnded(fresh))
  },
  assess,
  formula: ({ alpha, margin, max }) => sequentialFormula(alpha, String(max), margin),
  terms: ({ alpha }) => ({ alpha }),
  lacksControl: () => false,
}

function testOf({ max, margin, alpha, bothBad }: SequentialRateGuardrail): SequentialTest {
  return { limit: max, margin, alpha, bothBad }
}

function assess(guardrail: SequentialRateGuardrail, state: MonitorState, context: JudgeContext): Finding {
  const { trial } = state
  if (!trial || endedOf(trial) === 0) {
    const baselineN = trial?.controlN ?? 0
    return nothingYet(1, state.seen, { n: 0, baselineN, noControl: false }, () => noDataText(guardrail, context))
  }
  return sequentialFinding(guardrail, testOf(guardrail), state, () => subjectOf(guardrail))
}
