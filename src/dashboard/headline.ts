/**
 * The first line of a release's page: one sentence, and the paragraph that says why it stands
 * there and what comes next. Written from what the API gives, so that it can't say something else.
 */
import type { HistoryEntry, ReleaseView, VerdictView } from '../api/index.ts'
import { clock, type Part, percent, placeName, plain, say, sentenceOf, share, span, stageName } from './format.ts'
import { figure, guardrailName, type Tone } from './guardrail-words.ts'
import { HEALTH_TONE, type Health, healthOf, overdueSeconds, streaks } from './health.ts'
import type { Text } from './text/en.ts'
import { blockerWords, goesByItself, isLastStep } from './waits.ts'

export interface Headline {
  title: string
  badge: { word: string; tone: Tone }
  sentence: Part[]
}

/** `rollback` is the audit entry of the rollback that the release stands in, if it does. */
export function headline(view: ReleaseView, rollback: HistoryEntry | null, nowMs: number, t: Text): Headline {
  const health = healthOf(view, nowMs)
  const pausedWord = view.paused ? t.paused : ''
  return {
    title: [place(view, rollback, t), pausedWord, t.health[health].title].filter(Boolean).join(t.gap),
    badge: { word: t.health[health].word, tone: HEALTH_TONE[health] },
    sentence: trimmed(sentence(view, health, rollback, nowMs, t)),
  }
}

function place(view: ReleaseView, rollback: HistoryEntry | null, t: Text): string {
  switch (view.state) {
    case 'idle':
      return t.title.idle
    case 'shadow':
      return view.shadow.active ? t.title.shadow(share(view.shadow.sample, t)) : t.title.shadowOff
    case 'canary':
      return t.title.canary(percent(view.percent, t))
    case 'completed':
      return t.title.completed
    case 'rolled_back': {
      const from = rollback ? placeName(rollback.from, t) : null
      return t.title.rolledBack(from, rollback?.who.startsWith('system:') ? 'self' : 'hand')
    }
  }
}

function sentence(view: ReleaseView, health: Health, rollback: HistoryEntry | null, nowMs: number, t: Text): Part[] {
  const s = t.sentence
  if (view.state === 'idle') {
    const cooldown = view.blocked_by.filter(({ code }) => code === 'cooldown')
    const words = cooldown.flatMap((blocker) => say` ${blockerWords(blocker, view, nowMs, t)}${s.end}`)
    return [...s.idle(view.arms.control.model ?? t.arm.control), ...words]
  }
  if (view.state === 'rolled_back') return afterRollback(view, rollback, t)
  const worry = worries(view, health, nowMs, t)
  if (view.state === 'completed') return [...worry, ...s.completed(view.arms.candidate.model ?? t.arm.candidate)]
  return [
    ...worry,
    ...(view.state === 'shadow' ? s.shadowFor : []),
    ...(view.paused ? s.paused : []),
    ...nextStep(view, nowMs, t),
  ]
}

/** What is wrong comes before what comes next. */
function worries(view: ReleaseView, health: Health, nowMs: number, t: Text): Part[] {
  const s = t.sentence
  if (health === 'stale') return s.stale(span(overdueSeconds(view, nowMs), t))
  if (health === 'both_bad') return s.bothBad
  if (health === 'watch') {
    return streaks(view)
      .slice(0, 2)
      .flatMap((v) => s.streak(guardrailName(v, t), v.windows.bad, v.windows.needed))
  }
  if (health !== 'breach') return []
  return view.verdicts
    .filter((v) => v.status === 'breach' && v.note !== 'both_bad')
    .slice(0, 2)
    .flatMap((v) => s.breach(guardrailName(v, t), figure(v.value, v, t), limit(v, t)))
}

function nextStep(view: ReleaseView, nowMs: number, t: Text): Part[] {
  const s = t.sentence
  const bake = view.blocked_by.find(({ code }) => code === 'bake' || code === 'final_bake')
  const listed = [...otherWaits(view, nowMs, t), ...guardrailWait(view, t)]
  const head = view.next && !isLastStep(view) ? s.next(stageName(view.next.stage, t)) : s.last
  const when = bake ? (bake.until === null ? s.bakeUnstarted : s.earliest(leftOf(bake.until, nowMs, t))) : []
  const tail = listed.length > 0 ? (bake ? s.alsoWaits : s.waits)(joined(listed, t)) : bake ? [s.end] : s.ready
  const how = goesByItself(view) ? s.automatic : s.byHand
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
  const s = t.sentence
  const breaches = view.verdicts.filter((v) => v.status === 'breach' && v.note !== 'both_bad')
  const verdict = breaches.find(({ action }) => action === 'rollback')
  const bySystem = rollback?.who.startsWith('system:') ?? false
  const why = verdict && bySystem ? breached(verdict, t) : s.because(sentenceOf(rollback?.reason ?? view.reason))
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

/** The title alone, as the browser's tab shows it. */
export function tabTitle(head: Headline, name: string): string {
  return `${plain([head.title])} · ${name}`
}
