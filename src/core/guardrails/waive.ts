/** Which guardrails may lack data without holding a release up. What holds it up otherwise is the gates'. */
import { type Guardrail, kindOf } from './kinds.ts'
import type { Verdict } from './verdict.ts'

/**
 * Ids of guardrails that are waived: without data for longer than allowed with `no_data = "warn"`, or relative to a
 * control that has too few requests to compare with, where the candidate takes all and control never will have more.
 */
export function waivedGuardrails(
  guardrails: readonly Guardrail[],
  verdicts: readonly Verdict[],
  percent: number,
): string[] {
  const byId = new Map(guardrails.map((guardrail) => [guardrail.id, guardrail]))
  return verdicts
    .filter((verdict) => {
      const guardrail = byId.get(verdict.guardrail)
      if (verdict.note === 'grace_over') return guardrail?.noData === 'warn'
      if (percent < 100) return false
      return verdict.note === 'no_control' || (guardrail !== undefined && lacksControl(guardrail, verdict))
    })
    .map(({ guardrail }) => guardrail)
}

/** Nothing could be judged, for want of control's requests alone. */
function lacksControl(guardrail: Guardrail, verdict: Verdict): boolean {
  return (
    verdict.status === 'inconclusive' && verdict.note === null && kindOf(guardrail).lacksControl(guardrail, verdict)
  )
}
