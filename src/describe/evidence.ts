/** The verdicts that a rollback rests on. The release itself begins anew with each epoch; its history keeps them. */
import { array, is, object } from 'valibot'
import { type HistoryEntry, type ReleaseView, type VerdictView, verdictSchema } from '../api/index.ts'
import { isArmError, type Outcome } from '../core/outcome.ts'
import { actorOf } from './names.ts'

const evidenceSchema = object({ verdict: verdictSchema, verdicts: array(verdictSchema) })

/** The verdict for which the guardrails made an entry; null where somebody else did. */
export function verdictBehind({ who, evidence }: HistoryEntry): VerdictView | null {
  const { kind, name } = actorOf(who)
  return kind === 'system' && name === 'guardrail' && is(evidenceSchema, evidence) ? evidence.verdict : null
}

/** A rolled-back release with the verdicts that led there, the deciding one first; any other as it is. */
export function withEvidence(view: ReleaseView, rollback: HistoryEntry | null): ReleaseView {
  if (view.verdicts.length > 0 || !rollback || !is(evidenceSchema, rollback.evidence)) return view
  const { verdict, verdicts } = rollback.evidence
  return { ...view, verdicts: [verdict, ...verdicts.filter(({ guardrail }) => guardrail !== verdict.guardrail)] }
}

/** The candidate's errors of a verdict by class, the most first. */
export function errorClasses({ evidence = {} }: VerdictView): { name: Outcome; n: number }[] {
  return Object.entries(evidence)
    .flatMap(([name, n]) => (isArmError(name as Outcome) ? [{ name: name as Outcome, n }] : []))
    .sort((a, b) => b.n - a.n)
}

/** Whether a change went past the review that the release asks for. */
export function isBreakGlass({ evidence }: HistoryEntry): boolean {
  return typeof evidence === 'object' && evidence !== null && 'break_glass' in evidence && evidence.break_glass === true
}
