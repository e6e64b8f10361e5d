/** What the state machine goes by, from what the controller has stored. Pure. */
import type { ReleaseConfig } from '../../config/load.ts'
import { verdictsNow } from '../../core/cadence.ts'
import type { Facts } from '../../core/gates.ts'
import { waivedGuardrails } from '../../core/guardrails/waive.ts'
import type { Verdict } from '../../core/guardrails/index.ts'
import { isRunning } from '../../core/release.ts'
import type { StoredState } from './stored-state.ts'

/** All that is stored, when counters could last be read and judged (unix ms), and whether it is seldom judged now. */
export interface Known extends StoredState {
  judgedAt: number
  isQuiet: boolean
}

export function factsOf(known: Known, config: ReleaseConfig, now: number): Facts {
  const { judgement, state, decision } = known
  const verdicts = currentVerdicts(known, config, now)
  // A decision is about the split that it was read from.
  const experiment = decision?.epoch === state.epoch ? decision.decision : null
  const waived = waivedGuardrails(config.guardrails, verdicts, state.percent)
  return { now, finishedJobs: judgement?.candidateJobs ?? 0, verdicts, waived, experiment }
}

/** Of a running release: each an `error` once the last judgement is too old to act on. */
export function currentVerdicts(
  { verdicts, judgedAt, isQuiet, state }: Known,
  config: ReleaseConfig,
  now: number,
): readonly Verdict[] {
  return isRunning(state) ? verdictsNow(verdicts, judgedAt, config, now, isQuiet) : verdicts
}
