/** The next step of a release: which, where to, and who must act. And what stands in its way, or is met already. */
import type { BlockerView, ReleaseView } from '../api/index.ts'

export interface NextStep {
  step: 'start' | 'reset' | 'resume' | 'approve' | 'advance' | 'promote' | 'none'
  /** Where it leads; null where no place is known. */
  to: ReleaseView['next']
  /** `gateway`: it acts by itself once nothing blocks. `nobody`: there is no step left that anybody could take. */
  by: 'operator' | 'gateway' | 'nobody'
}

/** Below 100 % the last rung has no next step: only from 100 % is a release promoted. */
export function nextStep(view: ReleaseView): NextStep {
  const to = view.next
  if (view.state === 'idle') return { step: 'start', to: null, by: 'operator' }
  if (view.state === 'rolled_back') return { step: 'reset', to: null, by: 'operator' }
  if (view.state === 'completed' || to === null) return { step: 'none', to: null, by: 'nobody' }
  if (view.paused) return { step: 'resume', to, by: 'operator' }
  const isAuto = view.advance === 'auto'
  // An operator's own step is the approval itself.
  const asksApproval = view.blocked_by.some(({ code }) => code === 'approval')
  if (isAuto && asksApproval) return { step: 'approve', to, by: 'operator' }
  return { step: to.stage === 'completed' ? 'promote' : 'advance', to, by: isAuto ? 'gateway' : 'operator' }
}

/** Whether the release stands below its promotion: there is no rung left but that step. */
export function isLastStep({ state, next }: ReleaseView): boolean {
  return state === 'canary' && (next === null || next.stage === 'completed')
}

/** What no force passes: while it stands, every start, advance or promotion is refused. */
export function firmBlocker(view: ReleaseView): BlockerView | null {
  return view.blocked_by.find(({ code }) => code === 'paused' || code === 'freeze' || code === 'cooldown') ?? null
}

/** The bake that runs or is still to begin, if it blocks. */
export function openBake(view: ReleaseView): BlockerView | null {
  return view.blocked_by.find(({ code }) => code === 'bake' || code === 'final_bake') ?? null
}

/** Share of the present bake that is over, in [0, 1]; null where none runs. */
export function bakeProgress(view: ReleaseView, nowMs: number): number | null {
  if (view.state !== 'shadow' && view.state !== 'canary') return null
  const bake = openBake(view)
  if (!bake) return view.clock_started_at === null ? 0 : 1
  const spanMs = bakeMs(bake, view)
  if (spanMs === null) return 0
  return Math.min(1, Math.max(0, (nowMs - Date.parse(view.clock_started_at!)) / spanMs))
}

/** The whole bake, from the first finished job to its end, in ms; null before it has begun. */
export function bakeMs({ until }: BlockerView, { clock_started_at: begun }: ReleaseView): number | null {
  return until === null || begun === null ? null : Date.parse(until) - Date.parse(begun)
}

export type MetGate = 'bake' | 'min_jobs' | 'guardrails' | 'gate' | 'approval' | 'freeze' | 'drained'

/** What the present stage asks for and is met. */
export function metGates(view: ReleaseView): MetGate[] {
  if (view.state === 'rolled_back') return view.draining ? [] : ['drained']
  if (view.state !== 'shadow' && view.state !== 'canary') return []
  const blocked = new Set<string>(view.blocked_by.map(({ code }) => code))
  const rung = view.ladder.find(({ stage }) => stage === view.stage)
  const asked: [MetGate, boolean][] = [
    ['bake', openBake(view) === null],
    ['min_jobs', view.jobs.needed > 0 && !blocked.has('min_jobs')],
    ['guardrails', view.verdicts.length > 0 && view.verdicts.every(({ status }) => status === 'pass')],
    ['gate', rung?.gate === 'experiment' && !blocked.has('gate')],
    ['approval', rung?.approval === 'manual' && !blocked.has('approval')],
    ['freeze', !blocked.has('freeze')],
  ]
  return asked.flatMap(([gate, isMet]) => (isMet ? [gate] : []))
}
