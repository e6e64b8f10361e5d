/** What stands between a release and its next step, as a list: open items first, then what is already met. */
import type { BlockerView, ReleaseView } from '../api/index.ts'
import { type Part, span } from './format.ts'
import { guardrailName, statusWord } from './guardrail-words.ts'
import type { Text } from './text/en.ts'

export interface Wait {
  done: boolean
  words: Part[]
}

export function waits(view: ReleaseView, nowMs: number, t: Text): Wait[] {
  const open = openItems(view, nowMs, t).map((words) => ({ done: false, words }))
  return [...open, ...metItems(view, t).map((words) => ({ done: true, words: [words] }))]
}

export function waitsTitle(view: ReleaseView, t: Text): string {
  if (view.state === 'rolled_back') return t.wait.titleNewStart
  if (view.state === 'idle') return t.wait.titleStart
  return isLastStep(view) ? t.wait.titlePromote : t.wait.titleNext
}

/** Above the last rung there is only the promotion. */
export function isLastStep(view: ReleaseView): boolean {
  return view.state === 'canary' && (view.next === null || view.next.stage === 'completed')
}

/** Whether the next step, the promotion too, is taken without a person; below 100 % the last rung has none. */
export function goesByItself(view: ReleaseView): boolean {
  return view.advance === 'auto' && view.next !== null
}

/** What is still open, in words. */
export function openItems(view: ReleaseView, nowMs: number, t: Text): Part[][] {
  const others = view.blocked_by.filter((blocker) => blocker.code !== 'guardrail')
  const items = others.map((blocker) => blockerWords(blocker, view, nowMs, t))
  const failing = view.verdicts.filter((verdict) => verdict.status !== 'pass')
  if (view.blocked_by.length > others.length) {
    items.push(...failing.map((verdict) => t.wait.guardrail(guardrailName(verdict, t), statusWord(verdict, t))))
    if (failing.length === 0) items.push(t.wait.guardrails(view.blocked_by.length - others.length))
  }
  if (view.state === 'rolled_back') items.push(t.wait.thenCooldown)
  if (view.state === 'rolled_back' && view.draining) items.push(t.wait.draining(view.draining.jobs))
  return items
}

/** One blocker in words; `until` is turned into what is left. */
export function blockerWords(blocker: BlockerView, view: ReleaseView, nowMs: number, t: Text): Part[] {
  const left = blocker.until === null ? null : span((Date.parse(blocker.until) - nowMs) / 1000, t)
  switch (blocker.code) {
    case 'bake':
    case 'final_bake':
      return [left === null ? t.wait.bakeUnstarted : t.wait.bake(left, bakeOf(blocker, view, t))]
    case 'min_jobs': {
      const { finished, needed } = view.jobs
      return t.wait.minJobs(Math.max(0, needed - finished), finished, needed)
    }
    case 'gate':
      return t.wait.gate
    case 'approval':
      return t.wait.approval
    case 'freeze':
      return t.wait.freeze(left ?? '')
    case 'paused':
      return t.wait.paused
    case 'cooldown':
      return t.wait.cooldown(left ?? '')
    case 'not_started':
      return t.wait.notStarted
    case 'rolled_back':
      return t.wait.rolledBack
    case 'guardrail':
      return [blocker.message]
  }
}

/** The whole bake, from the first finished job to its end. */
function bakeOf(blocker: BlockerView, view: ReleaseView, t: Text): string | null {
  if (blocker.until === null || view.clock_started_at === null) return null
  return span((Date.parse(blocker.until) - Date.parse(view.clock_started_at)) / 1000, t)
}

/** Share of the present bake that is over, in [0, 1]; null where none runs. */
export function bakeProgress(view: ReleaseView, nowMs: number): number | null {
  if (view.state !== 'shadow' && view.state !== 'canary') return null
  const bake = view.blocked_by.find(({ code }) => code === 'bake' || code === 'final_bake')
  if (!bake) return view.clock_started_at === null ? 0 : 1
  if (bake.until === null || view.clock_started_at === null) return 0
  const begun = Date.parse(view.clock_started_at)
  return Math.min(1, Math.max(0, (nowMs - begun) / (Date.parse(bake.until) - begun)))
}

function metItems(view: ReleaseView, t: Text): string[] {
  const blocked = new Set(view.blocked_by.map(({ code }) => code))
  const met = t.wait.done
  if (view.state === 'rolled_back') return view.draining ? [] : [met.drained]
  if (view.state !== 'shadow' && view.state !== 'canary') return []
  const rung = view.ladder.find(({ stage }) => stage === view.stage)
  return [
    ...(blocked.has('bake') || blocked.has('final_bake') ? [] : [met.bake]),
    ...(blocked.has('min_jobs') || view.jobs.needed === 0 ? [] : [met.minJobs(view.jobs.finished)]),
    ...(blocked.has('guardrail') || view.verdicts.length === 0 ? [] : [met.guardrails]),
    ...(rung?.gate === 'experiment' && !blocked.has('gate') ? [met.gate] : []),
    ...(rung?.approval === 'manual' && !blocked.has('approval') ? [met.approval] : []),
    ...(blocked.has('freeze') ? [] : [met.freeze]),
  ]
}
