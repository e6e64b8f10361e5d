/** What a tick does about what it has found, and in which order. Pure: the controller carries it out. */
import type { Decision } from './decision.ts'
import type { Blocker } from './gates.ts'
import type { Guardrail } from './guardrails/index.ts'
import type { Verdict } from './guardrails/verdict.ts'
import { isRunning, nextRung, type Plan, presentRung, type ReleaseState } from './release.ts'

export type NextAction =
  | { action: 'rollback' | 'pause'; by: 'guardrail'; verdict: Verdict }
  | { action: 'rollback'; by: 'experiment' }
  /** Reported, and nothing changed: breaches that only warn, arms that are both bad, data that stays away. */
  | { action: 'alert'; verdicts: Verdict[] }
  | { action: 'advance' | 'promote' }

export interface Findings {
  state: ReleaseState
  /** One for each guardrail. */
  verdicts: readonly Verdict[]
  /** What was reported already in this epoch, as `alertOf` names it. */
  alerted: readonly string[]
  /** The experiment's last decision, and of which epoch it is. */
  decision: { epoch: number; decision: Decision['decision'] } | null
  /** What stands between this state and the next step. */
  blockers: readonly Blocker[]
}

type ActionPlan = Pick<Plan, 'ladder' | 'advance'> & { guardrails: readonly Guardrail[] }

/** One thing a tick: a rollback before all else, then a pause, what the experiment asks for, alerts, and only then a step. */
export function nextAction(found: Findings, plan: ActionPlan): NextAction | null {
  const { state, verdicts, alerted, blockers } = found
  if (!isRunning(state)) return null
  const breached = verdicts.find((verdict) => asksFor('rollback', verdict, plan.guardrails, state))
  if (breached) return { action: 'rollback', by: 'guardrail', verdict: breached }
  const isCompleted = state.state === 'completed'
  const pausing = verdicts.find((verdict) => asksFor('pause', verdict, plan.guardrails, state))
  if (pausing && !isCompleted && !state.paused) return { action: 'pause', by: 'guardrail', verdict: pausing }
  if (experimentHarms(found, plan)) return { action: 'rollback', by: 'experiment' }
  const unreported = verdicts.filter((verdict) => isNews(verdict, state) && !alerted.includes(alertOf(verdict)))
  if (unreported.length > 0) return { action: 'alert', verdicts: unreported }
  if (plan.advance !== 'auto' || isCompleted || blockers.length > 0) return null
  if (nextRung(state, plan.ladder)) return { action: 'advance' }
  return state.percent === 100 ? { action: 'promote' } : null
}

/** Whether this verdict asks for the action: a breach, or data missing for longer than the guardrail allows. */
export function asksFor(
  action: 'rollback' | 'pause',
  verdict: Verdict,
  guardrails: readonly Pick<Guardrail, 'id' | 'noData'>[],
  state: ReleaseState,
): boolean {
  if (verdict.status === 'breach') return verdict.action === action
  const noData = guardrails.find(({ id }) => id === verdict.guardrail)?.noData
  // Jobs that Sluice could not see are traffic, and held against no arm.
  const isUnseen = (verdict.evidence?.['unseen'] ?? 0) > 0
  return action === 'rollback' && hasNoData(verdict, state) && noData === 'rollback' && !isUnseen
}

/** The name under which a verdict is reported once an epoch: missing data and a breach of one guardrail are two things to report. */
export function alertOf({ guardrail, note }: Verdict): string {
  return note === 'grace_over' ? `${guardrail} no_data` : guardrail
}

function isNews(verdict: Verdict, state: ReleaseState): boolean {
  return verdict.status === 'breach' || verdict.note === 'both_bad' || hasNoData(verdict, state)
}

/** Data missing for longer than allowed, and not because a person sends the candidate nothing. */
function hasNoData({ note }: Verdict, state: ReleaseState): boolean {
  const turnedOff =
    state.state === 'shadow'
      ? state.paused || state.shadowSample === 0
      : state.state === 'canary' && state.percent === 0
  return note === 'grace_over' && !turnedOff
}

/** Only where the experiment is the stage's gate and nobody has to be asked; elsewhere it advises. */
function experimentHarms({ state, decision }: Findings, plan: ActionPlan): boolean {
  const isGate = state.state === 'canary' && presentRung(state, plan.ladder)?.gate === 'experiment'
  return isGate && plan.advance === 'auto' && decision?.epoch === state.epoch && decision.decision === 'rollback'
}
