/** A verdict in words: what is judged, its figures with their unit, its limit. The judgement itself is the core's. */
import type { VerdictView } from '../api/index.ts'
import { group, latency, share, significant, span } from './format.ts'
import type { Text } from './text/en.ts'

/** `Job error rate`, `Submit time p99`, `fvd`; a second monitor of the same metric says how it differs. */
export function guardrailName(verdict: VerdictView, t: Text): string {
  const g = t.guardrails
  const operation = g.operation[verdict.operation]
  const { metric, measure } = verdict
  const name = metric.startsWith('latency_')
    ? g.time(operation, metric.slice('latency_'.length))
    : metric === 'error_rate'
      ? g.errorRate(operation)
      : metric === 'refusal_rate'
        ? g.refusalRate(operation)
        : metric.replace('signal:', '')
  if (verdict.within_seconds !== null) return g.variant(name, g.fastTrip)
  if (measure === 'seconds_per_clip') return g.variant(name, g.perClip)
  return verdict.method === 'sequential' ? g.variant(name, g.jobByJob) : name
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
  const { windows, baseline_value } = verdict
  return t.guardrails.sentence(verdict.message, {
    name: guardrailName(verdict, t),
    candidate: `${figure(verdict.value, verdict, t)}${bracketed(restsOn(verdict.n, t), t)}`,
    control: `${figure(baseline_value, verdict, t)}${bracketed(restsOn(verdict.baseline_n, t), t)}`,
    limit: limitWords(verdict, t),
    streak: windows.needed > 1 && windows.bad > 0 ? t.guardrails.inARow(windows.bad, windows.needed) : '',
    status: statusWord(verdict, t),
    errors: errorClasses(verdict, t),
  })
}

function errorClasses({ evidence = {} }: VerdictView, t: Text): { name: string; n: string }[] {
  const words: Partial<Record<string, string>> = t.jobs.outcomes
  const named = Object.entries(evidence).flatMap(([key, n]) => {
    const name = words[key]
    return name === undefined ? [] : [{ name, n }]
  })
  return named.sort((a, b) => b.n - a.n).map(({ name, n }) => ({ name, n: group(n) }))
}

function bracketed(words: string, t: Text): string {
  return words === '' ? '' : t.guardrails.bracket(words)
}

/** The verdict's word, with what its note adds. */
export function statusWord(verdict: VerdictView, t: Text): string {
  if (verdict.note === 'both_bad') return t.guardrails.bothBad
  if (verdict.note === 'grace_over') return t.guardrails.graceOver
  return t.guardrails.status[verdict.status]
}

export type Tone = 'good' | 'wait' | 'bad' | 'quiet'

/** Red is kept for what is crossed; what isn't known has a colour of its own. */
export function toneOf(verdict: VerdictView): Tone {
  if (verdict.status === 'pass') return 'good'
  return verdict.status === 'breach' && verdict.note !== 'both_bad' ? 'bad' : 'wait'
}
