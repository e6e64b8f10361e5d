/** The verdicts that a rollback rests on. The release itself begins anew with each epoch; its history keeps them. */
import { array, is, object } from 'valibot'
import { type HistoryEntry, type ReleaseView, verdictSchema } from '../api/index.ts'
import { sentenceOf } from './format.ts'
import { verdictSentence } from './guardrail-words.ts'
import type { Text } from './text/en.ts'

const evidenceSchema = object({ verdict: verdictSchema, verdicts: array(verdictSchema) })

/** Why an entry was made: a guardrail's own sentence in the reader's language, a person's as it was written. */
export function reasonOf(entry: HistoryEntry, t: Text): string {
  const { who, evidence, reason } = entry
  if (who === 'system:guardrail' && is(evidenceSchema, evidence)) return verdictSentence(evidence.verdict, t)
  return sentenceOf(reason)
}

/** A rolled-back release with the verdicts that led there, the deciding one first; any other as it is. */
export function withEvidence(view: ReleaseView, rollback: HistoryEntry | null): ReleaseView {
  if (view.verdicts.length > 0 || !rollback || !is(evidenceSchema, rollback.evidence)) return view
  const { verdict, verdicts } = rollback.evidence
  return { ...view, verdicts: [verdict, ...verdicts.filter(({ guardrail }) => guardrail !== verdict.guardrail)] }
}
