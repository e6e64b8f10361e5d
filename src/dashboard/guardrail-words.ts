/** A verdict in words: what is judged, its figures with their unit, its limit. The judgement itself is the core's. */
import type { HistoryEntry, VerdictView } from '../api/index.ts'
import { endClasses, uncountedEnds, verdictBehind } from '../describe/evidence.ts'
import { judged } from '../describe/names.ts'
import { group, latency, sentenceOf, share, significant, span } from './format.ts'
import type { Text } from './text/index.ts'

/** `Job error rate`, `Submit time p99`, `fvd`; a second monitor of the same metric says how it differs. */
export function guardrailName(verdict: VerdictView, t: Text): string {
  const g = t.guardrails
  const operation = g.operation[verdict.operation]
  const { measured, how } = judged(verdict)
  const name =
    measured.of === 'latency'
      ? g.time(operation, measured.quantile)
      : measured.of === 'signal'
        ? measured.name
        : measured.of === 'refusals'
          ? g.refusalRate(operation)
          : g.errorRate(operation)
  return how === null ? name : g.variant(name, g.how[how])
}

/** A figure of this verdict, with its unit. */
export function figure(value: number | null, { measure }: VerdictView, t: Text): string {
  if (value === null) return '–'
  if (measure === 'share') return share(value, t)
  return measure === 'signal' ? significant(value) : latency(value, t)
}

/** How many requests or samples a figure rests on. */
export function restsOn(n: number, t: Text): string {
  return n > 0 ? t.guardrails.of(group(n)) : ''
}

/** `> 1 % in 5 windows`, `> 50 % in 10 s`, `> 1.4 %, α 0.01`; empty where the limit can't be told yet. */
export function limitWords(verdict: VerdictView, t: Text): string {
  if (verdict.threshold === null) return ''
  return t.guardrails.limit(figure(verdict.threshold, verdict, t)) + conditionWords(verdict, t)
}

/** What a limit goes with. */
function conditionWords({ within_seconds, alpha, method, windows }: VerdictView, t: Text): string {
  if (within_seconds !== null) return t.guardrails.inSpan(span(within_seconds, t))
  if (alpha !== null) return t.guardrails.alpha(String(alpha))
  return method === 'threshold' ? t.guardrails.inWindows(windows.needed) : ''
}

/** The verdict as a sentence: in English the API's own, else made of the same figures. */
export function verdictSentence(verdict: VerdictView, t: Text): string {
  return t.guardrails.sentence(verdict.message, {
    name: guardrailName(verdict, t),
    candidate: `${figure(verdict.value, verdict, t)}${bracketed(restsOn(verdict.n, t), t)}`,
    control: `${figure(verdict.baseline_value, verdict, t)}${bracketed(restsOn(verdict.baseline_n, t), t)}`,
    limit: limitWords(verdict, t),
    streak: streakWords(verdict, t),
    status: statusWord(verdict, t),
    ends: endClasses(verdict).map(({ name, n }) => ({ name: t.jobs.outcomes[name], n: group(n) })),
    isUnseen: (verdict.evidence?.['unseen'] ?? 0) > 0,
  })
}

/** Why an entry of the history was made: a guardrail's own sentence in the reader's language, a person's as it was written. */
export function entryReason(entry: HistoryEntry, t: Text): string {
  const verdict = verdictBehind(entry)
  return verdict ? verdictSentence(verdict, t) : sentenceOf(entry.reason)
}

/** Bad windows in a row, where it takes several; empty while there are none. */
export function streakWords({ windows }: VerdictView, t: Text): string {
  return windows.needed > 1 && windows.bad > 0 ? t.guardrails.inARow(windows.bad, windows.needed) : ''
}

function bracketed(words: string, t: Text): string {
  return words === '' ? '' : t.guardrails.bracket(words)
}

/** The verdict's word, with what its note adds; where jobs ended and brought no data, how most of them did. */
export function statusWord(verdict: VerdictView, t: Text): string {
  if (verdict.note === 'both_bad') return t.guardrails.bothBad
  const word = verdict.note === 'grace_over' ? t.guardrails.graceOver : t.guardrails.status[verdict.status]
  const [most] = uncountedEnds(verdict)
  return most ? word + bracketed(t.guardrails.ended(t.jobs.outcomes[most.name], group(most.n)), t) : word
}

export type Tone = 'good' | 'wait' | 'bad' | 'quiet'

/** Red is kept for what is crossed; what isn't known has a colour of its own. */
export function toneOf(verdict: VerdictView): Tone {
  if (verdict.status === 'pass') return 'good'
  return verdict.status === 'breach' && verdict.note !== 'both_bad' ? 'bad' : 'wait'
}
