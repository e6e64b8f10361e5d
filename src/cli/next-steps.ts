/** What a person can do next about a release, and what each thing that blocks it would take. Sentences only. */
import type { BlockerView, ReleaseView } from '../api/index.ts'
import { type NextStep, nextStep } from '../describe/next-step.ts'
import { place } from './words.ts'

/** The command that takes a step; an advance says where to, so that of two only one makes it. */
export function commandOf({ step, to }: NextStep): string {
  return step === 'advance' && to ? `sluice advance --to ${to.stage}` : `sluice ${step}`
}

/** The likely next command, in one or two lines. */
export function nextSteps(release: ReleaseView): string[] {
  const next = nextStep(release)
  if (release.state === 'completed') return ['Done. sluice rollback still takes it back.']
  if (next.by === 'nobody')
    return ['Next: nothing. The ladder ends below 100 %, and only from there is a release promoted.']
  if (next.by === 'gateway') return [`Next: ${place(next.to!)}, automatically; sluice status --watch shows it`]
  const isStep = next.step === 'advance' || next.step === 'promote'
  const wait = isStep && release.blocked_by.length > 0 ? ' --wait' : ''
  const note = next.step === 'reset' ? '  (back to idle, so that it can be started again)' : ''
  return [`Next: ${commandOf(next)}${wait}${note}`]
}

const BAKE_UNSTARTED = 'Traffic that reaches the candidate: the bake counts from its first finished job.'

/** What clears this. */
export function remedy({ code, until }: BlockerView): string {
  switch (code) {
    case 'bake':
    case 'final_bake': {
      const step = code === 'bake' ? 'advance' : 'promote'
      return until === null
        ? BAKE_UNSTARTED
        : `Time alone; \`sluice ${step} --wait\` waits for it, \`--force\` goes past it and says so in the history.`
    }
    case 'min_jobs':
      return 'More candidate jobs: time, a higher percent (`sluice set-percent`), or a smaller min_jobs (`sluice config set`).'
    case 'guardrail':
      return 'A verdict of pass: more data where it is undecided, a better candidate or `sluice rollback` where it is not.'
    case 'gate':
      return 'The decision of the experiment: `sluice report`.'
    case 'approval':
      return '`sluice approve --reason …`, once nothing else is in the way.'
    case 'freeze':
      return 'The end of the freeze; --force does not go past it, and a rollback is always possible.'
    case 'paused':
      return '`sluice resume`.'
    case 'cooldown':
      return 'Time alone.'
    case 'not_started':
      return '`sluice start`.'
    case 'rolled_back':
      return '`sluice reset --reason …`; nothing automatic leaves this state.'
    default:
      return 'Not known to this version of the command.'
  }
}
