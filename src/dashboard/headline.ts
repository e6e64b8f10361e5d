/** The first line of a release's page and the paragraph below it: the facts of describe/, in the page's language. */
import type { HistoryEntry, ReleaseView, VerdictView } from '../api/index.ts'
import { verdictBehind } from '../describe/evidence.ts'
import { describe, type Facts, type Situation, type Worry } from '../describe/headline.ts'
import type { Health } from '../describe/health.ts'
import { openBake } from '../describe/next-step.ts'
import { clock, modelNames, type Part, percent, placeName, say, sentenceOf, share, span, stageName } from './format.ts'
import { entryReason, figure, guardrailName, type Tone } from './guardrail-words.ts'
import type { Text } from './text/index.ts'
import { blockerWords } from './waits.ts'

export interface Headline {
  title: string
  badge: { word: string; tone: Tone }
  sentence: Part[]
}

const TONE: Record<Health, Tone> = {
  healthy: 'good',
  watch: 'wait',
  waiting: 'wait',
  both_bad: 'wait',
  breach: 'bad',
  unmeasured: 'wait',
  stale: 'bad',
  quiet: 'quiet',
  done: 'good',
  rolled_back: 'bad',
}

/** `rollback` is the audit entry of the rollback that the release stands in, if it does. */
export function headline(view: ReleaseView, rollback: HistoryEntry | null, nowMs: number, t: Text): Headline {
  const facts = describe(view, rollback, nowMs)
  const { word, title } = t.health[facts.health]
  return {
    title: [placeWords(facts.situation, t), facts.paused ? t.paused : '', title].filter(Boolean).join(t.gap),
    badge: { word, tone: TONE[facts.health] },
    sentence: trimmed(sentence(view, facts, rollback, nowMs, t)),
  }
}

function placeWords(situation: Situation, t: Text): string {
  switch (situation.is) {
    case 'shadow':
      return situation.copied === null ? t.title.shadowOff : t.title.shadow(share(situation.copied, t))
    case 'canary':
      return t.title.canary(percent(situation.percent, t))
    case 'rolled_back':
      return t.title.rolledBack(situation.from && placeName(situation.from, t), situation.by)
    default:
      return t.title[situation.is]
  }
}

function sentence(
  view: ReleaseView,
  { situation, paused, worry, next }: Facts,
  rollback: HistoryEntry | null,
  nowMs: number,
  t: Text,
): Part[] {
  const s = t.sentence
  if (situation.is === 'idle') {
    const cooldown = view.blocked_by.filter(({ code }) => code === 'cooldown')
    const words = cooldown.flatMap((blocker) => say` ${blockerWords(blocker, view, nowMs, t)}${s.end}`)
    return [...s.idle(modelNames(view, t).control), ...words, ...(view.draining ? [t.gap, ...drain(view, t)] : [])]
  }
  if (situation.is === 'rolled_back') return afterRollback(view, rollback, t)
  const worried = worry === null ? [] : worryWords(worry, t)
  if (situation.is === 'completed') return [...worried, ...s.completed(modelNames(view, t).candidate)]
  return [
    ...worried,
    ...(situation.is === 'shadow' ? s.shadowFor : []),
    ...(paused ? s.paused : []),
    ...(next.to === null ? s.ladderEnds(percent(view.percent, t)) : nextWords(view, next, next.to.stage, nowMs, t)),
  ]
}

function worryWords(worry: Worry, t: Text): Part[] {
  const s = t.sentence
  if (worry.is === 'stale') return s.stale(span(worry.seconds, t))
  if (worry.is === 'both_bad') return s.bothBad
  const verdicts = worry.verdicts.slice(0, 2)
  return worry.is === 'streak'
    ? verdicts.flatMap((v) => s.streak(guardrailName(v, t), v.windows.bad, v.windows.needed))
    : verdicts.flatMap((v) => s.breach(guardrailName(v, t), figure(v.value, v, t), limit(v, t)))
}

