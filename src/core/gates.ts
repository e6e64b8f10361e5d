/** Why a release does not advance yet: each gate asked, in a fixed order, with what is still missing. */
import type { Decision } from './decision.ts'
import type { Verdict } from './guardrails/index.ts'
import { nextRung, type Plan, presentRung, type ReleaseState } from './release.ts'

export const BLOCKER_CODES = [
  'bake',
  'final_bake',
  'min_jobs',
  'guardrail',
  'gate',
  'approval',
  'freeze',
  'paused',
  'cooldown',
  'not_started',
  'rolled_back',
] as const

export interface Blocker {
  code: (typeof BLOCKER_CODES)[number]
  message: string
  /** Its id, where it is one that waits. */
  guardrail?: string
  /** Unix ms at which it ends by itself; null if it doesn't. */
  untilMs: number | null
}

/** What the gates are asked about. */
export interface Facts {
  now: number
  /** Candidate jobs that ended in this epoch. */
  finishedJobs: number
  /** One for each guardrail of this epoch. */
  verdicts: readonly Verdict[]
  /** Guardrail ids whose lack of data may be passed over (`no_data = "warn"` after its grace). */
  waived: readonly string[]
  /** The experiment's decision on this stage; null while there is none. */
  experiment: Decision['decision'] | null
}

/** Everything that stands between this state and the next step; empty means go. */
export function blockers(state: ReleaseState, plan: Plan, facts: Facts): Blocker[] {
  if (state.state === 'idle') return idle(state, facts.now)
  if (state.state === 'rolled_back') return [open('rolled_back', 'a reset by an operator')]
  if (state.state === 'completed') return []
  const rung = presentRung(state, plan.ladder)
  const found: Blocker[] = []
  if (state.paused) found.push(open('paused', 'the release is paused; resume it'))
  for (const verdict of facts.verdicts) {
    if (verdict.status !== 'pass' && !facts.waived.includes(verdict.guardrail))
      found.push({ ...open('guardrail', guardrailWords(verdict)), guardrail: verdict.guardrail })
  }
  if (endsHere(state, plan))
    found.push(open('gate', `a rung above ${state.percent} %: the ladder ends here, and only 100 % is promoted`))
  found.push(...bake(state, plan, rung?.bakeMs ?? plan.bakeMs, facts.now))
  if (facts.finishedJobs < plan.minJobs) {
    const missing = plan.minJobs - facts.finishedJobs
    const jobs = missing === 1 ? 'job' : 'jobs'
    found.push(open('min_jobs', `${missing} more candidate ${jobs} (${facts.finishedJobs} of ${plan.minJobs})`))
  }
  if (rung?.gate === 'experiment' && facts.experiment !== 'advance') {
    found.push(open('gate', `the experiment's decision (now: ${facts.experiment ?? 'none'})`))
  }
  found.push(...frozen(plan, facts.now))
  if (rung?.approval === 'manual' && state.approvedStage !== state.stage) {
    found.push(open('approval', `approval by an operator to leave ${state.stage}`))
  }
  return found
}

/** The freeze that holds now, if any. It stops advances and promotes, forced ones too; nothing else. */
export function frozen(plan: Plan, now: number): Blocker[] {
  return plan.freeze
    .filter(({ fromMs, toMs }) => fromMs <= now && now < toMs)
    .map(({ toMs, why }) => ({ code: 'freeze', message: `freeze${why ? `: ${why}` : ''}`, untilMs: toMs }))
}

function idle(state: ReleaseState, now: number): Blocker[] {
  const until = state.cooldownUntil
  return until !== null && until > now
    ? [{ code: 'cooldown', message: 'cool-down after the reset', untilMs: until }]
    : [open('not_started', 'a start by an operator')]
}

/** Whether the release stands on the last rung of a ladder that does not reach 100. */
function endsHere(state: ReleaseState, plan: Plan): boolean {
  return state.state === 'canary' && state.percent < 100 && nextRung(state, plan.ladder) === null
}

function bake(state: ReleaseState, plan: Plan, bakeMs: number, now: number): Blocker[] {
  const last = state.state === 'canary' && state.percent === 100 && nextRung(state, plan.ladder) === null
  const code = last ? 'final_bake' : 'bake'
  const needed = last ? Math.max(bakeMs, plan.finalBakeMs) : bakeMs
  if (state.clockStartedAt === null)
    return [open(code, 'the first candidate job of this stage to end; the bake counts from there')]
  const until = state.clockStartedAt + needed
  if (until <= now) return []
  return [{ code, message: `bake: ${seconds(until - now)} of ${seconds(needed)} left`, untilMs: until }]
}

/** What an advance says of its guardrails: that all pass, or which did not and were waived. */
export function passWords(verdicts: readonly Verdict[]): string {
  const waived = verdicts.filter(({ status }) => status !== 'pass')
  if (waived.length === 0) return 'all guardrails pass'
  const named = waived.map(({ guardrail, status }) => `${guardrail} (${status.replace('_', ' ')})`)
  return `${verdicts.length - waived.length} of ${verdicts.length} guardrails pass, waived: ${named.join(', ')}`
}

/** Several guardrails may lack the same; only the name tells them apart. */
function guardrailWords({ guardrail, message, status }: Verdict): string {
  return `${guardrail}: ${message || status.replace('_', ' ')}`
}

function open(code: Blocker['code'], message: string): Blocker {
  return { code, message, untilMs: null }
}

function seconds(ms: number): string {
  const s = Math.ceil(ms / 1000)
  if (s < 120) return `${s} s`
  return s < 7200 ? `${Math.ceil(s / 60)} min` : `${Math.round(s / 360) / 10} h`
}
