/** Error rates job by job: whether the candidate's exceeds its limit for certain, and control's by more than a margin. */
import type { GuardrailSettings, Kind, Tally } from './monitor.ts'
import { errorTally } from './rate.ts'
import type { SequentialGuardrail, SequentialTest } from './sequential.ts'
import { counting, sequentialFinding, sequentialFormula } from './sequential.ts'
import { endedOf, nothingYet, takenUpOf } from './streak.ts'
import { noDataText, subjectOf } from './words.ts'

export interface SequentialRateGuardrail extends SequentialGuardrail, Pick<GuardrailSettings, 'margin'> {
  kind: 'sequential_rate'
  max: number
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
    return counting(testOf(guardrail), state, state.since === null ? fresh : submittedSince(state.since, fresh))
  },
  assess(guardrail, state, context) {
    const { trial, seen } = state
    if (trial && endedOf(trial) > 0)
      return sequentialFinding(guardrail, testOf(guardrail), state, () => subjectOf(guardrail))
    const needs = { n: 0, baselineN: trial?.controlN ?? 0, noControl: false }
    return nothingYet(1, seen, needs, () => noDataText(guardrail, state, context))
  },
  formula: ({ alpha, margin, max }) => sequentialFormula(alpha, String(max), margin),
  terms: ({ alpha }) => ({ alpha }),
  lacksControl: () => false,
}

function testOf({ max, margin, alpha, bothBad }: SequentialRateGuardrail): SequentialTest {
  return { limit: max, margin, alpha, bothBad }
}

/**
 * Without the candidate's failures whose jobs may have been submitted before: nobody has counted those jobs, or a resume
 * has acknowledged them. Control's stay: the more of them, the less is held against the candidate.
 */
function submittedSince(sinceMs: number, tally: Tally): Tally {
  const { fromMs, toMs } = tally
  const isNew = ([windows]: [string, number]) => fromMs - Number(windows) * (toMs - fromMs) >= sinceMs
  const late = Object.entries(tally.late ?? {})
  const older = late.filter((each) => !isNew(each)).reduce((sum, [, n]) => sum + n, 0)
  if (older === 0) return tally
  const x = tally.x - older
  const n = Math.max(x, takenUpOf(tally).candidate)
  // Of which classes those were is not known.
  return { ...tally, x, n, ended: endedOf(tally), late: Object.fromEntries(late.filter(isNew)), errors: {} }
}