function nextWords(view: ReleaseView, { step, by }: Facts['next'], to: string, nowMs: number, t: Text): Part[] {
  const s = t.sentence
  const bake = openBake(view)
  const listed = [...otherWaits(view, nowMs, t), ...guardrailWait(view, t)]
  const isPromotion = to === 'completed'
  const head = isPromotion ? s.last : s.next(stageName(to, t))
  const when = bake ? (bake.until === null ? s.bakeUnstarted : s.earliest(leftOf(bake.until, nowMs, t))) : []
  const tail = listed.length > 0 ? (bake ? s.alsoWaits : s.waits)(joined(listed, t)) : bake ? [s.end] : s.ready
  const how = by === 'gateway' ? (isPromotion ? s.promotes : s.advances) : s.operator[step]
  return [...head, ...when, ...tail, how]
}

/** All but the bake, which has a clause of its own, and the pause, which has a sentence. */
function otherWaits(view: ReleaseView, nowMs: number, t: Text): Part[][] {
  const apart = new Set(['bake', 'final_bake', 'guardrail', 'paused'])
  return view.blocked_by.filter(({ code }) => !apart.has(code)).map((b) => blockerWords(b, view, nowMs, t))
}

function guardrailWait(view: ReleaseView, t: Text): Part[][] {
  const n = view.blocked_by.filter(({ code }) => code === 'guardrail').length
  return n > 0 ? [t.wait.guardrails(n)] : []
}

function afterRollback(view: ReleaseView, rollback: HistoryEntry | null, t: Text): Part[] {
  const verdict = rollback && verdictBehind(rollback)
  const why =
    verdict?.status === 'breach'
      ? breached(verdict, t)
      : t.sentence.because(rollback ? entryReason(rollback, t) : sentenceOf(view.reason))
  return [...why, ...damage(view, rollback, t), ...drain(view, t)]
}

function breached(v: VerdictView, t: Text): Part[] {
  const control = v.baseline_value === null ? null : figure(v.baseline_value, v, t)
  const name = guardrailName(v, t)
  return t.sentence.breached(name, figure(v.value, v, t), limit(v, t), control, v.windows.bad, v.windows.needed)
}

function damage(view: ReleaseView, rollback: HistoryEntry | null, t: Text): Part[] {
  const s = t.sentence
  const blast = view.blast_radius
  if (!blast) return rollback ? [`${s.decided(clock(rollback.at))}${s.end} `] : []
  const late = blast.last_misrouted_submit_at
  const lateSeconds = late === null ? 0 : (Date.parse(late) - Date.parse(blast.decided_at)) / 1000
  const misrouted = lateSeconds > 0 ? s.misrouted(t.unit.s(lateSeconds.toFixed(1))) : ''
  const rescued = blast.jobs_rescued > 0 ? s.rescued(blast.jobs_rescued) : ''
  const gpu = blast.gpu_seconds_lost >= 1 ? s.gpu(span(blast.gpu_seconds_lost, t)) : ''
  return [
    `${s.decided(clock(blast.decided_at))}${misrouted}${s.end} `,
    ...s.failed(blast.jobs_failed, blast.subjects_exposed),
    `${rescued}${gpu}${s.end} `,
  ]
}

function drain(view: ReleaseView, t: Text): Part[] {
  const { draining } = view
  return draining ? t.sentence.draining(draining.jobs, span(draining.oldest_seconds, t)) : [t.sentence.drained]
}

function limit(v: VerdictView, t: Text): string {
  return v.threshold === null ? v.formula : t.guardrails.limitWords(figure(v.threshold, v, t))
}

function leftOf(until: string, nowMs: number, t: Text): string {
  return span((Date.parse(until) - nowMs) / 1000, t)
}

function joined(items: Part[][], t: Text): Part[] {
  return items.flatMap((item, i) => {
    if (i === 0) return item
    return [i === items.length - 1 ? t.sentence.and : t.sentence.comma, ...item]
  })
}

function trimmed(parts: Part[]): Part[] {
  const last = parts.at(-1)
  return typeof last === 'string' ? [...parts.slice(0, -1), last.trimEnd()] : parts
}
