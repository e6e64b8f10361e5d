/** What stands between a release and its next step, as a list: open items first, then what is already met. */
import type { BlockerView, ReleaseView, VerdictView } from '../api/index.ts'
import { bakeMs, isLastStep, metGates } from '../describe/next-step.ts'
import { type Part, span } from './format.ts'
import { guardrailName, statusWord } from './guardrail-words.ts'
import type { Text } from './text/index.ts'

export interface Wait {
  done: boolean
  words: Part[]
}

export function waits(view: ReleaseView, nowMs: number, t: Text): Wait[] {
  const open = openItems(view, nowMs, t).map((words) => ({ done: false, words }))
  const met = metGates(view).map((gate) => {
    const words = t.wait.done[gate]
    return { done: true, words: [typeof words === 'string' ? words : words(view.jobs.finished)] }
  })
  return [...open, ...met]
}

export function waitsTitle(view: ReleaseView, t: Text): string {
  if (view.state === 'rolled_back') return t.wait.titleNewStart
  if (view.state === 'idle') return t.wait.titleStart
  return isLastStep(view) ? t.wait.titlePromote : t.wait.titleNext
}

/** What is still open, in words. */
export function openItems(view: ReleaseView, nowMs: number, t: Text): Part[][] {
  const others = view.blocked_by.filter((blocker) => blocker.code !== 'guardrail')
  const items = others.map((blocker) => blockerWords(blocker, view, nowMs, t))
  const blocking = new Set(view.blocked_by.map(({ guardrail }) => guardrail))
  const wordsOf = (verdict: VerdictView): string => t.wait.guardrail(guardrailName(verdict, t), statusWord(verdict, t))
  // Guardrails that differ in their limits only have one name.
  const named = Map.groupBy(
    view.verdicts.filter(({ guardrail }) => blocking.has(guardrail)),
    wordsOf,
  )
  for (const [words, { length }] of named) items.push([t.wait.times(words, length)])
  if (view.state === 'rolled_back') items.push(t.wait.thenCooldown)
  if (view.state === 'rolled_back' && view.draining) items.push(t.wait.draining(view.draining.jobs))
  return items
}

/** One blocker in words; `until` is turned into what is left. */
export function blockerWords(blocker: BlockerView, view: ReleaseView, nowMs: number, t: Text): Part[] {
  const { code, until, message } = blocker
  const w = t.wait
  const left = until === null ? null : span((Date.parse(until) - nowMs) / 1000, t)
  const bake = () => [left === null ? w.bakeUnstarted : w.bake(left, bakeOf(blocker, view, t))]
  const { finished, needed } = view.jobs
  const words: Record<typeof code, () => Part[]> = {
    bake,
    final_bake: bake,
    min_jobs: () => w.minJobs(Math.max(0, needed - finished), finished, needed),
    gate: () => w.gate,
    approval: () => w.approval,
    freeze: () => w.freeze(left ?? ''),
    paused: () => w.paused,
    cooldown: () => w.cooldown(left ?? ''),
    not_started: () => w.notStarted,
    rolled_back: () => w.rolledBack,
    guardrail: () => [message],
  }
  return words[code]()
}

function bakeOf(blocker: BlockerView, view: ReleaseView, t: Text): string | null {
  const ms = bakeMs(blocker, view)
  return ms === null ? null : span(ms / 1000, t)
}
