/** What a tick does about what it knows, as one commit: core/next-action.ts says what, this carries it out. Pure. */
import type { ReleaseConfig } from '../../config/load.ts'
import { blockers, type Facts, passWords } from '../../core/gates.ts'
import { type Judgement, openJudgement } from '../../core/guardrails/evaluation.ts'
import type { Verdict } from '../../core/guardrails/index.ts'
import { alertOf, nextAction } from '../../core/next-action.ts'
import { type Command, transition } from '../../core/transitions.ts'
import { type AuditDraft, type Commit, note, notice, stateChange, together } from './commit.ts'
import { factsOf, type Known } from './facts.ts'
import { verdictView } from './view.ts'

/** Who of the system acts, and for which reason; `cause` of a rollback is a guardrail or `experiment`. */
type Why = Pick<AuditDraft, 'who' | 'reason' | 'evidence' | 'cause'>

/** Nothing to write where nothing is to be done. */
export function decide(known: Known, config: ReleaseConfig, now: number): Commit {
  const { state, verdicts, decision } = known
  const facts = factsOf(known, config, now)
  const { alerted, candidateJobs } = judgementOf(known, config)
  const found = { state, verdicts, alerted, decision, blockers: blockers(state, config, facts) }
  const next = nextAction(found, config)
  const carryOut = (command: Command, why: Why) => bySystem(known, config, facts, command, why)
  switch (next?.action) {
    case undefined:
      return {}
    case 'alert':
      return alert(known, config, next.verdicts)
    case 'advance':
    case 'promote': {
      const reason = `bake over, ${candidateJobs} candidate jobs, ${passWords(verdicts)}`
      const evidence = { verdicts: verdicts.map(verdictView) }
      return carryOut({ action: next.action, force: false }, { who: 'system:auto', reason, evidence })
    }
    case 'rollback':
    case 'pause': {
      if (next.by === 'experiment') {
        const reason = `the experiment says so: ${decision!.message}`
        const why = { who: 'system:experiment', reason, evidence: { decision }, cause: 'experiment' }
        return carryOut({ action: next.action }, why)
      }
      const { message: reason, guardrail } = next.verdict
      const evidence = { verdict: verdictView(next.verdict), verdicts: verdicts.map(verdictView) }
      const cause = next.action === 'rollback' ? { cause: guardrail } : {}
      const acted = carryOut({ action: next.action }, { who: 'system:guardrail', reason, evidence, ...cause })
      // A pause leaves the epoch as it is: an alert for it would be the second.
      return together(acted, {
        stored: { judgement: alertedOf({ ...known, ...acted.stored }, config, [next.verdict]) },
        webhooks: [notice(config, 'guardrail_breached', { action: next.action, reason, evidence })],
      })
    }
  }
}

/** The stored judgement, or the one that the epoch begins with. */
export function judgementOf({ judgement, state }: Known, config: ReleaseConfig): Judgement {
  return judgement ?? openJudgement(state, config, null)
}

/** Nothing where the state machine refuses it. */
function bySystem(known: Known, config: ReleaseConfig, facts: Facts, command: Command, { cause, ...why }: Why): Commit {
  const next = transition(known.state, command, config, facts, why.reason)
  if (!next.ok) return {}
  const { from, to } = next
  const audit = { ...why, action: command.action, from, to, ...(cause ? { cause } : {}) }
  return stateChange(known, config, next.state, audit, facts.now)
}

function alert(known: Known, config: ReleaseConfig, verdicts: readonly Verdict[]): Commit {
  const notes = verdicts.map((verdict) =>
    note(known.state, config, 'guardrail_breached', {
      who: 'system:guardrail',
      action: 'guardrail_breached',
      reason: verdict.message,
      evidence: { verdict: verdictView(verdict) },
    }),
  )
  return notes.reduce(together, { stored: { judgement: alertedOf(known, config, verdicts) } })
}

function alertedOf(known: Known, config: ReleaseConfig, verdicts: readonly Verdict[]): Judgement {
  const judgement = judgementOf(known, config)
  return { ...judgement, alerted: [...judgement.alerted, ...verdicts.map(alertOf)] }
}
