/** What a person has seen and resumed in spite of is judged no more: a pause needs evidence that is newer. */
import { openMonitor } from './index.ts'
import type { Judgement } from './evaluation.ts'
import { type Guardrail, kindOf } from './kinds.ts'
import type { Verdict } from './verdict.ts'
import { acknowledgedBy } from './signal.ts'

/**
 * The judgement as of a resume: guardrails that pause and don't pass begin anew, within their epoch. Those that roll
 * back go on as they are, since nobody can resume in spite of a rollback.
 */
export function resumed(
  judgement: Judgement,
  guardrails: readonly Guardrail[],
  verdicts: readonly Verdict[],
  now: number,
): Judgement {
  const monitors = { ...judgement.monitors }
  for (const verdict of verdicts) {
    const guardrail = guardrails.find(({ id }) => id === verdict.guardrail)
    const state = monitors[verdict.guardrail]
    if (guardrail?.action !== 'pause' || verdict.status === 'pass' || !state) continue
    const acknowledged = kindOf(guardrail).isPosted ? acknowledgedBy(state.acknowledged, verdict) : null
    monitors[verdict.guardrail] = { ...openMonitor(state), since: now, acknowledged }
  }
  return { ...judgement, monitors, listeningSince: now }
}
