/**
 * Refusals (4xx) against control's. One request's refusal is its client's fault; but users are dealt to the arms by
 * chance, so what the candidate's users alone meet is the candidate's: an expired token, a contract that has moved.
 */
import type { ClosedWindow, GuardrailBase, Kind, Tally } from './monitor.ts'
import { type Counters, failures } from '../window.ts'
import type { SequentialGuardrail, SequentialTest } from './sequential.ts'
import { counting, sequentialFinding, sequentialFormula } from './sequential.ts'
import { nothingYet } from './streak.ts'
import { counted, noDataText, subjectOf } from './words.ts'

interface RefusalGuardrail extends SequentialGuardrail {
  kind: 'refusals'
  /** The share of refusals from which on they act: below it they are some clients' own matter. */
  max: number
}

export const refusals: Kind<RefusalGuardrail> = {
  kind: 'refusals',
  metrics: /^refusal_rate$/,
  form: 'sequential',
  lacks: ({ max }) =>
    typeof max === 'number' && max > 0 && max < 1
      ? null
      : { code: 'refusal_max', message: 'refusal_rate takes a max between 0 and 1' },
  settings: { max: true, alpha: true, minRequests: true },
  fold(guardrail, state, window) {
    const fresh = refusalTally(guardrail, window)
    return fresh ? counting(testOf(guardrail), state, fresh) : state
  },
  assess(guardrail, state, context) {
    const { minRequests, operation } = guardrail
    const [n, controlN] = [state.trial?.n ?? 0, state.trial?.controlN ?? 0]
    if (Math.min(n, controlN) >= (state.tripped ? 1 : minRequests))
      return sequentialFinding(guardrail, testOf(guardrail), state, () => subjectOf(guardrail))
    return nothingYet(1, state.seen, { n, baselineN: controlN, noControl: controlN === 0 }, () => {
      if (state.seen === 0) return noDataText(guardrail, state, context)
      const needed = `of ${counted(minRequests, operation)} needed for a comparison`
      return `${subjectOf(guardrail)}: ${n} at the candidate and ${controlN} at control ${needed}`
    })
  },
  formula: ({ alpha, max }) => sequentialFormula(alpha, String(max), 0),
  terms: ({ alpha }) => ({ alpha }),
  lacksControl: ({ minRequests }, { value, baselineN }) => value === null && baselineN < minRequests,
}

/** What is usual is known from control alone. */
function testOf({ max, alpha }: RefusalGuardrail): SequentialTest {
  return { limit: max, margin: 0, alpha, bothBad: null }
}

/** Content refusals, cancelled and aborted requests are left out: whether they were refused isn't known or isn't meant. */
function refusalTally({ operation }: GuardrailBase, window: ClosedWindow): Tally | null {
  const [own, other] = [refused(window.candidate[operation]), refused(window.control[operation])]
  if (own.n + other.n === 0) return null
  return { fromMs: window.startMs, toMs: window.endMs, ...own, controlX: other.x, controlN: other.n }
}

function refused(counters: Counters | undefined): { x: number; n: number } {
  const x = (counters?.outcomes.client_error ?? 0) - (counters?.repeats?.row?.client_error ?? 0)
  return { x, n: x + (counters ? failures(counters, 'row').n : 0) }
}
