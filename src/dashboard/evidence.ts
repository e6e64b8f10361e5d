/** The verdicts that a rollback rests on. The release itself begins anew with each epoch; its history keeps them. */
import { array, is, object } from 'valibot'
import { type HistoryEntry, type ReleaseView, verdictSchema } from '../control/api.ts'

const evidenceSchema = object({ verdict: verdictSchema, verdicts: array(verdictSchema) })

/** A rolled-back release with the verdicts that led there, the deciding one first; any other as it is. */
export function withEvidence(view: ReleaseView, rollback: HistoryEntry | null): ReleaseView {
  if (view.verdicts.length > 0 || !rollback || !is(evidenceSchema, rollback.evidence)) return view
  const { verdict, verdicts } = rollback.evidence
  return { ...view, verdicts: [verdict, ...verdicts.filter(({ guardrail }) => guardrail !== verdict.guardrail)] }
}
