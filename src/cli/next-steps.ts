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

const bakeRemedy =
  (step: string) =>
  ({ until }: BlockerView): string =>
    until === null
      ? 'Traffic that reaches the candidate: the bake counts from its first finished job.'
      : `Time alone; \`sluice ${step} --wait\` waits for it, \`--force\` goes past it and says so in the history.`

const REMEDIES: Record<BlockerView['code'], string | ((blocker: BlockerView) => string)> = {
  bake: bakeRemedy('advance'),
  final_bake: bakeRemedy('promote'),
  min_jobs:
    'More candidate jobs: time, a higher percent (`sluice set-percent`), or a smaller min_jobs (`sluice config set`).',
  guardrail:
    'A verdict of pass: more data where it is undecided, a better candidate or `sluice rollback` where it is not.',
  gate: 'The decision of the experiment: `sluice report`.',
  approval: '`sluice approve --reason …`, once nothing else is in the way.',
  freeze: 'The end of the freeze; --force does not go past it, and a rollback is always possible.',
  paused: '`sluice resume`.',
  cooldown: 'Time alone.',
  not_started: '`sluice start`.',
  rolled_back: '`sluice reset --reason …`; nothing automatic leaves this state.',
}

/** What clears this. */
export function remedy(blocker: BlockerView): string {
  const words = REMEDIES[blocker.code] ?? 'Not known to this version of the command.'
  return typeof words === 'string' ? words : words(blocker)
}
